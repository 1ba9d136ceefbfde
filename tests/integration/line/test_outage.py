"""A broker that is away: the edge collects, also when it is started anew meanwhile, and brings everything home."""

from __future__ import annotations

import time
from contextlib import closing
from pathlib import Path

import pytest

from tests.integration.line.meters import Meters, number_of
from tests.integration.line.stack import stack, wait_until
from tests.kafka_broker import KafkaBroker
from tests.simulator.clock import SimulatedClock
from tests.simulator.faults import Faults, disturbed
from tests.simulator.fleet import build

pytestmark = pytest.mark.kafka

NOON = 1_782_036_000_000  # 2026-06-21T10:00:00Z
DAY_MS = 86_400_000
SPEED = 300
MANY = 200


def test_what_was_heard_while_the_broker_was_away_is_there_when_it_is_back(
    own_kafka: KafkaBroker, tmp_path: Path
) -> None:
    fleet = build(NOON, sites=1, meters=6, push_seconds=(30,))
    with stack(tmp_path, own_kafka.bootstrap) as line, closing(Meters(fleet)) as meters:
        line.introduce(fleet)
        line.prepare()
        edge = line.start_edge(meters.ports)
        wait_until(edge.ready, "every port open")
        line.clock = SimulatedClock(NOON, time.time(), SPEED)
        meters.speak(disturbed(fleet.telegrams(NOON, NOON + DAY_MS), Faults()), line.clock)
        wait_until(lambda: edge.metric("cip_edge_uplink_acknowledged_total") > MANY, "frames that are through")

        own_kafka.stop()
        wait_until(lambda: edge.metric("cip_edge_spool_frames") > MANY, "frames that wait")
        assert 0 == edge.end()
        edge = line.start_edge(meters.ports)
        wait_until(lambda: edge.metric("cip_edge_spool_frames") > 2 * MANY, "the old ones and more")
        assert 503 == edge.page("/ready")[0]
        own_kafka.start()

        wait_until(lambda: edge.metric("cip_edge_uplink_acknowledged_total") > 2 * MANY, "the waiting ones through")
        meters.silence()
        wait_until(lambda: edge.metric("cip_edge_spool_frames") == 0, "an empty spool")
        assert 0 == edge.end()
        heard = meters.heard(edge)
        behind = {meter.title: meter for meter in fleet.meters}
        seconds = [(behind[said.title], said.measured_at // 1000) for said in heard]
        frames = line.read(line.topics.frames)

    # One may be there twice: written, and its answer lost with the broker. Frame counters remove it in the backend.
    assert {meter.telegram(at, number_of(meter, at)) for meter, at in seconds} == {frame.value() for frame in frames}
    assert len(heard) > 3 * MANY


def test_a_worker_whose_broker_is_away_ends_in_time_when_it_is_told_to(own_kafka: KafkaBroker, tmp_path: Path) -> None:
    """Kubernetes kills after 30 s, and so does ``end``."""
    with stack(tmp_path, own_kafka.bootstrap) as line:
        line.introduce(build(NOON, sites=1, meters=1, push_seconds=(30,)))
        line.prepare()
        worker = line.start_worker()
        wait_until(worker.ready, "a worker with its partitions")
        own_kafka.stop()
        wait_until(lambda: worker.page("/ready")[0] == 503, "a worker without a broker")

        assert 0 == worker.end()
