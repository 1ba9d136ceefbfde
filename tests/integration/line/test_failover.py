"""Two workers, one of them killed or frozen, while meters speak: the other carries on, and nothing comes twice."""

from __future__ import annotations

import re
import signal
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.integration.line.meters import Meters, oracle_of
from tests.integration.line.outcome import rejects, rows, wrong
from tests.integration.line.stack import Running, Stack, stack, wait_until
from tests.kafka_broker import KafkaBroker
from tests.simulator.clock import SimulatedClock
from tests.simulator.faults import Faults, disturbed
from tests.simulator.fleet import Fleet, build
from tests.simulator.oracle import QUARTER_MS

pytestmark = pytest.mark.kafka

NOON = 1_782_036_000_000  # 2026-06-21T10:00:00Z
DAY_MS = 86_400_000
SPEED = 300
HEAD_START_S = 8
SETTINGS = "[energy]\nclock_tolerance_s = 36000\n"
PARTITIONS = 4
FAILOVER_S = 20
Partition = tuple[str, str]  # topic, number


@pytest.fixture
def fleet() -> Fleet:
    return build(NOON - QUARTER_MS, sites=3, meters=12, push_seconds=(30,))


@pytest.fixture
def meters(fleet: Fleet) -> Iterator[Meters]:
    meters = Meters(fleet)
    yield meters
    meters.close()


@pytest.fixture
def line(kafka: KafkaBroker, tmp_path: Path, fleet: Fleet, meters: Meters) -> Iterator[Stack]:
    """Meters that speak, and an edge that hears them; workers are the test's."""
    with stack(tmp_path, kafka.bootstrap, partitions=PARTITIONS, settings=SETTINGS) as line:
        line.introduce(fleet)
        line.prepare()
        line.clock = SimulatedClock(fleet.start_ms, time.time() + HEAD_START_S, SPEED)
        meters.speak(disturbed(fleet.telegrams(fleet.start_ms, NOON + DAY_MS), Faults()), line.clock)
        yield line


def owned(worker: Running) -> set[Partition]:
    """The partitions whose records it processes."""
    labels = worker.metrics("cip_lane_records_total")
    return {(found[1], found[2]) for label in labels if (found := re.match('{partition="(.*)",topic="(.*)"}', label))}


def restorations(worker: Running) -> Counter[Partition]:
    """How often it has restored each partition, by its log."""
    told = [line["event"].partition(" restored")[0].rpartition("/") for line in worker.events(" restored: ")]
    return Counter((number, topic) for topic, _, number in told)


def two_that_share(line: Stack) -> tuple[Running, Running]:
    """Workers that both have something to do, and are at it."""
    both = line.start_worker("one"), line.start_worker("other")
    wait_until(lambda: all(worker.ready() and len(owned(worker)) == PARTITIONS for worker in both), "equal shares")
    for worker in both:
        await_telegrams(worker)
    return both


def await_telegrams(worker: Running) -> None:
    """Return when it has processed some more."""
    before = worker.metric("cip_lane_records_total")
    wait_until(lambda: worker.metric("cip_lane_records_total") > before + 50, "telegrams")


def carries_all(worker: Running) -> bool:
    return len(owned(worker)) == 2 * PARTITIONS and worker.ready()


def wrong_in_the_end(line: Stack, fleet: Fleet, meters: Meters, edge: Running) -> dict[Any, Any]:
    """See ``wrong``; compares what every meter has passed."""
    meters.silence()
    wait_until(lambda: edge.metric("cip_edge_spool_frames") == 0, "an empty spool")
    edge.end()
    heard = meters.heard(edge)
    oracle = oracle_of(fleet, heard)
    end = min(oracle.last_heard(meter.title) for meter in fleet.meters) // QUARTER_MS * QUARTER_MS
    return wrong(line, heard, rows(oracle, NOON, end))


def test_a_killed_worker_s_share_is_carried_on_within_20_seconds_with_the_right_state(
    line: Stack, fleet: Fleet, meters: Meters
) -> None:
    edge = line.start_edge(meters.ports)
    one, other = two_that_share(line)
    kept, share = owned(one), owned(other)

    other.end(signal.SIGKILL)
    wait_until(lambda: carries_all(one), "the survivor carries all", FAILOVER_S)
    repeated = {said.title for said in meters.repeat()}
    wait_until(lambda: len(rejects(line)) == len(repeated), "old telegrams refused")

    assert {(title, "replay"): 1 for title in repeated} == rejects(line)
    assert {1} == {restorations(one)[partition] for partition in kept}, "what stays restores nothing"
    assert share <= restorations(one).keys()
    assert {} == wrong_in_the_end(line, fleet, meters, edge)


def test_a_zombie_writes_nothing_and_knows_that_it_is_one(line: Stack, fleet: Fleet, meters: Meters) -> None:
    edge = line.start_edge(meters.ports)
    one, zombie = two_that_share(line)

    zombie.send(signal.SIGSTOP)
    wait_until(lambda: carries_all(one), "the other carries all", FAILOVER_S)
    await_telegrams(one)
    restored = restorations(one)
    zombie.send(signal.SIGCONT)
    wait_until(lambda: zombie.page("/ready")[0] == 503, "a zombie that is not ready")
    wait_until(lambda: zombie.events("Fenced"), "a producer that is fenced")
    wait_until(lambda: one.ready() and zombie.ready() and owned(zombie), "a worker like any other again")

    kept = owned(one)
    assert {p: restored[p] for p in kept} == {p: restorations(one)[p] for p in kept}, "a zombie robs nobody"
    assert {} == wrong_in_the_end(line, fleet, meters, edge)
