"""The same lane on a broker without transactions: librdkafka's mock cluster, as the demonstration uses it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from confluent_kafka import Producer

from stream_app.lane.transactions import MARKER
from tests.faults.toy import ToyStage, topics
from tests.integration.lane.harness import Harness, feed, read_all, until

ALL = {0, 1, 2, 3}


@pytest.fixture
def embedded() -> Iterator[str]:
    """The address of a mock cluster with the toy's topics; it lives as long as the producer that made it."""
    cluster = Producer({"test.mock.num.brokers": 1})
    for topic in topics("toy"):
        metadata = cluster.list_topics(topic, timeout=10)  # makes it, with four partitions
    (broker,) = metadata.brokers.values()
    yield f"{broker.host}:{broker.port}"
    cluster.flush(0)


def embedded_lane(bootstrap: str, stage: ToyStage) -> Harness:
    return Harness(stage, bootstrap, "toy", processing_guarantee="at_least_once")


async def test_without_faults_every_record_is_answered_once_over_a_rebalance(embedded: str) -> None:
    stage = ToyStage("toy")
    lane = embedded_lane(embedded, stage)
    feed(embedded, "toy-in", keys=100, count=1_000)
    await lane.lane.assigned(ALL)
    await lane.running(*ALL)
    await until(lambda: 1_000 == sum(f.committed_offset for f in lane.lane.facts()))

    await lane.lane.revoked()
    await lane.lane.assigned(ALL)
    await lane.running(*ALL)
    feed(embedded, "toy-in", keys=100, count=1_000, start=1_000)
    await until(lambda: 2_000 == sum(f.committed_offset for f in lane.lane.facts()))
    await lane.lane.stop()

    out = await read_all(embedded, "toy-out")
    assert 2_000 == len(out) == len({r.value for r in out})
    assert {20} == {counted.records for state in stage.states.values() for counted in state.seen.values()}
    assert 2 == lane.count("restored", 0)
    assert lane.group.crashed is None


async def test_after_a_crash_before_the_offsets_the_state_skips_what_it_has_seen(embedded: str) -> None:
    """Outputs and state were written, the offset was not: a crash at the worst moment."""
    feed(embedded, "toy-in", keys=10, count=100, partition=0)
    first = embedded_lane(embedded, ToyStage("toy"))
    await first.lane.assigned({0})
    await first.running(0)
    await until(lambda: 100 == sum(f.committed_offset for f in first.lane.facts()))
    await first.lane.stop()
    stage = ToyStage("toy")
    second = Harness(stage, embedded, "forgetful", processing_guarantee="at_least_once")

    await second.lane.assigned({0})
    await second.running(0)
    await until(lambda: 100 == sum(f.committed_offset for f in second.lane.facts()))
    await second.lane.stop()

    assert 100 == len(await read_all(embedded, "toy-out"))
    assert {10} == {counted.records for counted in stage.states[0].seen.values()}


async def test_the_marker_is_written_after_the_state_it_belongs_to(embedded: str) -> None:
    feed(embedded, "toy-in", keys=10, count=100, partition=0)
    lane = embedded_lane(embedded, ToyStage("toy"))
    await lane.lane.assigned({0})
    await until(lambda: any(f.committed_offset == 100 for f in lane.lane.facts()))
    await lane.lane.stop()
    changelog = await read_all(embedded, "toy-changelog")

    assert MARKER == changelog[-1].key
    assert changelog[-1].value.startswith(b"100 ")
