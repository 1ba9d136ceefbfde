from __future__ import annotations

from stream_app.registry.model import Meter
from tests.stream_app.energy.energy_world import HOUR, MINUTE, MONDAY, QUARTER, TITLE, World


def minutes(world: World, first: int, last: int, *, wh_per_minute: int = 4, offset: int = 20_000) -> None:
    """A telegram a minute, ``offset`` ms past it; the register starts at 1000 on Monday."""
    for minute in range(first, last + 1):
        world.tell(MONDAY + minute * MINUTE + offset, 1000 + minute * wh_per_minute)


def test_a_boundary_between_two_readings_lies_on_their_line_rounded_half_up() -> None:
    world = World()
    minutes(world, 0, 31)

    # 00:14:20 1056 | 00:15:00 1058.67 -> 1059 | 00:29:20 1116 | 00:30:00 1118.67 -> 1119
    quarter = world.quarter(MONDAY + QUARTER)
    assert (60, "MEASURED", "INTERPOLATED") == (quarter.amount, quarter.quality, quarter.method)
    assert (900, 15, MINUTE) == (quarter.coverage_s, quarter.telegrams, quarter.boundary_distance_ms)


def test_the_quarter_of_the_first_reading_is_missing() -> None:
    world = World()
    minutes(world, 3, 16)
    quarter = world.quarter(MONDAY)

    assert (None, "MISSING", "NONE") == (quarter.amount, quarter.quality, quarter.method)


def test_readings_at_the_boundaries_are_taken_as_they_are() -> None:
    world = World()
    minutes(world, 0, 30, offset=0)
    quarter = world.quarter(MONDAY)

    assert (60, "MEASURED", "REGISTER", 0) == (
        quarter.amount,
        quarter.quality,
        quarter.method,
        quarter.boundary_distance_ms,
    )
    assert [MONDAY, MONDAY + QUARTER] == sorted(world.amounts())


def test_a_gap_keeps_the_total_and_estimates_the_course() -> None:
    world = World()
    minutes(world, 0, 20)
    world.tell(MONDAY + 80 * MINUTE + 20_000, 1401)
    minutes(world, 105, 106, wh_per_minute=5)

    qualities = [world.quarter(MONDAY + n * QUARTER).quality for n in range(1, 6)]
    assert ["ESTIMATED"] * 5 == qualities
    assert ["data.gap", "data.gap"] == world.kinds()


def test_a_quarter_is_final_when_the_grace_has_passed() -> None:
    world = World()
    minutes(world, 0, 46)
    before = world.quarter(MONDAY + QUARTER).settled
    world.wait(HOUR)

    assert not before
    assert world.quarter(MONDAY + QUARTER).settled


def test_a_silent_meter_is_told_once() -> None:
    world = World(Meter(TITLE))
    minutes(world, 0, 1)
    world.wait(HOUR)
    world.wait(HOUR)

    assert ["data.silent"] == world.kinds()
