"""However the meter-quarters arrive, rules for plausibility end in the same quarter-hours, those of an oracle.

The registry makes the points valid in the same few hours of a few days only, around a change of the clock, so that
five weeks cost no more than those hours.
"""

from __future__ import annotations

from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from stream_app.records import Balance, MeterQuarter, QuarterHour
from stream_app.registry.model import Directory, Point, Site, ValidationRule
from stream_app.registry.validation import ADMITTED
from tests.stream_app.balance_world import T0, Q, World, meter_quarter, point
from tests.stream_app.plausibility_oracle import Expected, expected

DAY = 96
ZURICH = Site("house", "Europe/Zurich")
SPRING, AUTUMN = 1, 211  # days after T0 on which the clock changes
DAYS = (-28, -21, -14, -7, -2, -1, 0)
WINDOW = 12  # quarter-hours from midnight UTC on: the local time that is skipped or doubled, and around it
NAMES = ("P1", "P2")
UNSHRUNK = (Phase.explicit, Phase.reuse, Phase.generate)  # to make a failing case smaller takes longer than the timeout

conditions = st.sampled_from([*sorted(ADMITTED), "zero", "zero", "zero", "zero"])  # the ones that neighbours decide


class Case(NamedTuple):
    begin: int
    amounts: dict[str, list[int | None]]
    parts: list[MeterQuarter]
    rules: list[ValidationRule]
    windows: list[range]


@st.composite
def rules(draw: st.DrawFn, name: str) -> list[ValidationRule]:
    found = []
    for _ in range(draw(st.integers(0, 4))):
        condition = draw(conditions)
        admits = ADMITTED[condition]
        columns: dict[str, Any] = {}
        if admits.needs:
            columns[admits.needs] = draw(st.sampled_from([50, 100, 200] if admits.needs == "percent" else [1, 3]))
        if admits.may_have and draw(st.booleans()):
            columns[admits.may_have] = draw(st.integers(1, 2))
        found.append(ValidationRule(name, condition, draw(st.sampled_from(admits.actions)), **columns))
    spread = [rule for rule in found if rule.action == "distribute"][:1]
    others = [rule for rule in found if rule.action != "distribute"]
    return [rule._replace(place=n) for n, rule in enumerate(spread + others, 1)]


@st.composite
def cases(draw: st.DrawFn) -> Case:
    last = draw(st.sampled_from([SPRING, AUTUMN])) + draw(st.sampled_from([0, 1, 7, 28]))
    days = [last + day for day in DAYS if draw(st.integers(0, 4))] or [last]
    windows = [range(day * DAY, day * DAY + WINDOW) for day in days]
    begin, end = windows[0][0], windows[-1][-1] + 1
    amounts: dict[str, list[int | None]] = {name: [None] * (end - begin) for name in NAMES}
    parts = []
    likely = draw(st.sampled_from([(0, 0, 0, 5), (0, 1, 2, 3, 9), (4, 4, None, 5)]))
    for meter, name in enumerate(NAMES, 1):
        for window in windows:
            for n in window:
                amount = amounts[name][n - begin] = draw(st.sampled_from(likely))
                if amount is not None or draw(st.booleans()):
                    parts.append(meter_quarter(meter, n, amount))
    return Case(begin, amounts, draw(st.permutations(parts)), draw(rules("P1")) + draw(rules("P2")), windows)


def directory(case: Case, among: list[ValidationRule]) -> Directory:
    points: list[Point] = [
        point(name, meter, role="consumer", since=window[0], until=window[-1] + 1, applied_at=T0 + 10**6 * Q)
        for meter, name in enumerate(NAMES, 1)
        for window in case.windows
    ]
    return Directory(points=points, sites=[ZURICH], validation_rules=among)


def oracle(case: Case) -> dict[tuple[str, int], Expected]:
    first = min(part.start for part in case.parts)
    found: dict[tuple[str, int], Expected] = {}
    for name in NAMES:
        mine = [rule for rule in case.rules if rule.metering_point == name]
        wanted = [n - case.begin for window in case.windows for n in window if T0 + n * Q >= first]
        answers = expected(case.amounts[name], T0 + case.begin * Q, ZoneInfo("Europe/Zurich"), mine, wanted)
        found |= {(name, T0 + (case.begin + n) * Q): one for n, one in answers.items()}
    return found


def travel(world: World, data: st.DataObject, case: Case, parts: list[MeterQuarter]) -> None:
    clock = case.begin
    while parts:
        size = data.draw(st.integers(1, 20))
        batch, parts = parts[:size], parts[size:]
        world.feed(clock, *batch)
        event = data.draw(st.sampled_from(["", "sweep", "restart", "commit"]))
        if event == "sweep":
            clock = max(clock, data.draw(st.sampled_from([window[-1] for window in case.windows])))
            world.sweep(clock)
        elif event == "restart":
            world.restart()
        elif event == "commit":
            world.commit()


def told(world: World) -> dict[tuple[str, int], Expected]:
    records = [record for record in world.newest.values() if isinstance(record, QuarterHour)]
    return {(r.metering_point, r.start): Expected(r.amount, r.rule, r.substitute) for r in records}


def check(world: World, case: Case) -> None:
    assert oracle(case) == told(world)
    records = [record for record in world.newest.values() if isinstance(record, QuarterHour)]
    for record in records:
        substituted = record.substitute != "NONE"
        counted = case.amounts[record.metering_point][(record.start - T0) // Q - case.begin]
        assert counted == (record.original_amount if substituted else record.amount)
        assert record.quality == "ESTIMATED" if substituted else record.original_amount is None
    for balance in (record for record in world.newest.values() if isinstance(record, Balance)):
        of_members = [r.amount for r in records if r.start == balance.start and r.amount is not None]
        assert balance.import_wh == (sum(of_members) if of_members else None)


@settings(max_examples=60, deadline=None, phases=UNSHRUNK)
@given(st.data(), cases().filter(lambda case: case.parts != []))
def test_any_order_batching_and_restart_end_in_what_the_oracle_says(data: st.DataObject, case: Case) -> None:
    world = World(directory(case, case.rules))
    world.now = T0 + 10**6 * Q
    travel(world, data, case, case.parts)
    world.sweep(case.windows[-1][-1] + 4)

    check(world, case)


@settings(max_examples=60, deadline=None, phases=UNSHRUNK)
@given(st.data(), cases().filter(lambda case: case.parts != []))
def test_rules_that_change_on_the_way_end_in_the_same(data: st.DataObject, case: Case) -> None:
    others = data.draw(rules("P1")) + data.draw(rules("P2"))
    world = World(directory(case, others))
    world.now = T0 + 10**6 * Q
    cut = data.draw(st.integers(0, len(case.parts)))
    travel(world, data, case, case.parts[:cut])
    final = directory(case, case.rules)
    world.restart(final) if data.draw(st.booleans()) else world.register(final)
    travel(world, data, case, case.parts[cut:])
    world.sweep(case.windows[-1][-1] + 4)

    check(world, case)
