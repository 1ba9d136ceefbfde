"""Rules for plausibility in the stage: what they revise, what they tell, what they are kept for."""

from __future__ import annotations

from typing import Any

from stream_app.records import QuarterHour
from stream_app.registry.model import Directory, Member, Point, Site, ValidationRule
from tests.stream_app.balance_world import T0, Q, World, meter_quarter, point, title

DAY = 96
LATER = T0 + 10_000 * Q
P1 = point("P1", 1, since=-40 * DAY, role="consumer", applied_at=LATER)
UTC = Site("house", "UTC")


def rule(condition: Any, action: Any = "flag", name: str = "P1", **columns: Any) -> ValidationRule:
    return ValidationRule(name, condition, action, **columns)


def house(*rules: ValidationRule, points: tuple[Point, ...] = (P1,), site: Site = UTC) -> Directory:
    placed = [one._replace(place=n) for n, one in enumerate(rules, 1)]
    return Directory(points=points, sites=[site], validation_rules=placed)


def told(world: World, *quarters: int) -> list[tuple[Any, ...]]:
    records = [world.quarter_hour("P1", n) for n in quarters]
    return [(r.amount, r.quality, r.rule, r.substitute, r.original_amount, r.revision) for r in records if r]


def test_a_substitute_is_estimated_named_and_the_original_kept_and_the_balance_made_of_it() -> None:
    world = World(house(rule("above", "previous-day", limit=1000)))
    world.feed(0, meter_quarter(1, 0, 120))
    record, event, balance = world.feed(meter_quarter(1, DAY, 9000))

    assert (120, "ESTIMATED", "above previous-day", "PREVIOUS_DAY", 9000) == (
        record.amount,
        record.quality,
        record.rule,
        record.substitute,
        record.original_amount,
    )
    assert (900, 15, "INTERPOLATED", 1, "") == (
        record.coverage_s,
        record.telegrams,
        record.method,
        record.revision,
        record.reason,
    )
    assert (120, "ESTIMATED", 0) == (balance.import_wh, balance.quality, balance.points_missing)
    assert ("validation.above", "WARNING", title(1), "P1") == (
        event.type,
        event.severity,
        event.source,
        event.metering_point,
    )
    assert "1.8.0 from 2026-03-29T00:00:00Z on: 9000 Wh meets above previous-day" == event.detail


def test_what_is_only_flagged_keeps_amount_and_quality() -> None:
    world = World(house(rule("above", limit=1000)))
    world.feed(0, meter_quarter(1, 0, 9000))

    assert [(9000, "MEASURED", "above flag", "NONE", None, 1)] == told(world, 0)
    assert ["validation.above"] == [event.type for event in world.events]


def test_what_is_kept_is_named_and_no_event() -> None:
    world = World(house(rule("zero", "keep"), rule("below", limit=10)))
    world.feed(0, meter_quarter(1, 0, 0))

    assert [(0, "MEASURED", "zero keep", "NONE", None, 1)] == told(world, 0)
    assert [] == world.events


def test_a_run_is_one_event_and_the_next_run_another() -> None:
    world = World(house(rule("above", limit=1000)))
    for n, amount in enumerate([2000, 3000, 5, 2000]):
        world.feed(n, meter_quarter(1, n, amount))
        world.commit()

    assert [T0, T0 + 3 * Q] == [event.at for event in world.events]


