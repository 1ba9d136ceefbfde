"""Both stages' energy in one room: telegrams of two devices in, the quarter-hours of their metering point out."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from hypothesis import example, given, settings
from hypothesis import strategies as st

from stream_app.energy.meter_energy import MeterEnergy, Sample, adopt, advance, rules_for, sweep
from stream_app.records import MeterQuarter, QuarterHour
from stream_app.registry.model import Directory, Meter, Point
from tests.stream_app.balance_world import GRACE, HOUSE, T0, Q, World, point, title

MINUTE = 60_000
END = T0 + 12 * Q
START_READING, STEP = 1000, 13  # Wh; Wh a minute


class Device:
    """A meter that counts 13 Wh a minute, its registry rows, and what it has told stage two."""

    def __init__(self, number: int, points: list[Point]) -> None:
        self.title = title(number)
        self.energy = MeterEnergy()
        self.register(points)

    def register(self, points: list[Point]) -> None:
        mine = [row for row in points if row.system_title == self.title]
        self.rules = rules_for(Meter(self.title), mine, grace_ms=GRACE)

    def adopt(self, clock: int) -> list[MeterQuarter]:
        return parts(adopt(self.energy, self.rules, clock))

    def tell(self, at: int, value: int) -> list[MeterQuarter]:
        return parts(advance(self.energy, Sample(at, (value,), True), self.rules, at))

    def wait(self, clock: int) -> list[MeterQuarter]:
        return parts(sweep(self.energy, self.rules, clock))


def parts(found: Sequence[object]) -> list[MeterQuarter]:
    return [part for part in found if isinstance(part, MeterQuarter)]


def rows(exchange: int) -> list[Point]:
    """P1 is served by device 1 up to ``exchange``, then by device 2, whose register stood at 50."""
    counted = (exchange - T0) // MINUTE * STEP
    old = point("P1", 1, role="consumer", start_import_wh=START_READING, end_import_wh=START_READING + counted)
    new = point("P1", 2, role="consumer", start_import_wh=50)
    return [old._replace(valid_to=exchange), new._replace(valid_from=exchange)]


def run(exchange: int, announced: int) -> World:
    """Telegrams every minute, of the device that hangs there; the registry learns of the exchange at ``announced``."""
    final = rows(exchange)
    before = [final[0]._replace(valid_to=None, end_import_wh=None)]
    world = World(Directory(points=before, sites=[HOUSE]))
    old, new = Device(1, before), Device(2, before)
    world.feed(0, *old.adopt(T0), *new.adopt(T0))
    for at in range(T0, END + MINUTE, MINUTE):
        found: list[MeterQuarter] = []
        if at == announced:
            world.register(Directory(points=final, sites=[HOUSE]))
            for device in (old, new):
                device.register(final)
                found += device.adopt(at)
        if at < exchange:
            found += old.tell(at, START_READING + (at - T0) // MINUTE * STEP)
        elif new.rules.quantities:
            found += new.tell(at, 50 + (at - exchange) // MINUTE * STEP)
        world.feed(*found, *old.wait(at), *new.wait(at))
        world.step([world.clock(0, at)])
        world.sweep()
    return world


def quarter_hours(world: World) -> list[QuarterHour]:
    found = [record for record in world.newest.values() if isinstance(record, QuarterHour) and record.start < END]
    return sorted(found, key=lambda record: record.start)


minutes = st.integers(16, 100).map(lambda minute: T0 + minute * MINUTE)


@settings(max_examples=15, deadline=None)
@given(minutes, st.integers(0, 70).map(lambda minute: minute * MINUTE))
@example(T0 + 3 * Q, 0)
def test_an_exchange_loses_no_watt_hour_whenever_it_is_announced(exchange: int, delay: int) -> None:
    found = quarter_hours(run(exchange, min(exchange + delay, END - 15 * MINUTE)))

    assert [T0 + n * Q for n in range(12)] == [record.start for record in found]
    assert 12 * 15 * STEP == sum(record.amount or 0 for record in found)
    assert [record.system_title for record in found] == sorted(record.system_title for record in found)


@settings(max_examples=5, deadline=None)
@given(minutes)
def test_an_exchange_announced_in_time_is_measured_throughout(exchange: int) -> None:
    found = quarter_hours(run(exchange, exchange - MINUTE))

    assert {(15 * STEP, "MEASURED", 1)} == {(record.amount, record.quality, record.revision) for record in found}


def test_consecutive_quarters_share_their_boundary() -> None:
    found = quarter_hours(run(T0 + 40 * MINUTE, T0 + 39 * MINUTE))

    assert all(before.end == after.start for before, after in pairwise(found))
