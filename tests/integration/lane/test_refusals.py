"""Where a lane would rather end the worker than go on, and where it must not."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest
from aiokafka import AIOKafkaProducer
from aiokafka.record.util import calc_crc32c
from confluent_kafka import ConsumerGroupTopicPartitions, TopicPartition
from confluent_kafka.admin import AdminClient

from stream_app.lane.errors import LaneError, RefusedOutputError, StageError, StateMismatchError
from stream_app.lane.stage import Output, Record
from tests.faults.toy import ToyStage, ToyState
from tests.integration.lane.harness import feed, read_all, toy_lane, until
from tests.kafka_broker import KafkaBroker

pytestmark = pytest.mark.kafka
CRC = 17  # where a batch has it (KIP-98)


async def test_offsets_reset_by_hand_are_noticed_at_the_next_rebalance_and_refused(
    kafka: KafkaBroker, prefix: str
) -> None:
    """The state of offset 100 must not meet the records from 50 on."""
    lane = toy_lane(kafka, prefix)
    feed(kafka.bootstrap, f"{prefix}-in", keys=50, count=100, partition=0)
    await lane.lane.assigned({0})
    await lane.running(0)
    await lane.caught_up()
    admin = AdminClient({"bootstrap.servers": kafka.bootstrap})
    reset = ConsumerGroupTopicPartitions(prefix, [TopicPartition(f"{prefix}-in", 0, 50)])
    await asyncio.to_thread(admin.alter_consumer_group_offsets([reset])[prefix].result, 10)

    await lane.lane.assigned({0})

    await until(lambda: lane.group.crashed)
    assert isinstance(lane.group.crashed, StateMismatchError)
    assert "committed is Position(offset=50, token='')" in str(lane.group.crashed)
    await lane.lane.stop()


async def test_records_the_retention_deleted_are_counted_and_the_rest_is_processed(
    kafka: KafkaBroker, prefix: str
) -> None:
    lane = toy_lane(kafka, prefix)
    feed(kafka.bootstrap, f"{prefix}-in", keys=50, count=100, partition=0)
    await lane.lane.assigned({0})
    await lane.running(0)
    await lane.caught_up()
    await lane.lane.assigned(())
    feed(kafka.bootstrap, f"{prefix}-in", keys=50, count=100, start=100, partition=0)
    admin = AdminClient({"bootstrap.servers": kafka.bootstrap})
    for deleted in admin.delete_records([TopicPartition(f"{prefix}-in", 0, 130)]).values():
        await asyncio.to_thread(deleted.result, 10)

    await lane.lane.assigned({0})
    await lane.running(0)
    await lane.caught_up()

    assert [30] == [facts.deleted for facts in lane.lane.facts()]
    await lane.lane.stop()
    assert 170 == len(await read_all(kafka.bootstrap, f"{prefix}-out"))


async def feed_a_header_that_is_no_text(bootstrap: str, topic: str, count: int, bad: int) -> None:
    """One batch, as a producer in another language may write it."""
    async with AIOKafkaProducer(bootstrap_servers=bootstrap) as producer:
        batch = producer.create_batch()
        for number in range(count):
            headers = [("name", b"")] if number == bad else []
            batch.append(key=b"K", value=number.to_bytes(8, "big"), timestamp=None, headers=headers)
        octets = bytearray(batch._build()).replace(b"name", b"n\xe4me")
        octets[CRC : CRC + 4] = calc_crc32c(octets[CRC + 4 :]).to_bytes(4, "big")
        batch._buffer = octets
        await (await producer.send_batch(batch, topic, partition=0))


async def test_a_record_that_no_client_of_ours_can_read_costs_its_batch_and_not_the_worker(
    kafka: KafkaBroker, prefix: str
) -> None:
    lane = toy_lane(kafka, prefix)
    feed(kafka.bootstrap, f"{prefix}-in", keys=1, count=5, partition=0)
    await feed_a_header_that_is_no_text(kafka.bootstrap, f"{prefix}-in", count=4, bad=2)
    feed(kafka.bootstrap, f"{prefix}-in", keys=1, count=5, start=5, partition=0)
    await lane.lane.assigned({0})
    await lane.running(0)
    await lane.caught_up()
    await lane.lane.stop()

    sources = [r.value for r in await read_all(kafka.bootstrap, f"{prefix}-out")]
    assert [b"0:%d" % offset for offset in (0, 1, 2, 3, 4, 5, 6, 9, 10, 11, 12, 13)] == sources


class FailingStage(ToyStage):
    """Raises at the record with this number."""

    def step(self, state: ToyState, records: Sequence[Record], now: int) -> list[Output]:
        if any(int.from_bytes((r.value or b"")[:8], "big") == 700 for r in records):
            raise ZeroDivisionError("a defect")
        return super().step(state, records, now)


async def test_a_step_that_raises_ends_the_worker_names_the_records_and_commits_nothing(
    kafka: KafkaBroker, prefix: str
) -> None:
    feed(kafka.bootstrap, f"{prefix}-in", keys=50, count=700, partition=1)
    lane = toy_lane(kafka, prefix, FailingStage(prefix))
    await lane.lane.assigned({1})
    await lane.running(1)
    await lane.caught_up()
    feed(kafka.bootstrap, f"{prefix}-in", keys=50, count=1, start=700, partition=1)
    await until(lambda: lane.group.crashed)
    await lane.lane.stop()

    assert isinstance(lane.group.crashed, StageError)
    assert f"FailingStage on {prefix}-in/1: step, offsets 700 to 700" == str(lane.group.crashed)
    assert 700 == len(await read_all(kafka.bootstrap, f"{prefix}-out"))


class BulkyStage(ToyStage):
    """Answers with a record of the size the input asks for."""

    def step(self, state: ToyState, records: Sequence[Record], now: int) -> list[Output]:
        sizes = [int.from_bytes((r.value or b"")[:8], "big") for r in records]
        return [Output(f"{self.topic[:-3]}-out", b"bulky", bytes(size), now) for size in sizes]


async def test_a_record_larger_than_a_batch_travels_alone(kafka: KafkaBroker, prefix: str) -> None:
    feed(kafka.bootstrap, f"{prefix}-in", keys=1, count=1, start=700_000, partition=0)
    lane = toy_lane(kafka, prefix, BulkyStage(prefix))
    await lane.lane.assigned({0})
    await lane.running(0)
    await lane.caught_up()
    await lane.lane.stop()

    assert [700_000] == [len(r.value) for r in await read_all(kafka.bootstrap, f"{prefix}-out")]


async def test_a_record_the_broker_will_never_take_ends_the_worker_and_names_the_topic(
    kafka: KafkaBroker, prefix: str
) -> None:
    feed(kafka.bootstrap, f"{prefix}-in", keys=1, count=1, start=2_000_000, partition=0)
    lane = toy_lane(kafka, prefix, BulkyStage(prefix))
    await lane.lane.assigned({0})
    await until(lambda: lane.group.crashed)
    await lane.lane.stop()

    assert isinstance(lane.group.crashed, RefusedOutputError)
    assert isinstance(lane.group.crashed, LaneError)
    assert f"refuses an output to {prefix}-out/0" in str(lane.group.crashed)
