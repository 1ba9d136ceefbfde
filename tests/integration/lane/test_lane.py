"""One lane in this process on a real Kafka: what it promises, one promise per test."""

from __future__ import annotations

import asyncio
import time
from collections import Counter

import pytest
from aiokafka import AIOKafkaProducer
from aiokafka.partitioner import DefaultPartitioner

from stream_app.lane.lane import PAUSE_S
from tests.faults.toy import LOW_EVERY, Counted, ToyStage, topics
from tests.faults.verdict import judge
from tests.integration.lane.harness import feed, read_all, toy_lane, until
from tests.kafka_broker import KafkaBroker, unique

pytestmark = pytest.mark.kafka

ALL = {0, 1, 2, 3}


async def test_every_record_is_answered_once_with_its_timestamp_headers_and_partition(
    kafka: KafkaBroker, prefix: str
) -> None:
    feed(kafka.bootstrap, f"{prefix}-in", keys=500, count=5_000)
    lane = toy_lane(kafka, prefix, clock=lambda: 1_700_000_000_000)
    await lane.lane.assigned(ALL)
    await lane.running(*ALL)
    await lane.caught_up()
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
    lane = toy_lane(kafka, prefix, stage)
    await lane.lane.assigned(ALL)
    await lane.running(*ALL)
    await lane.caught_up()
    before = dict(stage.states)

    await lane.lane.revoked()
    await lane.lane.assigned({0, 1})
    feed(kafka.bootstrap, f"{prefix}-in", keys=500, count=2_000, start=5_000)
    await lane.caught_up()
    await lane.lane.assigned(ALL)
    await lane.running(*ALL)
    await lane.caught_up()

    assert {0: 1, 1: 1, 2: 2, 3: 2} == Counter(number for event, number, _ in lane.events if event == "restored")
    assert all(stage.states[number] is before[number] for number in (0, 1))
    assert all(stage.states[number] is not before[number] for number in (2, 3))
    await lane.lane.stop()
    memory = {str(p): {k.decode(): list(c) for k, c in s.seen.items()} for p, s in stage.states.items()}
    assert {} == await asyncio.to_thread(judge, kafka.bootstrap, prefix, [memory])


async def test_a_zombie_writes_nothing_and_does_not_rob_the_new_owner(kafka: KafkaBroker, prefix: str) -> None:
    zombie, owner = toy_lane(kafka, prefix), toy_lane(kafka, prefix)
    feed(kafka.bootstrap, f"{prefix}-in", keys=50, count=500, partition=0)
    await zombie.lane.assigned({0})
    await zombie.running(0)
    await zombie.caught_up()

    zombie.group.alive = False
    await owner.lane.assigned({0})
    await owner.running(0)
    feed(kafka.bootstrap, f"{prefix}-in", keys=50, count=500, start=500, partition=0)
    await until(lambda: zombie.count("lost"))
    await owner.caught_up()
    await asyncio.sleep(3 * PAUSE_S)  # it would have looked again by then

    assert ["lost"] == [f.status for f in zombie.lane.facts()]
    assert 0 == owner.count("lost")
    assert 1_000 == len(await read_all(kafka.bootstrap, f"{prefix}-out"))

    await owner.lane.stop()
    zombie.group.alive = True
    await zombie.running(0)
    assert 50 == zombie.details("restored")[-1]["entries"]
    await zombie.lane.stop()


async def test_a_partition_given_back_too_late_is_not_taken_from_its_new_owner(kafka: KafkaBroker, prefix: str) -> None:
    former, owner = toy_lane(kafka, prefix, commit_interval_s=60), toy_lane(kafka, prefix)
    await former.lane.assigned({0})
    await former.running(0)
    feed(kafka.bootstrap, f"{prefix}-in", keys=50, count=500, partition=0)
    await until(lambda: 500 == former.lane.facts()[0].records)

    await owner.lane.assigned({0})
    await owner.running(0)
    await former.lane.assigned(set())
    await until(lambda: former.count("released"))
    await owner.caught_up()

    assert (1, 0) == (former.count("restored"), owner.count("lost"))
    assert 500 == len(await read_all(kafka.bootstrap, f"{prefix}-out"))
    await owner.lane.stop()
    await former.lane.stop()


async def test_a_partition_robbed_by_a_stranger_is_acquired_again_without_a_rebalance(
    kafka: KafkaBroker, prefix: str
) -> None:
    lane = toy_lane(kafka, prefix)
    feed(kafka.bootstrap, f"{prefix}-in", keys=50, count=500, partition=2)
    await lane.lane.assigned({2})
    await lane.running(2)
    await lane.caught_up()

    async with AIOKafkaProducer(bootstrap_servers=kafka.bootstrap, transactional_id=f"{prefix}-{prefix}-in-2"):
        feed(kafka.bootstrap, f"{prefix}-in", keys=50, count=500, start=500, partition=2)
        await until(lambda: lane.count("lost"))
    await until(lambda: 2 == lane.count("restored"))
    await lane.caught_up()
    await lane.lane.stop()

    assert 1_000 == len(await read_all(kafka.bootstrap, f"{prefix}-out"))


async def test_restoring_200_000_keys_takes_less_than_15_seconds(kafka: KafkaBroker, prefix: str) -> None:
    feed(kafka.bootstrap, f"{prefix}-in", keys=200_000, count=400_000, size=0)
    first = toy_lane(kafka, prefix)
    await first.lane.assigned(ALL)
    await until(lambda: 400_000 == sum(f.committed_offset for f in first.lane.facts()))
    await first.lane.stop()
    stage = ToyStage(prefix)
    second = toy_lane(kafka, prefix, stage)

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
    lane = toy_lane(own_kafka, prefix, transaction_timeout_s=3)
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

    out = await read_all(own_kafka.bootstrap, f"{prefix}-out")
    assert 10_000 == len(out) == len({r.value for r in out})
    assert lane.group.crashed is None


async def test_the_changelog_holds_the_state_and_the_position_of_the_last_commit(
    kafka: KafkaBroker, prefix: str
) -> None:
    feed(kafka.bootstrap, f"{prefix}-in", keys=10, count=100, partition=3)
    lane = toy_lane(kafka, prefix)
    await lane.lane.assigned({3})
    await lane.running(3)
    await lane.caught_up()
    await lane.lane.stop()
    newest = {r.key: r.value for r in await read_all(kafka.bootstrap, f"{prefix}-changelog")}

    assert newest.pop(b"\x00committed").startswith(b"100 ")
    assert {b"K%06d" % n: Counted(90 + n, 10, 90 + n) for n in range(10)} == {
        key: Counted.unpack(value) for key, value in newest.items()
    }
