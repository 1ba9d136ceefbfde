"""A day of fifty meters in which nothing goes right, and yet no watt-hour is lost or counted twice."""

from __future__ import annotations

import signal
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from tests.integration.line.meters import Meters, oracle_of
from tests.integration.line.outcome import rejects, rows, wrong
from tests.integration.line.stack import Running, Stack, stack, wait_until
from tests.kafka_broker import KafkaBroker
from tests.simulator.clock import SimulatedClock
from tests.simulator.faults import Faults, Silence, disturbed
from tests.simulator.fleet import Fleet, build
from tests.simulator.oracle import QUARTER_MS

pytestmark = [pytest.mark.kafka, pytest.mark.slow]

MIDNIGHT = 1_781_992_800_000  # 2026-06-20T22:00:00Z, the longest day in Vienna
HOUR_MS = 3_600_000
MINUTE_MS = 60_000
SPEED = 900
UNTIL = MIDNIGHT + 24 * HOUR_MS
PUSH_S = 60
HEAD_START_S = 12  # until edge and workers run
# A second of delay is a quarter-hour of simulated time, by which the edge's clock seems to be off.
SETTINGS = "[energy]\nclock_tolerance_s = 36000\n"


@pytest.fixture
def fleet() -> Fleet:
    return build(MIDNIGHT - QUARTER_MS, sites=3, meters=50, push_seconds=(PUSH_S,))


@pytest.fixture
def line(own_kafka: KafkaBroker, tmp_path: Path, fleet: Fleet) -> Iterator[Stack]:
    with stack(tmp_path, own_kafka.bootstrap, settings=SETTINGS) as line:
        line.introduce(fleet)
        line.prepare()
        line.clock = SimulatedClock(fleet.start_ms, time.time() + HEAD_START_S, SPEED)
        yield line


def until_hour(line: Stack, hour: float) -> None:
    assert line.clock
    time.sleep(max(0.0, line.clock.real(MIDNIGHT + round(hour * HOUR_MS)) - time.time()))


def kill_under_load(worker: Running) -> None:
    """When it has just processed something, in the middle of an open interval."""
    wait_until(worker.ready, "a worker that does its share")
    before = worker.metric("cip_lane_records_total")
    wait_until(lambda: worker.metric("cip_lane_records_total") > before, "telegrams on their way")
    worker.end(signal.SIGKILL)


def test_a_day_with_outages_and_kills_equals_the_oracle(own_kafka: KafkaBroker, line: Stack, fleet: Fleet) -> None:
    titles = [meter.title for meter in fleet.meters]
    silences = (
        Silence(titles[0], fleet.start_ms, MIDNIGHT + 90 * MINUTE_MS),
        Silence(titles[7], MIDNIGHT + 10 * HOUR_MS, MIDNIGHT + 10 * HOUR_MS + 80 * MINUTE_MS),
    )
    wires = disturbed(fleet.telegrams(fleet.start_ms, UNTIL + 2 * PUSH_S * 1000), Faults(0.01, 0.002, 0.005, silences))
    with closing(Meters(fleet)) as meters:
        assert line.clock
        meters.speak(wires, line.clock)
        first, second = line.start_worker("first"), line.start_worker("second")
        edge = line.start_edge(meters.ports)
        wait_until(edge.ready, "every port open")

        until_hour(line, 3)
        kill_under_load(first)
        line.start_worker("third")

        until_hour(line, 7)
        own_kafka.stop()
        stopped = line.clock.shows(time.time())
        time.sleep(HOUR_MS / 1000 / SPEED)
        own_kafka.start()
        assert line.clock.shows(time.time()) - stopped >= HOUR_MS

        until_hour(line, 12)
        assert 0 == edge.end()
        edge = line.start_edge(meters.ports)

        until_hour(line, 16)
        kill_under_load(second)
        line.start_worker("fourth")

        meters.finish()
        wait_until(lambda: edge.metric("cip_edge_spool_frames") == 0, "an empty spool")
        assert 0 == edge.end()
        heard = meters.heard(edge)
    expected = rows(oracle_of(fleet, heard), MIDNIGHT, UNTIL)

    assert {} == wrong(line, heard, expected)
    assert {"MEASURED", "ESTIMATED", "MISSING", "INCOMPLETE"} == {row.quality for row in expected.values()}
    assert {"replay"} == {error for _, error in rejects(line)}
