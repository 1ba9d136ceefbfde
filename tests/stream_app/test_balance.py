"""The pure stage on meter-quarters: what is published, when, and in which revision."""

from __future__ import annotations

from stream_app.records import Balance, QuarterHour
from stream_app.registry.model import Directory
from tests.stream_app.balance_world import HOUSE, T0, Q, World, meter_quarter, point, title

TWO = Directory(points=[point("P1", 1), point("P2", 2, role="consumer")], sites=[HOUSE])


def test_a_quarter_hour_is_published_at_once_and_the_balance_with_the_last_member() -> None:
    world = World(TWO)
    first = world.feed(0, meter_quarter(1, 0, 100), meter_quarter(1, 0, 40, "2.8.0"))
    second = world.feed(meter_quarter(2, 0, 7))

    assert ["P1", "P1"] == [record.metering_point for record in first]
    assert second == [
        QuarterHour(
            "P2",
            "house",
            title(2),
            "1.8.0",
            "Wh",
            T0,
            T0 + Q,
            7,
            "MEASURED",
            "INTERPOLATED",
            900,
            15,
            60_000,
            True,
            "NON_VALIDATED",
            1,
            "",
        ),
        Balance("house", T0, T0 + Q, 107, 40, 67, 40, 67, 0, 2, 0, "MEASURED", 1),
    ]


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
