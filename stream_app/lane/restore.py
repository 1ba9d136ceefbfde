"""From what the broker holds to a state in memory: the committed position, and the changelog up to its end.

Only ever called after the fence, so that both are final.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from typing import Any, NamedTuple

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import GroupLoadInProgressError, KafkaError

from stream_app.lane.errors import StateMismatchError
from stream_app.lane.transactions import MARKER, NOTHING, Position

PATIENCE_S = 5.0  # for a coordinator that has moved or is loading


class Span(NamedTuple):
    """The offsets of a partition: the first that is there, and the one after the last."""

    begin: int
    end: int


async def committed(client: Mapping[str, Any], group: str, source: TopicPartition) -> Position:
    """The position that was last committed for ``source``, or NOTHING.

    aiokafka does not repeat the request by itself, names some errors wrongly (``admin/client.py:538``) and overlooks
    that of a coordinator that is still loading: its answer is empty, which does not mean that nothing was committed.
    """
    deadline = time.monotonic() + PATIENCE_S
    while True:
        admin = AIOKafkaAdminClient(**client)
        try:
            await admin.start()
            answer = await admin.list_consumer_group_offsets(group, partitions=[source])
            if source not in answer:
                raise GroupLoadInProgressError(f"no answer for group {group}")
            return Position(answer[source].offset, answer[source].metadata or "")
        except KafkaError:
            if time.monotonic() > deadline:
                raise
            await asyncio.sleep(0.2)
        finally:
            await admin.close()


async def spans(consumer: AIOKafkaConsumer, *partitions: TopicPartition) -> list[Span]:
    """Where partitions begin and end; under ``read_committed`` the end is the last stable offset.

    Asked before the consumer fetches anything: afterwards the answer would queue behind a waiting fetch.
    """
    begins, ends = await consumer.beginning_offsets(partitions), await consumer.end_offsets(partitions)
    return [Span(begins[partition], ends[partition]) for partition in partitions]


async def read_changelog(
    consumer: AIOKafkaConsumer, changelog: TopicPartition, span: Span
) -> tuple[dict[bytes, bytes], Position]:
    """The newest value of every key that has one, and the position of the commit that wrote last.

    By position, never by counting: markers and aborted records take offsets too.
    """
    consumer.assign([changelog])
    consumer.seek(changelog, span.begin)  # no await since assign, or the consumer would look for a position itself
    entries: dict[bytes, bytes] = {}
    while span.begin < span.end and await consumer.position(changelog) < span.end:
        for records in (await consumer.getmany(timeout_ms=500)).values():
            for record in records:
                if record.value is None:
                    entries.pop(record.key, None)
                else:
                    entries[record.key] = record.value
        await asyncio.sleep(0)
    marker = entries.pop(MARKER, None)
    return entries, NOTHING if marker is None else Position.unpack(marker)


def agree(source: TopicPartition, at: Position, marker: Position) -> None:
    """Refuse a changelog (``marker``) that is not the state of the committed position (``at``)."""
    if at != marker:
        raise StateMismatchError(
            f"{source.topic}/{source.partition}: committed is {at}, but the changelog is the state of {marker}. "
            "Offsets were reset or have expired, or a topic was re-created; the worker will not guess."
        )


def start_offset(source: TopicPartition, span: Span, at: Position) -> tuple[int, int]:
    """Where to go on, and how many records before that the retention has deleted unread."""
    if at.offset > span.end:
        raise StateMismatchError(
            f"{source.topic}/{source.partition} ends at {span.end}, before the committed offset {at.offset}: "
            "was the topic re-created?"
        )
    if at == NOTHING:
        return span.begin, 0
    return max(span.begin, at.offset), max(0, span.begin - at.offset)
