"""From what the broker holds to a state in memory: the committed position, and the changelog up to its end.

Only ever called after the fence, so that both are final.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from typing import Any

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaError

from stream_app.lane.errors import StateMismatchError
from stream_app.lane.transactions import MARKER, NOTHING, Position

PATIENCE_S = 5.0  # a coordinator that has moved or is loading; an offset that appears a moment after its transaction


async def committed(client: Mapping[str, Any], group: str, source: TopicPartition) -> Position:
    """The position that was last committed for ``source``, or NOTHING.

    aiokafka's request is not repeated by itself, and may fail with the wrong name (``admin/client.py:538``).
    """
    deadline = time.monotonic() + PATIENCE_S
    while True:
        admin = AIOKafkaAdminClient(**client)
        try:
            await admin.start()
            found = (await admin.list_consumer_group_offsets(group, partitions=[source]))[source]
            return Position(found.offset, found.metadata or "")
        except KafkaError:
            if time.monotonic() > deadline:
                raise
            await asyncio.sleep(0.2)
        finally:
            await admin.close()


async def read_changelog(consumer: AIOKafkaConsumer, changelog: TopicPartition) -> tuple[dict[bytes, bytes], Position]:
    """The newest value of every key that has one, and the position of the commit that wrote last.

    By position, never by counting: markers and aborted records take offsets too.
    """
    begin = (await consumer.beginning_offsets([changelog]))[changelog]
    end = (await consumer.end_offsets([changelog]))[changelog]  # read_committed: the last stable offset
    consumer.assign([changelog])
    consumer.seek(changelog, begin)  # no await since assign, or the consumer would look for a position itself
    entries: dict[bytes, bytes] = {}
    while begin < end and await consumer.position(changelog) < end:
        for records in (await consumer.getmany(timeout_ms=500)).values():
            for record in records:
                if record.value is None:
                    entries.pop(record.key, None)
                else:
                    entries[record.key] = record.value
        await asyncio.sleep(0)
    marker = entries.pop(MARKER, None)
    return entries, NOTHING if marker is None else Position.unpack(marker)


async def agree(client: Mapping[str, Any], group: str, source: TopicPartition, at: Position, marker: Position) -> None:
    """Refuse a changelog (``marker``) that is not the state of the committed position (``at``).

    A broker may show the offset of a transaction a moment after its records, and aiokafka cannot ask for stable
    offsets: hence the second look.
    """
    deadline = time.monotonic() + PATIENCE_S
    while at != marker:
        if time.monotonic() > deadline:
            raise StateMismatchError(
                f"{source.topic}/{source.partition}: group {group} committed {at}, but the changelog is of {marker}. "
                "Offsets were reset or have expired, or a topic was re-created; the worker will not guess."
            )
        await asyncio.sleep(0.2)
        at = await committed(client, group, source)


async def start_offset(consumer: AIOKafkaConsumer, source: TopicPartition, at: Position) -> tuple[int, int]:
    """Where to go on, and how many records before that the retention has deleted unread."""
    begin = (await consumer.beginning_offsets([source]))[source]
    end = (await consumer.end_offsets([source]))[source]
    if at.offset > end:
        raise StateMismatchError(
            f"{source.topic}/{source.partition} ends at {end}, before the committed offset {at.offset}: "
            "was the topic re-created?"
        )
    if at == NOTHING:
        return begin, 0
    return max(begin, at.offset), max(0, begin - at.offset)
