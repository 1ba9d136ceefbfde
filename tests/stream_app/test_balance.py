"""The pure stage on meter-quarters: what is published, when, and in which revision."""

from __future__ import annotations

import pytest

from stream_app.energy.site import Part
from stream_app.lane.batches import hash_of
from stream_app.records import Balance, QuarterHour
from stream_app.registry.model import Directory, Site
from stream_app.reprocess import Frame
from tests.stream_app.balance_world import HOUSE, T0, TOPICS, Q, World, meter_quarter, point, title

DAY = 96
LATER = T0 + 10_000 * Q
TWO = Directory(points=[point("P1", 1), point("P2", 2, role="consumer")], sites=[HOUSE])
ONE = Directory(points=[point("P1", 1, role="consumer", applied_at=LATER)], sites=[HOUSE])


def test_a_quarter_hour_is_published_at_once_and_the_balance_with_the_last_member() -> None:
    world = World(TWO)
    first = world.feed(0, meter_quarter(1, 0, 100), meter_quarter(1, 0, 40, "2.8.0"))
    second = world.feed(meter_quarter(2, 0, 7))

    assert ["P1", "P1"] == [record.metering_point for record in first]
    part = Part(7, "MEASURED", "INTERPOLATED", 900, 15, 60_000, True)
    assert second == [
        QuarterHour("P2", "house", title(2), "1.8.0", "Wh", T0, T0 + Q, *part, "NON_VALIDATED", 1, ""),
        Balance("house", T0, T0 + Q, 107, 40, 67, 40, 67, 0, 2, 0, "MEASURED", 1),
    ]


def test_outputs_carry_their_start_and_go_where_their_point_or_site_lives() -> None:
    world = World(ONE)
    value = world.stage._meter_quarters.encode(meter_quarter(1, 1, 5))
    outputs = world.stage.step(world.state, [Frame(TOPICS.meter_quarters, 0, 1, LATER, b"house", value)], LATER)

    assert [
        (TOPICS.quarter_hours, b"P1|1.8.0|2026-03-28T00:15:00Z", b"P1", T0 + Q),
        (TOPICS.balances, b"house|2026-03-28T00:15:00Z", b"house", T0 + Q),
    ] == [(o.topic, o.key, o.partition, o.timestamp) for o in outputs]


def test_silence_is_missing_after_the_grace_period_and_not_before() -> None:
    world = World(TWO)
    world.feed(0, meter_quarter(1, 0, 100), meter_quarter(1, 0, 40, "2.8.0"))

    assert [] == world.sweep(2)
    missing, balance = world.sweep(3)
    assert ("P2", None, "MISSING", 1) == (missing.metering_point, missing.amount, missing.quality, missing.revision)
    assert ("INCOMPLETE", 2, 1, 100, 1) == (
        balance.quality,
        balance.points,
        balance.points_missing,
        balance.import_wh,
        balance.revision,
    )


def test_what_was_missing_is_revised_when_it_comes() -> None:
    world = World(TWO)
    world.feed(0, meter_quarter(1, 0, 100), meter_quarter(1, 0, 40, "2.8.0"))
    world.sweep(3)
    late, balance = world.feed(meter_quarter(2, 0, 7))

    assert (7, 2, "late data") == (late.amount, late.revision, late.reason)
    assert (107, 2, "MEASURED") == (balance.import_wh, balance.revision, balance.quality)


def test_the_same_content_is_not_published_again() -> None:
    world = World(ONE)
    world.feed(0, meter_quarter(1, 0, 100))

    assert [] == world.feed(meter_quarter(1, 0, 100, settled=True))


def test_several_revisions_in_one_batch_are_one() -> None:
    world = World(ONE)
    world.feed(0, meter_quarter(1, 0, 100))
    record, balance = world.feed(meter_quarter(1, 0, 90), meter_quarter(1, 0, 80))

    assert (80, 2) == (record.amount, record.revision)
    assert (80, 2) == (balance.import_wh, balance.revision)


def test_a_part_put_back_to_what_it_was_within_a_batch_is_no_revision() -> None:
    world = World(ONE)
    world.feed(0, meter_quarter(1, 0, 100))

    assert [] == world.feed(meter_quarter(1, 0, 90), meter_quarter(1, 0, 100))


def test_records_read_again_are_skipped_also_after_a_restart() -> None:
    world = World(ONE)
    world.feed(0, meter_quarter(1, 0, 100))
    world.feed(meter_quarter(1, 0, 90))
    world.restart()
    world.offset = 0

    assert [] == world.feed(0, meter_quarter(1, 0, 100))


def test_a_batch_worked_again_from_the_same_state_gives_the_same_outputs() -> None:
    def run() -> list[object]:
        world = World(TWO)
        return world.feed(0, *(meter_quarter(2, n, n) for n in range(5))) + world.sweep(9)

    assert run() == run()


def test_the_clock_is_the_oldest_of_all_source_partitions() -> None:
    world = World(ONE, source_partitions=2)
    world.step([world.clock(1, T0 + 90 * Q)])
    world.feed(2, meter_quarter(1, 0, 1))

    assert [] == world.sweep(3)
    assert ["MISSING"] * 4 == [record.quality for record in world.sweep(5)]


def test_a_source_partition_never_heard_of_counts_with_the_wall_clock() -> None:
    world = World(ONE, source_partitions=2)
    world.feed(2, meter_quarter(1, 0, 1))

    assert [] == world.sweep(3)
    assert 2 == len(world.sweep(4))


