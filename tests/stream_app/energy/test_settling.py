from __future__ import annotations

import sys

import pytest

from stream_app.energy.settling import MAX_GAPS, MAX_WAITING
from stream_app.energy.timeline import Register
from stream_app.registry.model import Meter
from tests.stream_app.energy.energy_world import CONSUMER, DAY, HOUR, MINUTE, MONDAY, QUARTER, TITLE, World, fields

GRACE = 30 * MINUTE


def counted(world: World, first: int, last: int) -> None:
    """A telegram a minute, 4 Wh a minute, both registers the same."""
    for minute in range(first, last + 1):
        at = MONDAY + minute * MINUTE + 20_000
        world.tell(at, *[1000 + minute * 4] * len(world.rules.quantities))


def test_within_the_grace_a_late_reading_revises_both_sides_and_after_it_nothing() -> None:
    world = World()
    counted(world, 0, 13)
    counted(world, 15, 31)
    revised = world.tell(MONDAY + 14 * MINUTE + 20_000, 1057)
    world.wait(HOUR)
    before = dict(world.latest)
    nothing = world.tell(MONDAY + 14 * MINUTE + 50_000, 1058)

    assert [MONDAY, MONDAY + QUARTER] == sorted(q.start for q in revised)
    assert [] == nothing
    assert before == world.latest


def test_a_gap_stays_open_for_days() -> None:
    world = World()
    counted(world, 0, 20)
    counted(world, 60, 80)
    counted(world, 3 * 1440, 3 * 1440 + 20)
    world.tell(MONDAY + 44 * MINUTE + 50_000, 1180)
    world.tell(MONDAY + 45 * MINUTE + 10_000, 1180)

    world.wait(MINUTE)

    # 00:30 on the line from 1080 to 1180: 1119; 00:45 at 1180; 01:00 on the line from 1180 to 1240: 1239
    assert [61, 59] == [world.quarter(MONDAY + n * QUARTER).amount for n in (2, 3)]


def test_wide_boundaries_are_estimated_anew_at_most_once_a_minute() -> None:
    world = World()
    counted(world, 0, 20)
    counted(world, 140, 150)
    clock = world.clock
    told = [world.tell(MONDAY + m * MINUTE, 1000 + m * 4, clock=clock + m * 10) for m in (40, 65, 50, 100)]
    waited = world.wait(MINUTE)

    assert [[], [], [], []] == told
    assert {MONDAY + n * QUARTER for n in range(1, 10)} == {q.start for q in waited}


def test_a_31_day_old_gap_is_final() -> None:
    world = World()
    counted(world, 0, 20)
    counted(world, 60, 120)
    world.wait(30 * DAY)
    before = world.quarter(MONDAY + 2 * QUARTER).settled
    world.wait(2 * DAY)

    assert not before
    assert world.quarter(MONDAY + 2 * QUARTER).settled


def test_the_seventeenth_gap_settles_the_oldest_with_an_event() -> None:
    world = World()
    for hour in range(MAX_GAPS + 2):
        counted(world, hour * 60, hour * 60 + 20)
    early = [e for e in world.events if e.severity == "WARNING"]

    assert ["data.gap"] == [e.type for e in early]
    assert world.quarter(MONDAY + 2 * QUARTER).settled
    assert not world.quarter(MONDAY + 6 * QUARTER).settled


def test_at_most_32_boundaries_wait() -> None:
    world = World()
    for minute in range(40 * 15):
        world.tell(MONDAY + minute * MINUTE + 20_000, 1000 + minute, clock=MONDAY)
    waiting = [q for q in world.latest.values() if not q.settled]

    assert MAX_WAITING == len(waiting)


def full(quantities: int) -> World:
    """A meter at its fullest: comparable days learnt, 16 open gaps, boundaries waiting."""
    world = World(points=[CONSUMER._replace(role="prosumer" if quantities == 2 else "consumer")])
    counted(world, 0, 8 * 1440)
    for number in range(MAX_GAPS):
        counted(world, 8 * 1440 + number * 180 + 130, 8 * 1440 + number * 180 + 180)
    return world


@pytest.mark.parametrize("quantities", [1, 2])
def test_the_state_stays_within_its_budget(quantities: int) -> None:
    world = full(quantities)
    energy = world.energy

    assert MAX_GAPS == world.kinds().count("data.gap")
    assert len(energy.pack_thin()) < 100
    assert len(energy.pack_thin()) + len(energy.pack_wide()) <= 2048
    for _ in range(3):
        world.restart()
    assert len(world.energy.pack_wide()) <= 2048


def test_memory_is_what_the_changelog_holds_and_little_more() -> None:
    world = World(points=[CONSUMER._replace(role="prosumer")])
    counted(world, 0, 8 * 1440)
    energy = world.energy
    objects: list[object] = [energy, energy.registers]
    for register in energy.registers:
        slots = [getattr(register, name) for name in fields(Register)]
        objects += [register, *(s for s in slots if isinstance(s, bytes) or (isinstance(s, int) and s > 256))]

    assert sum(map(sys.getsizeof, objects)) <= 1200


def test_no_work_grows_with_the_gap() -> None:
    """A late telegram in a gap of three days publishes no more than one in a gap of an hour."""
    published = []
    for hours in (1, 72):
        world = World(Meter(TITLE))
        counted(world, 0, 20)
        world.tell(MONDAY + hours * HOUR + 20 * MINUTE, 1000 + hours * 300)
        told = [len(world.tell(MONDAY + m * MINUTE + 20_000, 1000 + m * 4, clock=world.clock)) for m in range(21, 60)]
        published.append(max(told))

    assert published[0] >= published[1]
