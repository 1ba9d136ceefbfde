"""A simulated year against the oracle: ``make oracle-year``, or ``python -m tests.oracle.year --meters 30 --days 365``.

Every telegram of every device goes through stage one, with a restart through the changelog now and then. At the end
each quarter is compared with what the oracle makes of all readings at once: amount, quality, distance and trust equal;
where a gap of 2 h or more was shaped by comparable days, the sum over the gap. This is the only module here that knows
``stream_app``; ``quarter_hours`` and ``devices`` must not.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections import Counter
from collections.abc import Iterable
from itertools import groupby
from typing import NamedTuple

from stream_app.energy.meter_energy import MeterEnergy, MeterRules, Sample, adopt, advance, rules_for, sweep
from stream_app.records import Event, MeterQuarter
from stream_app.registry.model import Meter, Point
from tests.oracle.devices import DAY, HOUR, LIMIT, MAX_POWER_W, MINUTE, Device, Sent
from tests.oracle.quarter_hours import QUARTER_HOUR, Expected, Seen, quarter_hours

NEW_YEAR = 1_767_225_600_000  # 2026-01-01T00:00:00Z
QUANTITIES = ("1.8.0", "2.8.0")
TOLERANCE = 150_000
SHAPED = 2 * HOUR
CONFIRMED = 15 * MINUTE
DRIFT = 10_000  # a telegram stamped before the removal was sent before it
Key = tuple[str, int, int]


class Report(NamedTuple):
    """What came out. ``deviation_mwh``: the worst MEASURED quarter against the truth, in thousandths of a Wh."""

    telegrams: int
    cpu_s: float
    qualities: Counter[str]
    events: Counter[str]
    shaped: int
    deviation_mwh: int
    largest_state: int
    wrong: list[str]


class Known(NamedTuple):
    """A reading of the registry."""

    at: int
    registers: tuple[int, int]


def run(seed: int, start: int, days: int) -> Report:
    """One device. Every third wraps, every seventh is reset, every fifth is installed and, announced late, removed."""
    device = Device(seed, start, days * 1440, wraps=seed % 3 == 0, resets=seed % 7 == 3)
    title = f"53494D{seed:010X}"
    meter = Meter(title, push_seconds=60, register_limit_wh=LIMIT, max_power_w=MAX_POWER_W)
    point = Point("P", title, "S", start - DAY)
    known: list[Known] = []
    sent = list(device.telegrams())
    if seed % 5 == 1:
        known = [
            _known(device, start + 11 * QUARTER_HOUR + 11_000),
            _known(device, start + (days * 1440 - 500) * MINUTE),
        ]
        begin, end = known
        sent = [s for s in sent if begin.at + DRIFT < s.at < end.at - DRIFT]
        first, second = (tuple(value % (LIMIT + 1) for value in k.registers) for k in known)
        point = point._replace(valid_from=begin.at, start_import_wh=first[0], start_export_wh=first[1])
        removed = point._replace(valid_to=end.at, end_import_wh=second[0], end_export_wh=second[1])
    else:
        removed = point
    player = Player(rules_for(meter, [point]))
    began = time.process_time()
    player.play(sent)
    cpu = time.process_time() - began
    player.finish(rules_for(meter, [removed]), start + days * DAY)
    wrong, shaped = _compare(device, sent, known, player.latest)
    qualities: Counter[str] = Counter(q.quality for q in player.latest.values())
    deviation = _deviation(device, player.latest)
    return Report(len(sent), cpu, qualities, player.events, shaped, deviation, player.largest, wrong)


def _known(device: Device, at: int) -> Known:
    return Known(at, (device.true(at, 0) // 1000, device.true(at, 1) // 1000))


class Player:
    """Stage one with one meter."""

    def __init__(self, rules: MeterRules) -> None:
        self.rules = rules
        self.energy = MeterEnergy()
        self.latest: dict[Key, MeterQuarter] = {}
        self.events: Counter[str] = Counter()
        self.largest = 0

    def play(self, sent: list[Sent]) -> None:
        """All telegrams in order of arrival, with a restart after every 4 999th."""
        clock = sent[0].arrival
        self.keep(adopt(self.energy, self.rules, clock))
        for number, telegram in enumerate(sent, 1):
            clock = max(clock, telegram.arrival)
            sample = Sample(telegram.at, telegram.raw, telegram.authenticated)
            found = advance(self.energy, sample, self.rules, clock)
            if found:
                self.keep(found)
            if number % 4_999 == 0:
                self.restart(clock)

    def restart(self, clock: int) -> None:
        """Through the changelog and back."""
        thin, wide = self.energy.pack_thin(), self.energy.pack_wide()
        self.largest = max(self.largest, len(thin) + len(wide))
        self.energy = MeterEnergy()
        self.energy.unpack_thin(thin)
        self.energy.unpack_wide(wide)
        self.keep(adopt(self.energy, self.rules, clock))

    def finish(self, rules: MeterRules, clock: int) -> None:
        """A day later the removal is announced; then silence."""
        self.rules = rules
        self.keep(adopt(self.energy, rules, clock + DAY))
        self.keep(sweep(self.energy, rules, clock + DAY + HOUR))

    def keep(self, found: Iterable[MeterQuarter | Event]) -> None:
        """The newest word on every quarter."""
        for item in found:
            if isinstance(item, Event):
                self.events[item.type] += 1
            else:
                self.latest[item.quantity, item.start, item.end] = item


def _deviation(device: Device, latest: dict[Key, MeterQuarter]) -> int:
    largest = 0
    for quarter in latest.values():
        if quarter.quality == "MEASURED" and quarter.amount is not None:
            register = QUANTITIES.index(quarter.quantity)
            truth = device.true(quarter.end, register) - device.true(quarter.start, register)
            largest = max(largest, abs(truth - quarter.amount * 1000))
    return largest


def _compare(
    device: Device, sent: list[Sent], known: list[Known], latest: dict[Key, MeterQuarter]
) -> tuple[list[str], int]:
    """What differs from the oracle, and in how many quarters only the sum could be compared."""
    wrong: list[str] = []
    shaped = 0
    for register, quantity in enumerate(QUANTITIES):
        ours = {(start, end): q for (name, start, end), q in latest.items() if name == quantity}
        theirs = _expected(device, sent, known, register)
        wrong += [f"{quantity} {_utc(k[0])}: not said" for k in theirs.keys() - ours.keys()]
        extra = [k for k in ours.keys() - theirs.keys() if ours[k].amount is not None]
        wrong += [f"{quantity} {_utc(k[0])}: nobody asked" for k in extra]
        keys = sorted(theirs.keys() & ours.keys())
        wrong += [f"{quantity} {_utc(k[0])}: {theirs[k]} but {ours[k]}" for k in keys if _differs(ours[k], theirs[k])]
        for by_shape, run_of in groupby(keys, key=lambda k: ours[k].method == "COMPARABLE_DAY"):
            stretch = list(run_of)
            shaped += len(stretch) * by_shape
            sums = (sum(theirs[k].amount or 0 for k in stretch), sum(ours[k].amount or 0 for k in stretch))
            if sums[0] != sums[1]:
                wrong.append(f"{quantity} {_utc(stretch[0][0])}: sum {sums[0]} but {sums[1]}")
    return wrong, shaped


def _differs(ours: MeterQuarter, theirs: Expected) -> bool:
    same = (ours.quality, ours.boundary_distance_ms, ours.authenticated) == (
        theirs.quality,
        theirs.distance_ms,
        theirs.authenticated,
    )
    amount = ours.method == "COMPARABLE_DAY" or ours.amount == theirs.amount
    covered = ours.amount is None or ours.coverage_s * 1000 <= theirs.covered_ms
    return not (same and amount and covered)


def _expected(device: Device, sent: list[Sent], known: list[Known], register: int) -> dict[tuple[int, int], Expected]:
    """The oracle's quarters. After a reset only the first reading counts until it has lasted a quarter of an hour."""
    seen = [Seen(s.at, v, s.authenticated) for s in sent if (v := s.value[register]) is not None]
    seen += [Seen(k.at, k.registers[register], False, False) for k in known]
    cuts = [k.at for k in known]
    if device.reset_at is None:
        return quarter_hours(seen, TOLERANCE, cuts)
    reset = device.start + device.reset_at * MINUTE - 2 * DRIFT
    anew = sorted(s for s in seen if s.at > reset)
    anew = [anew[0], *(s for s in anew if s.at >= anew[0].at + CONFIRMED)]
    before = quarter_hours([s for s in seen if s.at <= reset], TOLERANCE, cuts)
    return before | quarter_hours(anew, TOLERANCE, cuts)


