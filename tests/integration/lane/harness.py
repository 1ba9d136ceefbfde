"""A lane in this process, without Faust: the test hands out the partitions itself."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping
from typing import Any

from aiokafka import AIOKafkaConsumer, TopicPartition
from confluent_kafka import Producer

from stream_app.lane.lane import Lane
from stream_app.lane.options import Options
from stream_app.lane.stage import Stage
from tests.faults.toy import ToyStage
from tests.kafka_broker import KafkaBroker


class HandMadeGroup:
    """A group whose membership is confirmed as long as the test says so."""

    def __init__(self, name: str) -> None:
        self.id = name
        self.alive = True
        self.crashed: BaseException | None = None

    def confirmed_at(self) -> float:
        return time.monotonic() if self.alive else 0.0

    async def crash(self, error: BaseException) -> None:
        self.crashed = error


class Harness:
    """A lane, its group, and what it has told."""

    def __init__(self, stage: Stage[Any], bootstrap: str, group: str, **options: Any) -> None:
        self.events: list[tuple[str, int, Mapping[str, object]]] = []
        self.group = HandMadeGroup(group)
        self._bootstrap = bootstrap
        client = {"bootstrap_servers": bootstrap}
        self.lane = Lane(stage, self.group, Options(client, on_event=self._note, **options))

    def count(self, event: str, partition: int | None = None) -> int:
        return sum(e == event and partition in (None, p) for e, p, _ in self.events)

    def details(self, event: str) -> list[Mapping[str, object]]:
        return [details for e, _, details in self.events if e == event]

    async def running(self, *partitions: int) -> None:
        await until(lambda: {f.partition for f in self.lane.facts() if f.status == "running"} == set(partitions))

    async def caught_up(self) -> None:
        """Everything that is in the partitions it has by now is committed."""
        ends = await ends_of(self._bootstrap, self.lane.topic)
        await until(lambda: (f := self.lane.facts()) and all(p.committed_offset == ends[p.partition] for p in f))

    def _note(self, event: str, topic: str, partition: int, details: Mapping[str, object]) -> None:
        self.events.append((event, partition, details))


async def until(condition: Callable[[], object], seconds: float = 30) -> None:
    """Await a condition of this process."""
    async with asyncio.timeout(seconds):
        while not condition():  # noqa: ASYNC110, the condition has no event
            await asyncio.sleep(0.02)


def feed(bootstrap: str, topic: str, keys: int, count: int, *, start: int = 0, size: int = 100, **where: int) -> None:
    """Produce ``count`` records with rising numbers over ``keys`` keys; ``partition=`` pins them."""
    producer = Producer({"bootstrap.servers": bootstrap, "partitioner": "murmur2_random", "linger.ms": 20})
    for number in range(start, start + count):
        value = number.to_bytes(8, "big") + bytes(size)
        while True:
            try:
                producer.produce(topic, key=b"K%06d" % (number % keys), value=value, **where)
                break
            except BufferError:
                producer.poll(0.1)
    assert producer.flush(60) == 0


async def ends_of(bootstrap: str, topic: str, partitions: int = 4) -> dict[int, int]:
    """The end of every partition, open transactions included."""
    parts = [TopicPartition(topic, number) for number in range(partitions)]
    async with AIOKafkaConsumer(bootstrap_servers=bootstrap) as consumer:
        return {part.partition: end for part, end in (await consumer.end_offsets(parts)).items()}


async def read_all(bootstrap: str, topic: str, isolation: str = "read_committed", *, partitions: int = 4) -> list[Any]:
    """Every record of a topic, as of now; waits for transactions whose markers are still to come."""
    parts = [TopicPartition(topic, number) for number in range(partitions)]
    ends = await ends_of(bootstrap, topic, partitions)
    async with (
        asyncio.timeout(60),
        AIOKafkaConsumer(
            bootstrap_servers=bootstrap,
            isolation_level=isolation,
            auto_offset_reset="none",
            max_partition_fetch_bytes=1 << 22,
        ) as consumer,
    ):
        begins = await consumer.beginning_offsets(parts)
        consumer.assign(parts)
        for part in parts:
            consumer.seek(part, begins[part])
        records: list[Any] = []
        while any([(await consumer.position(part)) < ends[part.partition] for part in parts]):
            for fetched in (await consumer.getmany(timeout_ms=200)).values():
                records += fetched
        return records


def toy_lane(kafka: KafkaBroker, prefix: str, stage: ToyStage | None = None, **options: Any) -> Harness:
    """A lane over the toy's topics, in a group named as they are."""
    return Harness(stage or ToyStage(prefix), kafka.bootstrap, prefix, **options)
