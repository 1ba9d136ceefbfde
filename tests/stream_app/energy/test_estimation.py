from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stream_app.energy.bracket import Mark
from stream_app.energy.estimation import LEVELS, SLOTS, covers, largest_remainder, learn, line, slot_of
from tests.stream_app.energy.energy_world import CONSUMER, DAY, HOUR, MINUTE, MONDAY, QUARTER, World

HALF_HOUR = 2 * QUARTER


@pytest.mark.parametrize(("rise", "value"), [(1, 1), (2, 1), (3, 2), (0, 0)])
def test_half_a_watt_hour_is_rounded_up(rise: int, value: int) -> None:
    assert value == line(Mark(0, 0, True), Mark(2, rise, True), 1)


def test_a_watt_hour_too_many_goes_to_the_largest_remainder_and_the_earlier_part() -> None:
    assert [4, 3, 3] == largest_remainder(10, [1, 1, 1], 3)
    assert [2, 7, 1] == largest_remainder(10, [1, 5, 1], 7)


@given(st.integers(0, 10**9), st.lists(st.integers(0, 10**6), min_size=1).filter(any))
def test_the_parts_are_the_whole(total: int, weights: list[int]) -> None:
    parts = largest_remainder(total, weights, sum(weights))

    assert total == sum(parts)
    assert all(abs(p - total * w / sum(weights)) < 1 + 1e-6 for p, w in zip(parts, weights, strict=True))


@given(st.integers(0, 500_000))
def test_the_profile_keeps_a_level_to_one_part_in_16(level: int) -> None:
    kept = LEVELS[learn(bytes(SLOTS), MONDAY, level)[slot_of(MONDAY)] - 1]

    assert level - level / 16 <= kept <= level


def test_workdays_saturday_and_sunday_have_slots_of_their_own() -> None:
    slots = [slot_of(MONDAY + day * DAY) for day in range(8)]

    assert [0, 0, 0, 0, 0, 48, 96, 0] == slots
    assert slot_of(MONDAY + QUARTER) == slot_of(MONDAY)
    assert slot_of(MONDAY + HALF_HOUR) == slot_of(MONDAY) + 1


@given(st.integers(0, 20 * 96), st.integers(1, 10 * 96), st.integers(0, 30 * 96))
def test_a_gap_holds_the_half_hours_it_uses(begin: int, length: int, asked: int) -> None:
    left = MONDAY + begin * QUARTER + 20_000
    right = left + length * QUARTER
    used = {slot_of(at) for at in (*range(left, right, MINUTE), right - 1)}

    assert (slot_of(MONDAY + asked * QUARTER) in used) == covers(left, right, MONDAY + asked * QUARTER)


def days(world: World, first: int, last: int, *, but: range = range(0)) -> None:
    """Two kilowatts from six to noon, 120 W else; a telegram a minute, those of the minutes in ``but`` left out."""
    for minute in range(first * 1440, last * 1440):
        if minute not in but:
            world.tell(MONDAY + minute * MINUTE, register(minute))


def register(minute: int) -> int:
    day, rest = divmod(minute, 1440)
    morning = min(max(rest - 360, 0), 360) * 33
    return 100_000 + day * (360 * 33 + 1440 * 2) + morning + rest * 2


def gap(world: World) -> list[tuple[int | None, str]]:
    """05:00 to 13:00 on Thursday."""
    quarters = [world.quarter(MONDAY + 3 * DAY + 5 * HOUR + n * QUARTER) for n in range(32)]
    assert {"ESTIMATED"} == {q.quality for q in quarters[1:-1]}
    return [(q.amount, q.method) for q in quarters]


THURSDAY = range(3 * 1440 + 300, 3 * 1440 + 780)


def test_a_long_gap_has_the_shape_of_the_days_before_it() -> None:
    world = World()
    days(world, 0, 4, but=THURSDAY)
    estimated = gap(world)

    assert {"COMPARABLE_DAY"} == {method for _, method in estimated}
    assert 8 * 60 * 2 + 360 * 33 == sum(amount or 0 for amount, _ in estimated)
    for number, (amount, _) in enumerate(estimated):
        truth = 525 if 4 <= number < 28 else 30
        assert abs((amount or 0) - truth) <= 2 + truth // 16


def test_without_comparable_days_a_long_gap_is_linear() -> None:
    world = World()
    days(world, 3, 4, but=THURSDAY)

    assert {"INTERPOLATED"} == {method for _, method in gap(world)}


def test_an_estimate_does_not_move_with_the_profile() -> None:
    world = World()
    days(world, 0, 4, but=THURSDAY)
    before = gap(world)
    days(world, 4, 6)
    everything = dict(world.amounts())
    reopened = world.adopt([CONSUMER._replace(valid_to=MONDAY + 100 * DAY)])

    assert before == gap(world)
    assert everything == world.amounts()
    assert {MONDAY + 3 * DAY + 5 * HOUR} < {quarter.start for quarter in reopened}


def test_a_stretch_that_comes_two_days_late_leaves_the_rest_of_the_gap_as_if_it_had_come_in_time() -> None:
    rest = range(3 * 1440 + 420, 3 * 1440 + 780)
    in_time, late = World(), World()
    days(in_time, 0, 6, but=rest)
    days(late, 0, 6, but=THURSDAY)
    for minute in range(3 * 1440 + 300, 3 * 1440 + 420):
        late.tell(MONDAY + minute * MINUTE, register(minute))
    for world in (in_time, late):
        world.wait(HOUR)

    assert in_time.amounts() == late.amounts()
