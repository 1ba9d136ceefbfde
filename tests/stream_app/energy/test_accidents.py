"""What registers do besides counting: each accident is recognised and told, and none makes energy."""

from __future__ import annotations

from collections.abc import Iterable

import pytest

from stream_app.registry.model import Meter
from tests.stream_app.energy.energy_world import CONSUMER, DAY, HOUR, MINUTE, MONDAY, QUARTER, TITLE, World

METER = Meter(TITLE, max_power_w=20_000)


def feed(world: World, registers: Iterable[int | None], *, first: int = 0) -> None:
    """A register a minute; None: no telegram."""
    for minute, register in enumerate(registers, first):
        if register is not None:
            world.tell(MONDAY + minute * MINUTE + 20_000, register)


def rising(start: int, count: int, step: int = 10) -> list[int | None]:
    return list(range(start, start + count * step, step))


def known(world: World) -> list[int]:
    return [q.amount for q in world.latest.values() if q.amount is not None]


def test_a_wrap_at_the_limit_counts_on() -> None:
    world = World(METER._replace(register_limit_wh=99_999_999))
    feed(world, [r % 100_000_000 for r in range(99_999_850, 100_000_170, 10)])

    assert [150] == known(world)
    assert ["register.wrap"] == world.kinds()


@pytest.mark.parametrize("limit", [99_999_999, 999_999_999, 4_294_967_295])
def test_the_usual_limits_are_known_where_none_is_configured(limit: int) -> None:
    world = World(Meter(TITLE))
    feed(world, [r % (limit + 1) for r in range(limit - 99, limit + 231, 10)])

    assert [150] == known(world)
    assert ["register.wrap"] == world.kinds()


def test_telegrams_from_both_sides_of_a_wrap_may_come_in_any_order() -> None:
    world = World(METER._replace(register_limit_wh=99_999_999))
    registers = [r % 100_000_000 for r in range(99_999_850, 100_000_170, 10)]
    telegrams = [(MONDAY + m * MINUTE + 20_000, r) for m, r in enumerate(registers)]
    for at, register in telegrams[:3] + telegrams[18:] + telegrams[17:2:-1]:
        world.tell(at, register)
    world.wait(HOUR)

    assert [150] == known(world)
    assert "MEASURED" == world.quarter(MONDAY + QUARTER).quality


@pytest.mark.parametrize("blip", [0, 4_000, 53_700_000], ids=["zero", "backward", "jump"])
def test_a_glitch_moves_nothing(blip: int) -> None:
    clean, world = World(METER), World(METER)
    registers = rising(5_000, 35)
    feed(clean, registers)
    feed(world, [*registers[:14], blip, *registers[15:]])

    assert known(clean) == known(world)
    assert ["register.glitch"] == world.kinds()


@pytest.mark.parametrize("minute", [20, 29, 30, 31, 40])
def test_a_jump_that_was_believed_is_taken_back_when_the_register_goes_on_below_it(minute: int) -> None:
    """One bit of a telegram without a tag; 130 kWh are believed where nobody has said what the connection can draw."""
    clean, world = World(Meter(TITLE)), World(Meter(TITLE))
    registers = rising(5_000, 90)
    feed(clean, registers)
    feed(world, [*registers[:minute], 5_000 + 10 * minute + (1 << 17), *registers[minute + 1 :]])

    assert known(clean)[:2] == known(world)[:2]
    assert sum(known(clean)) == sum(known(world))
    assert {"register.glitch", "data.gap"} >= set(world.kinds())


@pytest.mark.parametrize("limit", [None, 99_999_999])
def test_a_momentary_zero_behind_a_gap_is_no_wrap(limit: int | None) -> None:
    world = World(Meter(TITLE, register_limit_wh=limit))
    feed(world, rising(99_500_000, 40))
    feed(world, [0, *rising(99_500_400, 60)], first=400)

    assert 740 == sum(known(world))
    assert ["data.gap", "register.glitch"] == sorted(set(world.kinds()))


def test_a_wrap_behind_a_gap_is_believed_once_a_second_reading_says_so() -> None:
    world = World(METER._replace(register_limit_wh=99_999_999))
    feed(world, rising(99_999_800, 20))
    feed(world, rising(40, 40), first=60)

    assert 390 == sum(known(world))
    assert "register.reset" not in world.kinds()


@pytest.mark.parametrize("blip", [-1, 2**64 - 1])
def test_what_no_register_shows_is_not_even_a_beginning(blip: int) -> None:
    world = World(METER)
    feed(world, [blip, *rising(5_000, 35)])
    world.restart()

    assert [150] == known(world)
    assert ["register.glitch"] == world.kinds()


def test_a_glitch_around_the_boundary_only_widens_the_span() -> None:
    world = World(METER)
    registers = rising(5_000, 35)
    feed(world, [*registers[:14], 0, 0, 0, *registers[17:]])
    quarter = world.quarter(MONDAY + QUARTER)

    assert (150, "ESTIMATED", 4 * MINUTE) == (quarter.amount, quarter.quality, quarter.boundary_distance_ms)


def test_a_late_glitch_is_told_and_dropped() -> None:
    world = World(METER)
    registers = rising(5_000, 35)
    registers[14] = None
    feed(world, registers)
    before = dict(world.latest)
    world.tell(MONDAY + 14 * MINUTE + 20_000, 0)

    assert before == world.latest
    assert ["register.glitch"] == world.kinds()