@pytest.mark.parametrize("source", [b"", b"x", b"1", b"9" * 5000, "²".encode()])
def test_a_clock_of_a_partition_that_there_is_not_is_nobodys(source: bytes) -> None:
    world = World(ONE)
    world.feed(2, meter_quarter(1, 0, 1))
    world.step([Frame(TOPICS.meter_quarters, 0, 9, T0 + 9 * Q, b"clock|" + source, None)])
    world.commit()

    assert [b"c|0"] == [key for key in world.changelog if key.startswith(b"c|")]
    assert [] == world.sweep()


def test_clocks_survive_a_restart() -> None:
    world = World(ONE)
    world.feed(2, meter_quarter(1, 0, 1))
    world.restart()

    assert [] == world.sweep()


def test_a_site_never_heard_of_is_missing_from_when_it_was_applied() -> None:
    world = World(Directory(points=[point("P1", 1, role="consumer", since=-900, applied_at=T0 + Q + 1)]))
    world.feed(0)
    world.sweep(5)

    assert [T0 + Q, T0 + 2 * Q] == [r.start for r in world.published if isinstance(r, QuarterHour)]
    assert {"MISSING"} == {record.quality for record in world.published}


def test_a_site_is_missing_in_its_own_partition_only() -> None:
    point_of = {name: point(f"P-{name}", 1, site=name) for name in ("house", "barn", "mill", "shed")}
    sites = [Site(name, "UTC") for name in point_of]
    found = {}
    for partition in range(3):
        world = World(Directory(points=point_of.values(), sites=sites), partitions=3)
        world.state = world.stage.new_state(partition)
        world.feed(0)
        world.sweep(4)
        found[partition] = {record.site for record in world.published}

    assert found == {n: {name for name in point_of if hash_of(name.encode()) % 3 == n} for n in range(3)}


def test_records_begin_with_the_later_of_validity_and_the_first_meter_quarter() -> None:
    world = World(
        Directory(points=[point("P1", 1, role="consumer", since=-50), point("P2", 2, role="consumer", since=2)])
    )
    world.feed(0, meter_quarter(1, 1, 5))
    world.sweep(5)

    starts = {
        name: [r.start for r in world.newest.values() if isinstance(r, QuarterHour) and r.metering_point == name]
        for name in ("P1", "P2")
    }
    assert {"P1": [T0 + Q, T0 + 2 * Q], "P2": [T0 + 2 * Q]} == starts


def test_an_earlier_first_meter_quarter_moves_the_beginning_of_all_members_back() -> None:
    world = World(TWO)
    world.feed(0, meter_quarter(1, 3, 5), meter_quarter(1, 3, 5, "2.8.0"))
    world.sweep(6)
    world.feed(meter_quarter(1, 1, 5))
    world.sweep()

    assert [None] * 3 == [r.amount for n in (1, 2, 3) if (r := world.quarter_hour("P2", n)) is not None]


def test_weeks_of_silence_cost_little_and_are_revised_in_full() -> None:
    world = World(TWO)
    world.feed(0, meter_quarter(1, 0, 1), meter_quarter(1, 0, 1, "2.8.0"), meter_quarter(2, 0, 1))
    for day in range(1, 29):
        world.sweep(day * DAY)
        world.commit()
    kept = sum(len(key) + len(value) for key, value in world.changelog.items())
    world.restart()
    world.feed(*(meter_quarter(2, n, n, quality="ESTIMATED") for n in range(1, 28 * DAY - 2)))

    assert kept < 40_000
    assert sum(range(28 * DAY - 2)) + 1 == sum(
        r.amount or 0 for r in world.newest.values() if isinstance(r, QuarterHour) and r.metering_point == "P2"
    )
    assert {2} == {r.revision for r in world.newest.values() if isinstance(r, Balance) and r.start > T0 and r.import_wh}


def test_a_sweep_after_a_long_standstill_does_its_work_in_portions() -> None:
    world = World(ONE)
    world.feed(0, meter_quarter(1, 0, 1))
    world.feed(9000)

    assert 2 * 4095 == len(world.stage.sweep(world.state, world.now))
    assert 2 * 4096 == len(world.stage.sweep(world.state, world.now))
    assert 2 * (9000 - 2 - 4096 * 2) == len(world.stage.sweep(world.state, world.now))


def test_what_has_left_the_memory_is_refused_with_an_event_and_not_begun_anew() -> None:
    world = World(ONE, kept_days=1)
    for n in range(4 * DAY):
        world.feed(n, meter_quarter(1, n, 1))
        world.sweep()
        world.commit()
    world.restart()

    assert ["data.late"] == [event.type for event in world.feed(meter_quarter(1, 5, 9), meter_quarter(1, 6, 9))]
    assert 2 == len(world.feed(meter_quarter(1, 3 * DAY + 50, 9)))


def test_a_quarter_with_something_missing_is_kept_longer() -> None:
    world = World(TWO, kept_days=1)
    for n in range(4 * DAY):
        world.feed(n, meter_quarter(1, n, 1), meter_quarter(1, n, 1, "2.8.0"))
        world.sweep()
        world.commit()
    late, balance = world.feed(meter_quarter(2, 5, 9))

    assert (9, 2) == (late.amount, late.revision)
    assert (10, 2, 0) == (balance.import_wh, balance.revision, balance.points_missing)


def test_what_cannot_be_read_is_an_alarm() -> None:
    world = World(ONE)
    (event,) = world.step([Frame(TOPICS.meter_quarters, 0, 7, T0, b"house", b"rubbish")])

    assert ("record.unreadable", "ALARM", "cip.meter-quarters.v1/0/7") == (event.type, event.severity, event.source)


def test_years_old_data_are_taken_also_before_the_clock_that_belongs_to_them_is_heard() -> None:
    world = World(ONE, source_partitions=2)
    world.step([world.clock(0, world.now), world.clock(1, world.now)])
    taken = world.feed(*(meter_quarter(1, n, 5) for n in range(3)))

    assert [] == world.events
    assert 6 == len(taken)
