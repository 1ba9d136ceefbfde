"""Refused telegrams, read back from their topic: counted by reason and meter, or put on the line again.

Putting one on the line is safe at any time and any number of times: the counter of a telegram that has been accepted
since is refused, one that fills a hole is late data, and what was refused for its bytes is refused once more.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple

from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaException, TopicPartition

from stream_app.lane.stage import Output
from stream_app.refusals import REJECT_HEADERS
from stream_app.writer import TIMEOUT_S, Writer


class Reject(NamedTuple):
    """One refused telegram. ``at``: received-at in epoch milliseconds; ``headers``: those of the frame only."""

    key: bytes | None
    value: bytes | None
    at: int
    headers: list[tuple[str, bytes]]
    error: str
    layer: str
    reason: str
    source: str

    @property
    def title(self) -> str:
        """The record's key as text, whatever its bytes."""
        return (self.key or b"").decode("ascii", "replace")


class Choice(NamedTuple):
    """Which rejects: of these kinds and titles (empty: all), received in ``since`` ≤ at < ``until``."""

    kinds: frozenset[str] = frozenset()
    titles: frozenset[str] = frozenset()
    since: int = 0
    until: int = 2**63

    def takes(self, reject: Reject) -> bool:
        """Is it one of them?"""
        kind = not self.kinds or reject.error in self.kinds
        return kind and self.since <= reject.at < self.until and (not self.titles or reject.title in self.titles)


class Group(NamedTuple):
    """What ``rejects list`` shows on a line; times in epoch milliseconds."""

    error: str
    reason: str
    title: str
    times: int
    first: int
    last: int


def read_rejects(client: Mapping[str, Any], topic: str) -> Iterator[Reject]:
    """Every reject there is, by partition and offset, up to the end as of now. Raises ``KafkaException``.

    ``client`` goes to librdkafka. Its group is never joined, but the broker wants a right to its name.
    """
    consumer = Consumer(
        {
            **client,
            "enable.auto.commit": False,
            "auto.offset.reset": "earliest",
            "isolation.level": "read_committed",
            "enable.partition.eof": True,
        }
    )
    try:
        found = consumer.list_topics(topic, timeout=TIMEOUT_S).topics[topic]
        if found.error is not None:
            raise KafkaException(found.error)
        for number in sorted(found.partitions):
            consumer.assign([TopicPartition(topic, number, OFFSET_BEGINNING)])
            yield from _to_the_end(consumer)
    finally:
        consumer.close()


def _to_the_end(consumer: Consumer) -> Iterator[Reject]:
    while True:
        for message in consumer.consume(1000, timeout=0.5):
            if message.error() is None:
                yield _reject(message)
            elif message.error().name() == "_PARTITION_EOF":
                return
            else:
                raise KafkaException(message.error())


def _reject(message: Any) -> Reject:
    headers = message.headers() or []
    told = {name: value.decode("utf-8", "replace") for name, value in headers if name in REJECT_HEADERS}
    kept = [(name, value) for name, value in headers if name not in REJECT_HEADERS]
    words = (told.get(name, "") for name in REJECT_HEADERS)
    return Reject(message.key(), message.value(), message.timestamp()[1], kept, *words)


def grouped(rejects: Iterable[Reject]) -> list[Group]:
    """By kind, reason and meter, the most frequent first. Offsets inside a reason do not make another reason."""
    groups: dict[tuple[str, str, str], tuple[int, int, int]] = {}
    for reject in rejects:
        key = (reject.error, reject.reason.partition(" at byte ")[0], reject.title)
        count, first, last = groups.get(key, (0, reject.at, reject.at))
        groups[key] = (count + 1, min(first, reject.at), max(last, reject.at))
    return sorted((Group(*key, *sums) for key, sums in groups.items()), key=lambda g: (-g.times, g))


def put_back(client: Mapping[str, Any], topic: str, rejects: Iterable[Reject]) -> None:
    """Write rejects to ``frames`` as they once were, in their order. Raises ``KafkaException``."""
    writer = Writer(client)
    for reject in rejects:
        writer.write(Output(topic, reject.key, reject.value, reject.at, headers=reject.headers))
    writer.flush()