def test_a_glitch_as_the_very_first_reading_makes_no_energy() -> None:
    world = World(METER)
    feed(world, [0, *rising(54_000_000, 70)])

    assert all(amount < 200 for amount in known(world))
    assert ["register.glitch", "register.reset", "data.gap"] == world.kinds()


@pytest.mark.parametrize("anew", [0, 54_000_000], ids=["lower", "higher"])
def test_a_register_that_stays_elsewhere_was_reset_and_the_quarter_is_missing(anew: int) -> None:
    world = World(METER)
    feed(world, rising(500_000, 40))
    feed(world, rising(anew, 60), first=40)
    amounts = [world.quarter(MONDAY + n * QUARTER).amount for n in range(6)]

    assert [None, 150, None, 150, 150, 150] == amounts
    assert ["register.glitch", "register.reset", "data.gap"] == world.kinds()
    assert "MISSING" == world.quarter(MONDAY + 2 * QUARTER).quality


def test_a_reset_across_a_gap_leaves_the_quarters_it_may_have_happened_in_missing() -> None:
    world = World(METER)
    feed(world, rising(500_000, 40))
    feed(world, rising(7, 60), first=100)
    amounts = [world.quarter(MONDAY + n * QUARTER).amount for n in range(10)]

    assert [None, 150, *[None] * 5, 150, 150, 150] == amounts


def test_a_reset_is_not_believed_before_three_readings_over_a_quarter_of_an_hour() -> None:
    world = World(METER)
    feed(world, rising(500_000, 20))
    feed(world, rising(0, 14), first=20)
    feed(world, rising(500_340, 20), first=34)

    assert ["register.glitch", "data.gap"] == world.kinds()
    assert [150, 150] == known(world)


def test_a_long_gap_is_no_wrap_where_nobody_said_so() -> None:
    """54 MWh, three days of silence, a new register: 46 MWh would be a wrap of a CT meter at 640 kW."""
    world = World(Meter(TITLE))
    feed(world, rising(54_000_000, 3))
    feed(world, rising(500, 60), first=3 * 1440)

    assert max(known(world)) == 150
    assert "register.wrap" not in world.kinds()


def test_the_same_telegram_again_counts_once() -> None:
    clean, world = World(METER), World(METER)
    registers = rising(5_000, 35)
    feed(clean, registers)
    for minute, register in enumerate(registers):
        for _ in range(2):
            world.tell(MONDAY + minute * MINUTE + 20_000, register)

    assert clean.latest == world.latest


def test_a_telegram_counts_only_for_the_registers_it_carries() -> None:
    world = World(METER, [CONSUMER._replace(role="prosumer")])
    for minute in range(40):
        world.tell(MONDAY + minute * MINUTE + 20_000, 5_000 + minute * 10, None if minute % 2 else minute)
        world.tell(MONDAY + minute * MINUTE + 40_000, None, None)

    assert (150, MINUTE) == (
        world.quarter(MONDAY + QUARTER).amount,
        world.quarter(MONDAY + QUARTER).boundary_distance_ms,
    )
    export = world.quarter(MONDAY + QUARTER, "2.8.0")
    assert (15, 2 * MINUTE, 7) == (export.amount, export.boundary_distance_ms, export.telegrams)


def test_exchange_closes_the_old_device_at_its_end_reading_and_opens_the_new_one_at_its_start() -> None:
    end = MONDAY + 22 * MINUTE
    old = World(METER, [CONSUMER._replace(valid_to=end, end_import_wh=5_225)])
    feed(old, rising(5_000, 21))
    old.wait(DAY)
    new = World(METER, [CONSUMER._replace(valid_from=end, start_import_wh=3)])
    feed(new, rising(10, 30), first=23)

    part, rest = old.quarter(MONDAY + QUARTER, end=end), new.quarter(end, end=MONDAY + 2 * QUARTER)
    # old: 00:15 at 5147 (5146.67), removed at 5225; new: installed at 3, 00:30 at 77 (76.67)
    assert (78, "MEASURED") == (part.amount, part.quality)
    assert (74, "MEASURED") == (rest.amount, rest.quality)


def test_an_exchange_announced_late_still_closes_both() -> None:
    end = MONDAY + 22 * MINUTE
    old, new = World(METER), World(METER, [])
    feed(old, rising(5_000, 21))
    for world in (old, new):
        world.wait(4 * HOUR)
    old.adopt([CONSUMER._replace(valid_to=end, end_import_wh=5_225)])
    new.adopt([CONSUMER._replace(valid_from=end, start_import_wh=3)])
    new.tell(MONDAY + 18 * QUARTER, 2_500)
    quarters = list(new.latest.values())

    assert 78 == old.quarter(MONDAY + QUARTER, end=end).amount
    assert {"ESTIMATED"} == {q.quality for q in quarters}
    assert 2_500 - 3 == sum(q.amount or 0 for q in quarters)


def test_an_exchange_without_readings_says_missing_where_it_does_not_know() -> None:
    end = MONDAY + 22 * MINUTE
    old, new = World(METER, [CONSUMER._replace(valid_to=end)]), World(METER, [CONSUMER._replace(valid_from=end)])
    feed(old, rising(5_000, 21))
    old.wait(DAY)
    feed(new, rising(10, 30), first=23)

    assert (CONSUMER.site, "1.8.0", MONDAY + QUARTER, end) not in old.latest
    assert "MISSING" == new.quarter(end, end=MONDAY + 2 * QUARTER).quality
