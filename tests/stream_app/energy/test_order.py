"""Whatever order the telegrams come in: the quarters end as the oracle says."""

from __future__ import annotations

import random
from collections.abc import Sequence
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from stream_app.records import MeterQuarter
from stream_app.registry.model import Meter, Point
from tests.oracle.quarter_hours import Expected, Seen, quarter_hours
from tests.stream_app.energy.energy_world import CONSUMER, HOUR, MINUTE, MONDAY, TITLE, World

TOLERANCE = 150_000
GRACE = 1_800_000
PAUSES = st.sampled_from([MINUTE] * 8 + [20_000, 150_000, 150_001, 7 * MINUTE, 20 * MINUTE, 50 * MINUTE, 3 * HOUR])


@st.composite
def readings(draw: st.DrawFn, most: int = 60) -> list[Seen]:
    """Telegrams of some hours: mostly one a minute, some on the boundary, with holes of all sizes."""
    at = MONDAY + draw(st.sampled_from([0, 20_000, 14 * MINUTE + 59_000]))
    value = 5_000
    seen = []
    for pause, rise, trusted in draw(st.lists(st.tuples(PAUSES, st.integers(0, 900), st.booleans()), max_size=most)):
        seen.append(Seen(at, value, trusted))
        at, value = at + pause, value + rise
    return seen


def deliver(arrivals: Sequence[tuple[int, Seen]], world: World | None = None) -> World:
    """Telegrams by the stream clock of their arrival, then a long silence."""
    world = world or World()
    for clock, seen in arrivals:
        world.tell(seen.at, seen.value, authenticated=seen.authenticated, clock=clock)
    world.wait(2 * HOUR)
    return world


def compared(quarter: MeterQuarter) -> tuple[object, ...]:
    return quarter.amount, quarter.quality, quarter.boundary_distance_ms, quarter.authenticated


def demanded(expected: Expected) -> tuple[object, ...]:
    return expected.amount, expected.quality, expected.distance_ms, expected.authenticated


def verdicts(world: World) -> dict[tuple[int, int], tuple[object, ...]]:
    return {(q.start, q.end): compared(q) for q in world.latest.values() if q.amount is not None}


def oracle(seen: Sequence[Seen], cuts: Sequence[int] = ()) -> dict[tuple[int, int], tuple[object, ...]]:
    return {k: demanded(e) for k, e in quarter_hours(seen, TOLERANCE, cuts).items() if e.amount is not None}


def tenants(cuts: Sequence[int]) -> list[Point]:
    """Rows of one site, each beginning when the one before ends."""
    begins, ends = [CONSUMER.valid_from, *cuts], [*cuts, None]
    return [CONSUMER._replace(valid_from=b, valid_to=e) for b, e in zip(begins, ends, strict=True)]