def test_zeros_are_flagged_from_their_begin_once_they_have_lasted_with_one_event() -> None:
    world = World(house(rule("zero", hours=1)))
    found = [world.feed(n, meter_quarter(1, n, amount)) for n, amount in enumerate([7, 0, 0, 0, 0, 0])]
    of_quarters = [[(r.start - T0) // Q for r in records if isinstance(r, QuarterHour)] for records in found]

    assert [[0], [1], [2], [3], [4, 1, 2, 3], [5]] == of_quarters
    assert [(7, "MEASURED", None, "NONE", None, 1)] == told(world, 0)
    assert {"comparable data"} == {r.reason for r in found[4] if isinstance(r, QuarterHour) and r.revision == 2}
    assert [(T0 + Q, "validation.zero")] == [(event.at, event.type) for event in world.events]


def test_a_backlog_is_shared_out_when_the_register_has_caught_up() -> None:
    world = World(house(rule("zero", "distribute")))
    for n, amount in enumerate([7, 0, 0, 0]):
        world.feed(n, meter_quarter(1, n, amount))
        world.commit()
    world.restart()
    world.feed(4, meter_quarter(1, 4, 42))

    assert [
        (7, "MEASURED", None, "NONE", None, 1),
        (11, "ESTIMATED", "zero distribute", "DISTRIBUTED", 0, 2),
        (11, "ESTIMATED", "zero distribute", "DISTRIBUTED", 0, 2),
        (10, "ESTIMATED", "zero distribute", "DISTRIBUTED", 0, 2),
        (10, "ESTIMATED", "zero distribute", "DISTRIBUTED", 42, 1),
    ] == told(world, 0, 1, 2, 3, 4)
    assert [11, 11, 10, 10] == [b.import_wh for n in (1, 2, 3, 4) if (b := world.balance(n))]
    assert [] == world.events


def test_what_is_missing_is_replaced_after_the_grace_period_and_again_when_it_comes() -> None:
    world = World(house(rule("missing", "previous-week")))
    world.feed(0, meter_quarter(1, 0, 120))
    world.sweep(7 * DAY + 3)
    before = told(world, 7 * DAY)
    world.feed(meter_quarter(1, 7 * DAY, 80))

    assert [(120, "ESTIMATED", "missing previous-week", "PREVIOUS_WEEK", None, 1)] == before
    assert [(80, "MEASURED", None, "NONE", None, 2)] == told(world, 7 * DAY)
    assert [
        (T0 + Q, "validation.missing", "1.8.0 from 2026-03-28T00:15:00Z on: nothing meets missing previous-week")
    ] == [(event.at, event.type, event.detail) for event in world.events]


def test_a_substitute_is_never_made_of_a_substitute() -> None:
    world = World(house(rule("missing", "previous-day")))
    world.feed(0, meter_quarter(1, 0, 120))
    world.sweep(9 * DAY)

    assert [120] * 7 + [None] == [amount for amount, *_ in told(world, *(n * DAY for n in range(1, 9)))]


def test_late_data_revise_what_referred_to_them_and_nothing_else() -> None:
    world = World(house(rule("missing", "previous-day")))
    world.feed(0, meter_quarter(1, 0, 120), *(meter_quarter(1, n, 5) for n in range(1, DAY)))
    world.sweep(2 * DAY + 2)
    world.commit()
    revised = world.feed(meter_quarter(1, 0, 130))

    assert [(0, 130, 2, "late data"), (DAY, 130, 2, "comparable data")] == [
        ((r.start - T0) // Q, r.amount, r.revision, r.reason) for r in revised if isinstance(r, QuarterHour)
    ]


def test_a_change_of_rules_reopens_what_it_touches_without_events() -> None:
    world = World(house())
    world.feed(0, meter_quarter(1, 0, 120), meter_quarter(1, 1, 5), meter_quarter(1, DAY, 9000))
    world.register(house(rule("above", "previous-day", limit=1000)))
    world.sweep()
    substituted = told(world, 0, 1, DAY)
    world.restart(house())
    world.feed()

    assert [
        (120, "MEASURED", None, "NONE", None, 1),
        (5, "MEASURED", None, "NONE", None, 1),
        (120, "ESTIMATED", "above previous-day", "PREVIOUS_DAY", 9000, 2),
    ] == substituted
    assert [(9000, "ADJUSTED", None, "NONE", None, 3)] == told(world, DAY)
    assert "registry" == ((q := world.quarter_hour("P1", DAY)) and q.reason)
    assert [] == world.events


def test_a_change_of_rules_publishes_nothing_before_the_first_quarter_of_the_site() -> None:
    world = World(house())
    world.feed(3, meter_quarter(1, 3, 5))
    world.sweep(DAY)
    world.commit()
    world.register(house(rule("missing", "zero")))
    world.sweep()

    assert T0 + 3 * Q == min(record.start for record in world.newest.values())


def test_a_rule_that_only_flags_adjusts_nothing_when_it_comes() -> None:
    world = World(house())
    world.feed(0, meter_quarter(1, 0, 9000))
    world.register(house(rule("above", limit=1000)))
    world.feed()

    assert [(9000, "MEASURED", "above flag", "NONE", None, 2)] == told(world, 0)


def test_shares_are_made_of_the_amounts_that_are_published() -> None:
    community = Site("house", "UTC", kind="community", sharing="ch-proportional")
    points = (P1, point("PV", 2, role="producer"))
    members = [Member("house", "P1", 0), Member("house", "PV", 0)]
    rules = [rule("above", "previous-day", limit=1000)]
    world = World(Directory(points=points, sites=[community], members=members, validation_rules=rules))
    world.feed(0, meter_quarter(1, 0, 30), meter_quarter(2, 0, 10, "2.8.0"))
    world.feed(meter_quarter(1, DAY, 9000), meter_quarter(2, DAY, 50, "2.8.0"))
    (row,) = [r for (t, k), r in world.newest.items() if "allocations" in t and k.startswith("house|P1|2026-03-29")]

    assert (30, 30, 0, "ESTIMATED") == (row.consumption_wh, row.allocated_wh, row.residual_wh, row.quality)


def test_a_quarter_hour_that_is_valid_only_in_part_is_neither_judged_nor_compared_with() -> None:
    begun = P1._replace(valid_from=T0 + Q // 2)
    world = World(house(rule("below", limit=50), rule("missing", "previous-day"), points=(begun,)))
    world.feed(0, meter_quarter(1, 0, 20, start=T0 + Q // 2), *(meter_quarter(1, n, 60) for n in range(1, DAY)))
    world.sweep(DAY + 4)

    assert [(20, "MEASURED", None, "NONE", None, 1)] == told(world, 0)
    assert [
        (None, "MISSING", "missing previous-day", "NONE", None, 1),
        (60, "ESTIMATED", "missing previous-day", "PREVIOUS_DAY", None, 1),
    ] == told(world, DAY, DAY + 1)
