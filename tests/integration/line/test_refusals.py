"""Telegrams that must not count, among honest ones: each becomes a reject with its reason, and can be put right."""

from __future__ import annotations

import time
from contextlib import closing
from pathlib import Path

import pytest

from tests.integration.line.meters import Meters, oracle_of
from tests.integration.line.outcome import rejects, rows, wrong
from tests.integration.line.stack import Stack, stack, wait_until
from tests.kafka_broker import KafkaBroker
from tests.simulator.clock import SimulatedClock
from tests.simulator.faults import Faults, disturbed
from tests.simulator.fleet import build
from tests.simulator.oracle import QUARTER_MS

pytestmark = pytest.mark.kafka

NOON = 1_782_036_000_000  # 2026-06-21T10:00:00Z
HOUR_MS = 3_600_000
SPEED = 300
HEAD_START_S = 8
SETTINGS = "[energy]\nclock_tolerance_s = 36000\n"


def await_clock(line: Stack, at: int) -> None:
    assert line.clock
    time.sleep(max(0.0, line.clock.real(at) - time.time()))


def test_keys_an_hour_late_leave_no_trace_once_the_rejects_are_put_back(kafka: KafkaBroker, tmp_path: Path) -> None:
    fleet = build(NOON - QUARTER_MS, sites=3, meters=12, push_seconds=(30,))
    missing, mistaken = (meter.title for meter in fleet.meters[:2])
    with stack(tmp_path, kafka.bootstrap, settings=SETTINGS) as line, closing(Meters(fleet)) as meters:
        line.introduce(fleet)
        complete = line.keys.read_text()
        rows_of_keys = [row for row in complete.splitlines() if not row.startswith(missing)]
        line.keys.write_text("\n".join(spoilt(row) if row.startswith(mistaken) else row for row in rows_of_keys) + "\n")
        line.prepare()
        line.clock = SimulatedClock(fleet.start_ms, time.time() + HEAD_START_S, SPEED)
        meters.speak(disturbed(fleet.telegrams(fleet.start_ms, NOON + 24 * HOUR_MS), Faults()), line.clock)
        worker, edge = line.start_worker(), line.start_edge(meters.ports)

        await_clock(line, NOON + HOUR_MS)
        refused = rejects(line)
        line.keys.write_text(complete)
        wait_until(lambda: worker.metric("cip_meters_with_keys") == len(fleet.meters), "the mended keys in force")
        await_clock(line, NOON + HOUR_MS + 2 * QUARTER_MS)
        config = str(line.stream_toml("commands"))
        told = line.command("rejects", "list", "--config", config)
        for _ in "once", "twice":
            line.command("rejects", "replay", "--config", config)
        meters.silence()
        wait_until(lambda: edge.metric("cip_edge_spool_frames") == 0, "an empty spool")
        edge.end()
        heard = meters.heard(edge)
        oracle = oracle_of(fleet, heard)
        end = min(oracle.last_heard(meter.title) for meter in fleet.meters) // QUARTER_MS * QUARTER_MS

        assert {missing, mistaken} == {title for title, _ in refused}
        assert refused[missing, "unknown_key"] > 60
        assert missing in told
        assert mistaken in told
        assert {} == wrong(line, heard, rows(oracle, NOON, end))


def spoilt(row: str) -> str:
    """A key list's row with the keys of somebody else."""
    title, *keys = row.split(",")
    return ",".join([title, *(key.replace("1", "2").replace("a", "b") for key in keys[:2]), *keys[2:]])