@given(readings(most=80))
def test_in_order_every_field_is_the_oracles(seen: list[Seen]) -> None:
    world = deliver([(r.at, r) for r in seen])
    expected = quarter_hours(seen, TOLERANCE)

    assert {k: demanded(e) for k, e in expected.items()} == {
        (q.start, q.end): compared(q) for q in world.latest.values()
    }
    for (start, end), e in expected.items():
        quarter = world.quarter(start, end=end)
        assert (e.covered_ms // 1000, e.telegrams) == (quarter.coverage_s, quarter.telegrams)


@given(readings(), st.lists(st.integers(0, 6 * 60), max_size=3), st.data())
def test_disorder_within_the_grace_leaves_no_trace(seen: list[Seen], minutes: list[int], data: st.DataObject) -> None:
    cuts = sorted({MONDAY + minute * MINUTE + 7_000 for minute in minutes})
    delays = data.draw(st.lists(st.integers(0, GRACE - 1000), min_size=len(seen), max_size=len(seen)))
    arrivals = sorted((r.at + delay, r) for r, delay in zip(seen, delays, strict=True))
    world = deliver(arrivals, World(points=tenants(cuts)))

    assert oracle(seen, cuts) == verdicts(world)
    for (start, end), e in quarter_hours(seen, TOLERANCE, cuts).items():
        if e.amount is not None:
            assert world.quarter(start, end=end).coverage_s * 1000 <= e.covered_ms


def in_holes(seen: Sequence[Seen], late: set[int]) -> set[int]:
    """Of the readings that are to come late, those without which there is a hole wider than the tolerance."""
    while True:
        there = [i for i in range(len(seen)) if i not in late]
        narrow = {i for a, b in pairwise(there) if seen[b].at - seen[a].at <= TOLERANCE for i in range(a + 1, b)}
        if not narrow:
            return late
        late -= narrow


@given(readings(), st.data())
def test_what_comes_days_late_into_a_gap_leaves_no_trace(seen: list[Seen], data: st.DataObject) -> None:
    late = in_holes(seen, data.draw(st.sets(st.integers(1, max(len(seen) - 2, 1)), max_size=12)) - {len(seen) - 1})
    held = [r for i, r in enumerate(seen) if i in late]
    data.draw(st.randoms(use_true_random=False)).shuffle(held)
    now = seen[-1].at + 2 * HOUR if seen else MONDAY
    steps = [now + n * data.draw(st.sampled_from([0, 7_000, 70_000])) for n in range(len(held))]
    world = deliver([(r.at, r) for i, r in enumerate(seen) if i not in late])
    deliver(list(zip(steps, held, strict=True)), world)

    assert oracle(seen) == verdicts(world)


@given(readings(), st.data())
def test_every_moment_the_quarters_add_up_to_the_register(seen: list[Seen], data: st.DataObject) -> None:
    """Two readings on the boundary enclose the rest; what lies between comes in any order, at any time."""
    if not seen:
        return
    end = (seen[-1].at // 900_000 + 1) * 900_000
    outer = [Seen(MONDAY - 900_000, 4_000), Seen(end, seen[-1].value + 77)]
    inner = list(seen)
    data.draw(st.randoms(use_true_random=False)).shuffle(inner)
    world = deliver([(r.at, r) for r in outer])
    for reading in inner:
        world.tell(reading.at, reading.value, clock=world.clock + data.draw(st.sampled_from([0, 1000, 61_000])))

        quarters = sorted((q.start, q.end, q.amount) for q in world.latest.values())
        assert outer[1].value - 4_000 == sum(amount or 0 for _, _, amount in quarters)
        assert all(amount is not None and amount >= 0 for _, _, amount in quarters)
        assert all(a[1] == b[0] for a, b in pairwise(quarters))


@given(readings(), st.integers(1, 9), st.randoms(use_true_random=False))
def test_restarts_and_sweeps_anywhere_change_nothing(seen: list[Seen], every: int, chance: random.Random) -> None:
    arrivals = sorted((r.at + chance.randrange(GRACE), r) for r in seen)
    plain = deliver(arrivals)
    world = World()
    for number, (clock, reading) in enumerate(arrivals):
        world.tell(reading.at, reading.value, authenticated=reading.authenticated, clock=clock)
        if number % every == 0:
            world.restart()
            world.wait(0)
    world.wait(2 * HOUR)

    assert plain.latest == world.latest
    assert plain.events == world.events


@given(st.lists(st.tuples(st.sampled_from([0, 900_000, 2_250_000, 2_250_001]), st.integers(0, 900)), max_size=20))
def test_a_meter_that_sends_every_quarter_of_an_hour(steps: list[tuple[int, int]]) -> None:
    """Its tolerance spans several boundaries, and many of its readings lie on one."""
    at, value, seen = MONDAY, 5_000, []
    for pause, rise in steps:
        at, value = at + (pause or 300_000), value + rise
        seen.append(Seen(at, value))
    world = deliver([(r.at, r) for r in seen], World(Meter(TITLE, push_seconds=900)))
    expected = quarter_hours(seen, 2_250_000)

    assert {k: demanded(e) for k, e in expected.items()} == {
        (q.start, q.end): compared(q) for q in world.latest.values()
    }
    for (start, end), e in expected.items():
        quarter = world.quarter(start, end=end)
        assert (e.covered_ms // 1000, e.telegrams) == (quarter.coverage_s, quarter.telegrams)
