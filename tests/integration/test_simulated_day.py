"""Simulated fleets through both pure stages, without a broker: every quarter-hour and balance equals the oracle's."""

from __future__ import annotations

import random
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from stream_app import topology
from stream_app.avro import Codec, load_codecs
from stream_app.keys.store import open_store
from stream_app.lane.batches import hash_of
from stream_app.lane.stage import Output
from stream_app.registry.files import read_folder
from stream_app.registry.model import Directory
from stream_app.reprocess import Frame
from stream_app.settings import load_settings
from tests.simulator.faults import Faults, Silence, Wire, disturbed
from tests.simulator.fleet import Fleet, build
from tests.simulator.oracle import QUARTER_MS, Oracle
from tests.simulator.registry_files import iso, write_keys, write_registry

PARTITIONS = 3
STEP_MS = 5_000  # of simulated time in a batch
MINUTE_MS = 60_000
HOUR_MS = 60 * MINUTE_MS
SPRING = 1_774_735_200_000  # 2026-03-28T22:00:00Z, three hours before an hour is left out
AUTUMN = 1_792_879_200_000  # 2026-10-24T22:00:00Z, three hours before an hour comes again
SUMMER = 1_782_000_000_000  # 2026-06-21T00:00:00Z


class Line:
    """Both stages, and the newest of everything they published."""

    def __init__(self, fleet: Fleet, folder: Path) -> None:
        write_registry(fleet, folder / "registry")
        write_keys(fleet, folder / "keys.csv")
        config = folder / "stream.toml"
        counts = f"partitions = {PARTITIONS}\nmeter_quarter_partitions = {PARTITIONS}"
        config.write_text(f'[topics]\n{counts}\n[keys]\nfile = "{folder / "keys.csv"}"')
        rows, problems = read_folder(folder / "registry")
        assert not problems
        directory = Directory(rows.meters.values(), rows.points.values(), rows.sites.values(), rows.members.values())
        settings, codecs = load_settings(config), load_codecs()
        self._stages = topology.build(settings, codecs, open_store(settings.keys).load(), directory)
        self._ingest = [self._stages.ingest.new_state(number) for number in range(PARTITIONS)]
        self._balance = [self._stages.balance.new_state(number) for number in range(PARTITIONS)]
        self._topics = settings.topic_names()
        self._decode: dict[str, Codec[Any]] = {
            self._topics.quarter_hours: codecs.quarter_hours,
            self._topics.balances: codecs.balances,
        }
        self._offsets: Counter[tuple[str, int]] = Counter()
        self.count: Counter[str] = Counter()
        self.newest: dict[bytes | None, Any] = {}

    def pass_on(self, frames: Iterable[tuple[int, str, bytes]], now: int) -> None:
        """Frames (received at, title, bytes) through stage one, what comes out of it through stage two."""
        batches = self._batches(
            (self._topics.frames, title.encode(), at, data, title.encode()) for at, title, data in frames
        )
        between: list[Output] = []
        for number, state in enumerate(self._ingest):
            between += self._stages.ingest.step(state, batches[number], now)
            between += self._stages.ingest.sweep(state, now)
        self.count.update(output.topic for output in between)
        parts = self._batches(
            (output.topic, output.key, output.timestamp, output.value, output.partition)
            for output in between
            if output.topic == self._topics.meter_quarters
        )
        for number, at_site in enumerate(self._balance):
            for output in (
                *self._stages.balance.step(at_site, parts[number], now),
                *self._stages.balance.sweep(at_site, now),
            ):
                if output.value is not None and output.topic in self._decode:
                    self.newest[output.key] = self._decode[output.topic].decode(output.value)

    def _batches(self, outputs: Iterable[tuple[str, Any, int, Any, Any]]) -> dict[int, list[Frame]]:
        batches: defaultdict[int, list[Frame]] = defaultdict(list)
        for topic, key, timestamp, value, partition in outputs:
            number = partition if isinstance(partition, int) else hash_of(partition) % PARTITIONS
            batches[number].append(Frame(topic, number, self._offsets[topic, number], timestamp, key, value))
            self._offsets[topic, number] += 1
        return batches


def in_steps(wires: Sequence[Wire], delay_ms: int) -> Iterator[tuple[int, list[tuple[int, str, bytes]]]]:
    """Batches and the time at their end. Each telegram is up to ``delay_ms`` late; its received-at is not."""
    chance = random.Random(1)
    due = sorted((wire.telegram.time_ms + chance.randint(0, delay_ms), wire) for wire in wires)
    steps: defaultdict[int, list[tuple[int, str, bytes]]] = defaultdict(list)
    for at, (telegram, data, _) in due:
        steps[at // STEP_MS].append((telegram.time_ms, telegram.title, data))
    for step in range(min(steps), max(steps) + 1):
        yield (step + 1) * STEP_MS, steps[step]


@pytest.mark.parametrize(
    ("start", "hours", "meters", "push", "delay_ms"),
    [
        pytest.param(SPRING, 6, 12, (60, 10, 60, 30), 0, id="the-night-that-loses-an-hour"),
        pytest.param(AUTUMN, 6, 12, (60, 10, 60, 30), 0, id="the-night-that-gains-an-hour"),
        pytest.param(AUTUMN, 6, 12, (60, 10, 60, 30), 10 * MINUTE_MS, id="the-same-ten-minutes-out-of-order"),
        pytest.param(SUMMER, 24, 50, (60,), 0, id="a-day-of-fifty-meters"),
    ],
)
def test_a_fleet_s_quarters_and_balances_equal_the_oracle(
    start: int, hours: int, meters: int, push: tuple[int, ...], delay_ms: int, tmp_path: Path
) -> None:
    fleet = build(start, meters=meters, push_seconds=push)
    silent = [fleet.meters[2].title, fleet.meters[4].title]
    silences = (
        Silence(silent[0], start + 40 * MINUTE_MS, start + 50 * MINUTE_MS),
        Silence(silent[1], start + 50 * MINUTE_MS, start + 130 * MINUTE_MS),
    )
    wires = list(disturbed(fleet.telegrams(start, start + hours * HOUR_MS), Faults(silences=silences)))
    oracle, line = Oracle(fleet), Line(fleet, tmp_path)
    for telegram, _, _ in wires:
        oracle.hear(telegram.title, telegram.measured_at)
    for now, frames in in_steps(wires, delay_ms):
        line.pass_on(frames, now)
    until = start + hours * HOUR_MS - QUARTER_MS
    quarters = {f"{row.metering_point}|{row.quantity}|{iso(row.start)}".encode(): row for row in oracle.quarters(until)}
    balances = {f"{row.site}|{iso(row.start)}".encode(): row for row in oracle.balances(until)}
    expected: dict[bytes, Any] = {**quarters, **balances}
    wrong = {
        key: (row, line.newest.get(key))
        for key, row in expected.items()
        if row.quality != "MISSING" or key in line.newest
        if said(row) != said(line.newest.get(key))
    }

    assert {} == wrong
    assert len(wires) == line.count["cip.readings.v1"]
    assert {"MEASURED", "ESTIMATED", "MISSING"} == {row.quality for row in quarters.values()}


COMPARED = (
    *("amount", "import_wh", "export_wh", "net_wh", "matched_wh", "grid_import_wh", "grid_export_wh"),
    *("points", "points_missing", "quality"),
)


def said(row: Any) -> list[Any]:
    return [getattr(row, field, None) for field in COMPARED]
