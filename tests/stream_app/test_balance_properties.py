"""However the meter-quarters arrive, the newest records say the same, and they say what an oracle says.

The oracle knows nothing of batches, revisions or state: it is handed every meter-quarter at once and the registry as it
stands at the end.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from hypothesis import given, settings
from hypothesis import strategies as st

from stream_app.records import Allocation, Balance, MeterQuarter, Quality, QuarterHour
from stream_app.registry.model import Directory, Member, Point, Sharing, Site
from tests.stream_app.balance_world import HOUSE, T0, Q, World, point, title

QUARTERS = 6
LATER = T0 + 10_000 * Q  # nobody has a record before the site's first meter-quarter
MINUTE = 60_000
QUANTITIES = {"consumer": ["1.8.0"], "producer": ["2.8.0"], "prosumer": ["1.8.0", "2.8.0"]}


class Fleet(NamedTuple):
    points: list[Point]
    parts: list[MeterQuarter]


instants = st.integers(0, QUARTERS * 15).map(lambda minute: T0 + minute * MINUTE)
roles = st.sampled_from(["consumer", "producer", "prosumer"])


@st.composite
def rows(draw: st.DrawFn, name: str, meter: int) -> list[Point]:
    """A point served by one device, or by two with an exchange at any minute; it may begin late and end early."""
    begin, exchange, end = sorted(draw(st.lists(instants, min_size=3, max_size=3)))
    role = draw(roles)
    since = draw(st.sampled_from([T0 - 90 * Q, begin]))
    until = draw(st.sampled_from([None, end]))
    if draw(st.booleans()):
        return [point(name, meter, role=role, applied_at=LATER)._replace(valid_from=since, valid_to=until)]
    return [
        point(name, meter, role=role, applied_at=LATER)._replace(valid_from=since, valid_to=exchange),
        point(name, meter + 100, role=role, applied_at=LATER)._replace(valid_from=exchange, valid_to=until),
    ]


def stretches(row: Point) -> list[tuple[int, int]]:
    """The quarters of the world, cut to the validity of a row."""
    cut = [
        (max(start, row.valid_from), min(start + Q, row.valid_to or start + Q))
        for start in range(T0, T0 + QUARTERS * Q, Q)
    ]
    return [(since, until) for since, until in cut if since < until]


@st.composite
def part(draw: st.DrawFn, row: Point, quantity: str, since: int, until: int) -> MeterQuarter:
    amount = draw(st.none() | st.integers(0, 500))
    measured: Quality = draw(st.sampled_from(["MEASURED", "ESTIMATED"]))
    quality: Quality = "MISSING" if amount is None else measured
    return MeterQuarter(
        "house", row.system_title, quantity, since, until, amount, quality, "INTERPOLATED", 60, 3, 5000, True, False
    )


@st.composite
def fleets(draw: st.DrawFn) -> Fleet:
    points = [row for n in range(draw(st.integers(1, 3))) for row in draw(rows(f"P{n}", n))]
    parts = [
        draw(part(row, quantity, *stretch))
        for row in points
        for quantity in QUANTITIES[row.role]
        for stretch in stretches(row)
        if draw(st.integers(0, 5))
    ]
    return Fleet(points, draw(st.permutations(parts)))


def oracle(fleet: Fleet) -> dict[tuple[str, Any], Any]:
    """Amount and quality by series and start, the balances by site and start."""
    if not fleet.parts:
        return {}
    first = min(p.start for p in fleet.parts) // Q * Q
    found: dict[tuple[str, Any], Any] = {}
    for start in range(first, T0 + QUARTERS * Q, Q):
        energy: dict[tuple[str, str], list[MeterQuarter | None]] = {}
        for row in fleet.points:
            for since, until in stretches(row):
                if start <= since < start + Q:
                    for quantity in QUANTITIES[row.role]:
                        same = [
                            p
                            for p in fleet.parts
                            if (p.system_title, p.quantity, p.start, p.end)
                            == (row.system_title, quantity, since, until)
                        ]
                        energy.setdefault((row.metering_point, quantity), []).append(same[0] if same else None)
        records = {key: whole(parts) for key, parts in energy.items()}
        found |= {("|".join(key), start): record for key, record in records.items()}
        if records:
            found["house", start] = balance(records)
    return found


def whole(parts: list[MeterQuarter | None]) -> tuple[int | None, str]:
    there = [p.amount for p in parts if p is not None and p.amount is not None]
    if len(there) < len(parts):
        return None, "MISSING"
    return sum(there), "ESTIMATED" if any(p and p.quality == "ESTIMATED" for p in parts) else "MEASURED"


def balance(records: dict[tuple[str, str], tuple[int | None, str]]) -> tuple[Any, ...]:
    sums = []
    for side in ("1.8.0", "2.8.0"):
        amounts = [amount for (_, q), (amount, _) in records.items() if q == side and amount is not None]
        sums.append(sum(amounts) if amounts else None)
    without = {key[0] for key, (amount, _) in records.items() if amount is None}
    qualities = {quality for _, quality in records.values()}
    if qualities == {"MISSING"}:
        quality = "MISSING"
    elif "MISSING" in qualities:
        quality = "INCOMPLETE"
    else:
        quality = "ESTIMATED" if "ESTIMATED" in qualities else "MEASURED"
    return (*sums, len({key[0] for key in records}), len(without), quality)


def told(world: World) -> dict[tuple[str, Any], Any]:
    """The newest records in the form of the oracle."""
    found: dict[tuple[str, Any], Any] = {}
    for record in world.newest.values():
        if isinstance(record, QuarterHour):
            found[f"{record.metering_point}|{record.quantity}", record.start] = record.amount, record.quality
        elif isinstance(record, Balance):
            found[record.site, record.start] = (
                record.import_wh,
                record.export_wh,
                record.points,
                record.points_missing,
                record.quality,
            )
    return found


@st.composite
def journeys(draw: st.DrawFn, count: int) -> list[tuple[int, str, int]]:
    """How a run is cut: so many parts, then one of the things that may happen, with a clock."""
    cuts = draw(st.lists(st.tuples(st.integers(1, 8), st.sampled_from(["", "sweep", "restart", "commit"])), max_size=8))
    clock = 0
    journey = []
    for size, event in cuts:
        clock = min(clock + draw(st.integers(0, 2)), QUARTERS + 2)
        journey.append((size, event, clock))
    return [*journey, (count, "", clock)]


def travel(world: World, parts: list[MeterQuarter], journey: list[tuple[int, str, int]]) -> None:
    at = 0
    world.feed(0)
    for size, event, clock in journey:
        world.feed(*parts[at : at + size], clock)
        at += size
        if event == "sweep":
            world.sweep()
        elif event == "restart":
            world.restart()
        elif event == "commit":
            world.commit()


@settings(max_examples=80, deadline=None)
@given(st.data())
def test_any_order_batching_and_restart_end_in_what_the_oracle_says(data: st.DataObject) -> None:
    fleet = data.draw(fleets())
    world = World(Directory(points=fleet.points, sites=[HOUSE]))
    travel(world, fleet.parts, data.draw(journeys(len(fleet.parts))))
    world.sweep(QUARTERS + 2)

    assert oracle(fleet) == told(world)


@settings(max_examples=40, deadline=None)
@given(st.data())
def test_an_exchange_announced_late_ends_in_the_same_amounts_as_one_announced_in_time(data: st.DataObject) -> None:
    fleet = data.draw(fleets())
    unaware = [row._replace(valid_to=None) for row in fleet.points if row.system_title < title(100)]
    world = World(Directory(points=unaware, sites=[HOUSE]))
    cut = data.draw(st.integers(0, len(fleet.parts)))
    travel(world, fleet.parts[:cut], data.draw(journeys(cut)))
    final = Directory(points=fleet.points, sites=[HOUSE])
    if data.draw(st.booleans()):
        world.restart(final)
    else:
        world.register(final)
    travel(world, fleet.parts[cut:], data.draw(journeys(len(fleet.parts))))
    world.sweep(QUARTERS + 2)

    expected = oracle(fleet)
    found = told(world)
    assert {key: value[:-1] for key, value in expected.items()} == {
        key: value[:-1] for key, value in found.items() if key in expected
    }
    assert all(value[0] is None for key, value in found.items() if key not in expected)


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_the_shares_of_every_quarter_add_up_whatever_is_missing(data: st.DataObject) -> None:
    fleet = data.draw(fleets())
    model: Sharing = data.draw(st.sampled_from(["at-static", "at-dynamic", "ch-proportional", "ch-equal"]))
    names = sorted({row.metering_point for row in fleet.points})
    members = [
        Member("house", name, 0, None, data.draw(st.integers(1, 100)), data.draw(st.integers(0, 10_000 // len(names))))
        for name in names
    ]
    community = Site("house", "Europe/Vienna", kind="community", sharing=model)
    world = World(Directory(points=fleet.points, sites=[community], members=members))
    travel(world, fleet.parts, data.draw(journeys(len(fleet.parts))))
    world.sweep(QUARTERS + 2)

    assert [] == world.events
    by_start: dict[int, list[Allocation]] = {}
    for record in world.newest.values():
        if isinstance(record, Allocation):
            by_start.setdefault(record.start, []).append(record)
    balances = {r.start: r for r in world.newest.values() if isinstance(r, Balance)}
    assert set(balances) == set(by_start)
    for start, shares in by_start.items():
        assert len(shares) == balances[start].points
        assert {share.provisional for share in shares} == {balances[start].points_missing > 0}
        assert sum(s.allocated_wh or 0 for s in shares) == sum(s.delivered_wh or 0 for s in shares)
        for share in shares:
            assert (share.quality == "MISSING") == (share.consumption_wh is None and share.generation_wh is None)
            if share.generation_wh is not None:
                assert share.generation_wh == (share.delivered_wh or 0) + (share.surplus_wh or 0)
            if share.consumption_wh is not None:
                assert share.consumption_wh == (share.allocated_wh or 0) + (share.residual_wh or 0)
