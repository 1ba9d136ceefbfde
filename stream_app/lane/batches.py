"""Outputs into Kafka record batches, one queue of batches per topic-partition, in order."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from functools import lru_cache
from typing import Protocol

from aiokafka.partitioner import murmur2

from stream_app.lane.stage import Output

Target = tuple[str, int]
NO_HEADERS: list[tuple[str, bytes | None]] = []


class Batch(Protocol):
    """What is used of aiokafka's ``BatchBuilder``."""

    def append(
        self, *, timestamp: int, key: bytes | None, value: bytes | None, headers: list[tuple[str, bytes | None]]
    ) -> object | None:
        """Take a record (timestamp in milliseconds), or None when it no longer fits. The first one always fits."""

    def close(self) -> None:
        """Take no more."""


@lru_cache(maxsize=1 << 16)  # the hash is pure Python and costs 10 µs; sites and titles come again and again
def hash_of(key: bytes) -> int:
    """The positive murmur2 hash that Java's default partitioner takes modulo the number of partitions."""
    return int(murmur2(key)) & 0x7FFFFFFF


def pack(
    outputs: Iterable[Output], home: int, partitions: Mapping[str, int], new_batch: Callable[[], Batch]
) -> dict[Target, list[Batch]]:
    """Batches of ``outputs``, closed, in the order in which each target must receive them.

    ``home`` is the partition of outputs that name none; ``partitions`` has the number of partitions of every topic
    that is addressed by a hash.
    """
    packed: dict[Target, list[Batch]] = {}
    for topic, key, value, timestamp, partition, headers in outputs:
        if partition is None:
            partition = home
        elif partition.__class__ is not int:
            partition = hash_of(partition) % partitions[topic]
        target: Target = (topic, partition)
        batches = packed.get(target)
        if batches is None:
            batches = packed[target] = [new_batch()]
        record_headers = list(headers) if headers else NO_HEADERS
        if batches[-1].append(timestamp=timestamp, key=key, value=value, headers=record_headers) is None:
            batches.append(new_batch())
            batches[-1].append(timestamp=timestamp, key=key, value=value, headers=record_headers)
    for batches in packed.values():
        for batch in batches:
            batch.close()
    return packed


def hashed_topics(outputs: Iterable[Output]) -> set[str]:
    """The topics that ``pack`` must know the number of partitions of."""
    return {topic for topic, _, _, _, partition, _ in outputs if partition.__class__ is bytes}
