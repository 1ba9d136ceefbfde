"""Changes of the registry: what they reopen, in which quality, and that they are the same after a restart."""

from __future__ import annotations

import pytest

from stream_app.records import QuarterHour
from stream_app.registry.model import Directory, Member, Point, Site
from tests.stream_app.balance_world import HOUSE, T0, Q, World, meter_quarter, point

DAY = 96
TWO = Directory(points=[point("P1", 1), point("P2", 2, role="consumer")], sites=[HOUSE])
ONE = Directory(points=[point("P1", 1, role="consumer", applied_at=T0 + 10_000 * Q)], sites=[HOUSE])


def house(*points: Point) -> Directory:
    return Directory(points=points, sites=[HOUSE])


def test_a_meter_quarter_waits_for_a_directory_that_knows_its_site() -> None:
    world = World(Directory())
    assert [] == world.feed(0, meter_quarter(1, 0, 5))
    world.restart(ONE)

    assert [5, 5] == [r.amount if isinstance(r, QuarterHour) else r.import_wh for r in world.sweep()]


def test_a_quantity_that_the_registry_names_twice_counts_once() -> None:
    world = World(house(point("P1", 1, quantities=("1.8.0", "2.8.0", "1.8.0"))))
    world.feed(meter_quarter(1, 0, 100), meter_quarter(1, 0, 7, "2.8.0"))

    assert (100, 100) == ((q := world.quarter_hour("P1", 0)) and q.amount, (b := world.balance(0)) and b.import_wh)


@pytest.mark.parametrize("restart", [False, True], ids=["running", "restarted"])
def test_a_point_that_joins_late_is_missing_and_in_the_balances_it_belongs_to(restart: bool) -> None:
    world = World(ONE)
    world.feed(0, *(meter_quarter(1, n, 10) for n in range(10)))
    world.sweep(12)
    joined = house(*ONE.points_of_site["house"], point("P2", 2, role="consumer", since=4))
    world.restart(joined) if restart else world.register(joined)
    world.sweep()

    assert [(1, 0)] * 4 + [(2, 1)] * 6 == [(b.points, b.points_missing) for n in range(10) if (b := world.balance(n))]
    assert [1] * 4 + [2] * 6 == [b.revision for n in range(10) if (b := world.balance(n))]
    assert [1] * 6 == [q.revision for n in range(4, 10) if (q := world.quarter_hour("P2", n))]
    assert [] == world.sweep()


def test_a_point_that_joins_a_quarter_not_yet_closed_is_missing_when_it_closes() -> None:
    world = World(ONE)
    world.feed(0, meter_quarter(1, 0, 10))
    world.register(house(*ONE.points_of_site["house"], point("P2", 2, role="consumer")))
    world.sweep(3)

    assert "MISSING" == ((q := world.quarter_hour("P2", 0)) and q.quality)
    assert (2, 1) == ((b := world.balance(0)) and (b.points, b.points_missing))


def test_a_point_that_becomes_known_reaches_back_no_further_than_what_is_kept() -> None:
    world = World(Directory(sites=[HOUSE]), kept_days=2)
    world.feed(0, meter_quarter(1, 0, 1))
    world.sweep(5 * DAY)
    world.register(ONE)
    world.sweep()

    assert T0 + 3 * DAY * Q == min(r.start for r in world.newest.values())


