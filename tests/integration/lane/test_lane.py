"""One lane in this process on a real Kafka: what it promises, one promise per test."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Sequence
from typing import Any

import pytest
from aiokafka import AIOKafkaProducer
from aiokafka.partitioner import DefaultPartitioner
from confluent_kafka import ConsumerGroupTopicPartitions, TopicPartition
from confluent_kafka.admin import AdminClient

from stream_app.lane.errors import LaneError, RefusedOutputError, StageError, StateMismatchError
from stream_app.lane.lane import PAUSE_S
from stream_app.lane.stage import Output, Record
from tests.faults.toy import LOW_EVERY, Counted, ToyStage, ToyState, topics
from tests.faults.verdict import judge
from tests.integration.lane.harness import Harness, feed, read_all, until
from tests.kafka_broker import KafkaBroker, unique

pytestmark = pytest.mark.kafka

ALL = {0, 1, 2, 3}


@pytest.fixture
def prefix(kafka: KafkaBroker) -> str:
    name = unique("lane")
    kafka.make_topics(topics(name))
    return name


def harness(kafka: KafkaBroker, prefix: str, stage: ToyStage | None = None, **options: Any) -> Harness:
    return Harness(stage or ToyStage(prefix), kafka.bootstrap, prefix, **options)


async def caught_up(harness: Harness) -> None:
    """Everything that is in the topic has been committed."""
    await until(lambda: (f := harness.lane.facts()) and all(p.high_watermark == p.committed_offset for p in f))


async def test_every_record_is_answered_once_with_its_timestamp_headers_and_partition(
    kafka: KafkaBroker, prefix: str
) -> None:
    feed(kafka.bootstrap, f"{prefix}-in", keys=500, count=5_000)
    lane = harness(kafka, prefix, clock=lambda: 1_700_000_000_000)
    await lane.lane.assigned(ALL)
    await lane.running(*ALL)
    await caught_up(lane)
    await lane.lane.stop()
    fed, out, low = [await read_all(kafka.bootstrap, f"{prefix}-{name}") for name in ("in", "out", "low")]

    stamps = {(r.partition, b"%d:%d" % (r.partition, r.offset)): (r.key, r.timestamp) for r in fed}
    assert stamps == {(r.partition, r.value): (r.key, r.timestamp) for r in out}
    assert len(fed) == len(out)
    assert {(("now", b"1700000000000"),)} == {r.headers for r in out}
    numbers = list(ALL)
    assert len(low) == sum(r.offset % LOW_EVERY == 0 for r in fed)
    assert [r.partition for r in low] == [DefaultPartitioner()(r.key, numbers, numbers) for r in low]


async def test_a_partition_that_stays_over_a_rebalance_restores_nothing_and_goes_on(
    kafka: KafkaBroker, prefix: str
) -> None:
    feed(kafka.bootstrap, f"{prefix}-in", keys=500, count=5_000)
    stage = ToyStage(prefix)
    lane = harness(kafka, prefix, stage)
    await lane.lane.assigned(ALL)
    await lane.running(*ALL)
    await caught_up(lane)
    before = dict(stage.states)

    await lane.lane.revoked()
    await lane.lane.assigned({0, 1})
    feed(kafka.bootstrap, f"{prefix}-in", keys=500, count=2_000, start=5_000)
    await caught_up(lane)
    await lane.lane.assigned(ALL)
    await lane.running(*ALL)
    await caught_up(lane)

    assert {0: 1, 1: 1, 2: 2, 3: 2} == Counter(number for event, number, _ in lane.events if event == "restored")
    assert all(stage.states[number] is before[number] for number in (0, 1))
    assert all(stage.states[number] is not before[number] for number in (2, 3))
    await lane.lane.stop()
    memory = {str(p): {k.decode(): list(c) for k, c in s.seen.items()} for p, s in stage.states.items()}
    assert {} == await asyncio.to_thread(judge, kafka.bootstrap, prefix, [memory])


async def test_a_zombie_writes_nothing_and_does_not_rob_the_new_owner(kafka: KafkaBroker, prefix: str) -> None:
    zombie, owner = harness(kafka, prefix), harness(kafka, prefix)
    feed(kafka.bootstrap, f"{prefix}-in", keys=50, count=500, partition=0)
    await zombie.lane.assigned({0})
    await zombie.running(0)
    await caught_up(zombie)

    zombie.group.alive = False
    await owner.lane.assigned({0})
    await owner.running(0)
    feed(kafka.bootstrap, f"{prefix}-in", keys=50, count=500, start=500, partition=0)
    await until(lambda: zombie.count("lost"))
    await caught_up(owner)
    await asyncio.sleep(3 * PAUSE_S)  # it would have looked again by then

    assert ["lost"] == [f.status for f in zombie.lane.facts()]
    assert 0 == owner.count("lost")
    assert 1_000 == len(await read_all(kafka.bootstrap, f"{prefix}-out"))

    await owner.lane.stop()
    zombie.group.alive = True
    await zombie.running(0)
    assert 50 == zombie.details("restored")[-1]["entries"]
    await zombie.lane.stop()


async def test_a_partition_robbed_by_a_stranger_is_acquired_again_without_a_rebalance(
    kafka: KafkaBroker, prefix: str
) -> None:
    lane = harness(kafka, prefix)
    feed(kafka.bootstrap, f"{prefix}-in", keys=50, count=500, partition=2)
    await lane.lane.assigned({2})
    await lane.running(2)
    await caught_up(lane)

    async with AIOKafkaProducer(bootstrap_servers=kafka.bootstrap, transactional_id=f"{prefix}-{prefix}-in-2"):
        feed(kafka.bootstrap, f"{prefix}-in", keys=50, count=500, start=500, partition=2)
        await until(lambda: lane.count("lost"))
    await until(lambda: 2 == lane.count("restored"))
    await caught_up(lane)
    await lane.lane.stop()

    assert 1_000 == len(await read_all(kafka.bootstrap, f"{prefix}-out"))


async def test_offsets_reset_by_hand_are_noticed_at_the_next_rebalance_and_refused(
    kafka: KafkaBroker, prefix: str
) -> None:
    """The state of offset 100 must not meet the records from 50 on."""
    lane = harness(kafka, prefix)
    feed(kafka.bootstrap, f"{prefix}-in", keys=50, count=100, partition=0)
    await lane.lane.assigned({0})
    await lane.running(0)
    await caught_up(lane)
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
    lane = harness(kafka, prefix)
    feed(kafka.bootstrap, f"{prefix}-in", keys=50, count=100, partition=0)
    await lane.lane.assigned({0})
    await lane.running(0)
    await caught_up(lane)
    await lane.lane.assigned(())
    feed(kafka.bootstrap, f"{prefix}-in", keys=50, count=100, start=100, partition=0)
    admin = AdminClient({"bootstrap.servers": kafka.bootstrap})
    for deleted in admin.delete_records([TopicPartition(f"{prefix}-in", 0, 130)]).values():
        await asyncio.to_thread(deleted.result, 10)

    await lane.lane.assigned({0})
    await lane.running(0)
    await caught_up(lane)

    assert [30] == [facts.deleted for facts in lane.lane.facts()]
    await lane.lane.stop()
    assert 170 == len(await read_all(kafka.bootstrap, f"{prefix}-out"))


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
    lane = harness(kafka, prefix, FailingStage(prefix))
    await lane.lane.assigned({1})
    await lane.running(1)
    await caught_up(lane)
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
    lane = harness(kafka, prefix, BulkyStage(prefix))
    await lane.lane.assigned({0})
    await lane.running(0)
    await caught_up(lane)
    await lane.lane.stop()

    assert [700_000] == [len(r.value) for r in await read_all(kafka.bootstrap, f"{prefix}-out")]


async def test_a_record_the_broker_will_never_take_ends_the_worker_and_names_the_topic(
    kafka: KafkaBroker, prefix: str
) -> None:
    feed(kafka.bootstrap, f"{prefix}-in", keys=1, count=1, start=2_000_000, partition=0)
    lane = harness(kafka, prefix, BulkyStage(prefix))
    await lane.lane.assigned({0})
    await until(lambda: lane.group.crashed)
    await lane.lane.stop()

    assert isinstance(lane.group.crashed, RefusedOutputError)
    assert isinstance(lane.group.crashed, LaneError)
    assert f"refuses an output to {prefix}-out/0" in str(lane.group.crashed)


async def test_restoring_200_000_keys_takes_less_than_15_seconds(kafka: KafkaBroker, prefix: str) -> None:
    feed(kafka.bootstrap, f"{prefix}-in", keys=200_000, count=400_000, size=0)
    first = harness(kafka, prefix)
    await first.lane.assigned(ALL)
    await until(lambda: 400_000 == sum(f.committed_offset for f in first.lane.facts()))
    await first.lane.stop()
    stage = ToyStage(prefix)
    second = harness(kafka, prefix, stage)

    began = time.monotonic()
    await second.lane.assigned(ALL)
    await second.running(*ALL)
    took = time.monotonic() - began
    await second.lane.stop()

    assert 200_000 == sum(details["entries"] for details in second.details("restored"))  # type: ignore[misc]
    assert {2} == {counted.records for state in stage.states.values() for counted in state.seen.values()}
    print(f"restored 200 000 keys in {took:.1f} s")
    assert took < 15


async def test_the_lane_outlives_an_outage_of_the_broker(
    own_kafka: KafkaBroker, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("CRITICAL", "aiokafka")  # which complains a hundred times a second
    prefix = unique("outage")
    own_kafka.make_topics(topics(prefix))
    lane = harness(own_kafka, prefix, transaction_timeout_s=3)
    feed(own_kafka.bootstrap, f"{prefix}-in", keys=500, count=5_000)
    await lane.lane.assigned(ALL)
    await lane.running(*ALL)

    await asyncio.to_thread(own_kafka.kill)  # with commits in flight
    lane.group.alive = False
    await asyncio.sleep(5)
    await asyncio.to_thread(own_kafka.start)
    lane.group.alive = True
    feed(own_kafka.bootstrap, f"{prefix}-in", keys=500, count=5_000, start=5_000)
    await until(lambda: 10_000 == sum(f.committed_offset for f in lane.lane.facts()))
    await lane.lane.stop()

    await asyncio.sleep(2)  # a commit returns before its markers are written, which takes a broker just started 0.4 s
    out = await read_all(own_kafka.bootstrap, f"{prefix}-out")
    assert 10_000 == len(out) == len({r.value for r in out})
    assert lane.group.crashed is None


async def test_the_changelog_holds_the_state_and_the_position_of_the_last_commit(
    kafka: KafkaBroker, prefix: str
) -> None:
    feed(kafka.bootstrap, f"{prefix}-in", keys=10, count=100, partition=3)
    lane = harness(kafka, prefix)
    await lane.lane.assigned({3})
    await lane.running(3)
    await caught_up(lane)
    await lane.lane.stop()
    newest = {r.key: r.value for r in await read_all(kafka.bootstrap, f"{prefix}-changelog")}

    assert newest.pop(b"\x00committed").startswith(b"100 ")
    assert {b"K%06d" % n: Counted(90 + n, 10, 90 + n) for n in range(10)} == {
        key: Counted.unpack(value) for key, value in newest.items()
    }