def _utc(at: int) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(at / 1000))


def main() -> int:
    """Run and report. Exit 1 if anything differs."""
    parser = argparse.ArgumentParser(description="A simulated year against the oracle")
    parser.add_argument("--meters", type=int, default=30)
    parser.add_argument("--days", type=int, default=365)
    options = parser.parse_args()
    qualities: Counter[str] = Counter()
    events: Counter[str] = Counter()
    telegrams = shaped = deviation = largest = wrong = 0
    cpu = 0.0
    for seed in range(options.meters):
        report = run(seed, NEW_YEAR, options.days)
        qualities += report.qualities
        events += report.events
        telegrams, shaped, cpu = telegrams + report.telegrams, shaped + report.shaped, cpu + report.cpu_s
        deviation, largest = max(deviation, report.deviation_mwh), max(largest, report.largest_state)
        wrong += len(report.wrong)
        print(f"meter {seed}: {report.telegrams} telegrams, {sum(report.qualities.values())} quarters", flush=True)
        print(*report.wrong[:5], sep="\n", end="\n" if report.wrong else "")
    print(f"quarters by quality: {dict(qualities)}; {shaped} shaped by comparable days, compared by their sum")
    print(f"events: {dict(events)}")
    print(f"largest deviation of a MEASURED quarter from the truth: {deviation / 1000:.1f} Wh")
    print(
        f"largest packed state: {largest} B; stage one: {cpu / telegrams * 1e6:.2f} µs CPU per telegram of {telegrams}"
    )
    print(f"differences from the oracle: {wrong}")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