@pytest.mark.parametrize("restart", [False, True], ids=["running", "restarted"])
def test_an_exchange_announced_late_adjusts_what_was_published(restart: bool) -> None:
    world = World(ONE)
    world.feed(0, meter_quarter(1, 0, 10))
    world.sweep(4)
    old = point("P1", 1, role="consumer")._replace(valid_to=T0 + Q + Q // 2)
    new = point("P1", 2, role="consumer")._replace(valid_from=T0 + Q + Q // 2)
    world.restart(house(old, new)) if restart else world.register(house(old, new))
    head = meter_quarter(1, 1, 3, end=T0 + Q + Q // 2)
    world.feed(head, meter_quarter(2, 1, 4, start=T0 + Q + Q // 2), meter_quarter(2, 2, 8))

    told = [world.quarter_hour("P1", n) for n in range(3)]
    assert [(10, "MEASURED", ""), (7, "ADJUSTED", "registry")] == [
        (q.amount, q.quality, q.reason) for q in told[:2] if q
    ]
    assert (7, "ADJUSTED", 2) == ((b := world.balance(1)) and (b.import_wh, b.quality, b.revision))
    assert (8, "MEASURED", 1) == ((q := told[2]) and (q.amount, q.quality, q.revision))


def test_a_point_that_left_earlier_than_was_known_is_withdrawn_and_leaves_the_balance() -> None:
    world = World(TWO)
    world.feed(0, *(meter_quarter(1, n, 10) for n in range(3)), *(meter_quarter(2, n, 5) for n in range(3)))
    world.feed(*(meter_quarter(1, n, 1, "2.8.0") for n in range(3)))
    world.register(house(point("P1", 1), point("P2", 2, role="consumer", until=2)))
    gone, balance = world.feed()

    assert (None, "ADJUSTED", 2, "registry") == (gone.amount, gone.quality, gone.revision, gone.reason)
    assert (T0 + 2 * Q, 10, 1, 2) == (balance.start, balance.import_wh, balance.points, balance.revision)


def test_a_withdrawal_that_was_a_mistake_is_taken_back_with_a_higher_revision() -> None:
    world = World(ONE)
    world.feed(0, meter_quarter(1, 0, 10))
    world.register(house(point("P1", 1, role="consumer", until=0)))
    world.feed()
    assert (0, None, 2) == ((b := world.balance(0)) and (b.points, b.import_wh, b.revision))
    world.restart(ONE)
    world.feed()

    assert (10, 3, "ADJUSTED") == ((q := world.quarter_hour("P1", 0)) and (q.amount, q.revision, q.quality))


def test_a_directory_that_changes_nothing_publishes_nothing() -> None:
    world = World(TWO)
    world.feed(0, meter_quarter(1, 0, 10), meter_quarter(1, 0, 1, "2.8.0"), meter_quarter(2, 0, 5))
    world.restart(house(*TWO.points_of_site["house"]))
    world.feed()
    world.commit()

    assert [] == world.sweep()
    assert [] == world.stage.changes(world.state)


def test_members_that_change_move_the_shares_and_nothing_else() -> None:
    points = (point("A", 1, role="consumer"), point("B", 2, role="consumer"), point("PV", 3, role="producer"))
    site = Site("house", "Europe/Zurich", kind="community", sharing="ch-proportional")
    both = [Member("house", name, 0) for name in ("A", "B", "PV")]
    world = World(Directory(points=points, sites=[site], members=both))
    world.feed(0, meter_quarter(1, 0, 100), meter_quarter(2, 0, 100), meter_quarter(3, 0, 50, "2.8.0"))
    world.register(Directory(points=points, sites=[site], members=[both[0], both[2]]))
    revised = world.feed()

    assert {("A", 50, 2), ("B", None, 2)} == {(r.metering_point, r.allocated_wh, r.revision) for r in revised}


def test_shares_that_do_not_add_up_are_an_alarm_once() -> None:
    site = Site("house", "Europe/Vienna", kind="community", sharing="at-static")
    members = [Member("house", "P1", 0, None, 100, 9000), Member("house", "P2", 0, None, 100, 9000)]
    world = World(Directory(points=TWO.points_of_site["house"], sites=[site], members=members))
    world.feed(0, meter_quarter(1, 0, 100), meter_quarter(1, 0, 50, "2.8.0"), meter_quarter(2, 0, 100))
    world.feed(meter_quarter(1, 0, 100, settled=True))

    assert ["sharing.defect"] == [event.type for event in world.events]
    assert {"QuarterHour", "Balance"} == {type(record).__name__ for record in world.newest.values()}
