"""What rules for plausibility cost: what is kept for them, and how often it is looked at."""

from __future__ import annotations

import pytest

from stream_app.energy.originals import Columns, Originals
from stream_app.registry.model import Directory, Site, ValidationRule
from tests.stream_app.balance_world import HOUSE, World, meter_quarter, point
from tests.stream_app.test_balance_plausibility import DAY, LATER, P1, house, rule, told


@pytest.mark.parametrize("restart", [False, True], ids=["running", "restarted"])
def test_what_a_quarter_that_may_be_revised_refers_to_is_kept_but_not_revised_itself(restart: bool) -> None:
    other = point("P2", 2, since=-40 * DAY, role="consumer", applied_at=LATER)
    rules = rule("missing", "previous-day"), rule("above", "previous-day", limit=150)
    world = World(house(*rules, points=(P1, other)), kept_days=1)
    for day in range(12):
        quarters = [n for n in range(day * DAY, day * DAY + DAY) if n != DAY]
        world.feed(*(meter_quarter(meter, n, 200 if n == 2 * DAY else 100) for n in quarters for meter in (1, 2)))
        world.sweep(day * DAY + DAY + 2)
        world.commit()
    if restart:
        world.restart()
    refused = world.feed(meter_quarter(1, 0, 9))
    missing = told(world, DAY)
    world.feed(meter_quarter(2, DAY, 5))
    balance = world.balance(DAY)
    world.feed(meter_quarter(1, DAY, 77))

    assert ["data.late"] == [event.type for event in refused]
    assert [(100, "ESTIMATED", "missing previous-day", "PREVIOUS_DAY", None, 1)] == missing
    assert (105, 0) == (balance and (balance.import_wh, balance.points_missing))
    assert [
        (77, "MEASURED", None, "NONE", None, 2),
        (100, "ESTIMATED", "above previous-day", "PREVIOUS_DAY", 200, 1),
    ] == told(world, DAY, 2 * DAY)


def test_what_nothing_refers_to_any_more_leaves() -> None:
    def blocks_after(days: int, *rules: ValidationRule) -> int:
        world = World(house(*rules), kept_days=2)
        for day in range(days):
            world.feed(*(meter_quarter(1, n, 1) for n in range(day * DAY, day * DAY + DAY)))
            world.sweep(day * DAY + DAY)
            world.commit()
        return sum(key[:1] in b"bp" for key in world.changelog)

    flag = rule("above", limit=1000)
    assert (8, 79) == (blocks_after(20), blocks_after(20, flag))
    assert blocks_after(33, flag) == blocks_after(45, flag) < 4 * 33


@pytest.mark.interpreted
def test_many_sites_take_new_rules_in_portions(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("stream_app.balance.ADOPTED", 5)
    names = ["a", "b", "c", "d"]
    points = [point(f"P-{n}", 1, site=n, role="consumer", applied_at=LATER) for n in names]
    sites = [Site(n, "UTC") for n in names]
    world = World(Directory(points=points, sites=sites))
    world.feed(0, *(meter_quarter(1, n, 9000, site=site) for n in range(3) for site in names))
    rules = [rule("above", limit=1000, name=f"P-{n}") for n in names]
    world.register(Directory(points=points, sites=sites, validation_rules=rules))
    portions = [{record.site for record in world.feed()} for _ in range(3)]

    assert [{"a", "b"}, {"c", "d"}, set()] == portions


@pytest.mark.interpreted
def test_comparing_weeks_back_unpacks_a_block_once(monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[int] = []
    original = Originals._read

    def counting(self: Originals, block: int) -> Columns:
        read.append(block)
        return original(self, block)

    monkeypatch.setattr(Originals, "_read", counting)
    world = World(house(rule("above-average", percent=300)))
    for n in range(30 * DAY):
        world.feed(n, meter_quarter(1, n, 5))
        if n % 24 == 0:
            world.sweep()
            world.commit()
    before = len(read)
    for n in range(30 * DAY, 31 * DAY):
        world.feed(n, meter_quarter(1, n, 5))
        world.sweep()
        world.commit()

    assert (1 + 4) * 4 == len(read) - before  # of the day itself and of the same day in four weeks
    assert [(5, "MEASURED", None, "NONE", None, 1)] == told(world, 31 * DAY - 1)


def test_a_site_without_rules_has_no_judge() -> None:
    world = World(Directory(points=[P1], sites=[HOUSE], validation_rules=[rule("missing", name="P9")]))
    world.feed(0, meter_quarter(1, 0, 1))

    assert world.state.sites["house"].judge is None
