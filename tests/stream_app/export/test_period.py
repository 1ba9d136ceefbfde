"""Local days and months, as bills know them."""

from __future__ import annotations

from datetime import date
from zoneinfo import ZoneInfo

import pytest

from stream_app.energy.site import instant
from stream_app.export.period import Period, first_and_last

ZURICH = ZoneInfo("Europe/Zurich")


@pytest.mark.parametrize(
    ("day", "quarters"),
    [
        pytest.param(date(2026, 3, 29), 92, id="spring-forward"),
        pytest.param(date(2026, 3, 30), 96, id="ordinary"),
        pytest.param(date(2026, 10, 25), 100, id="fall-back"),
    ],
)
def test_a_local_day_has_92_96_or_100_quarter_hours(day: date, quarters: int) -> None:
    assert [quarters] == [found.quarters for found in Period(day, day, ZURICH).days()]


def test_a_month_begins_and_ends_at_local_midnight() -> None:
    march = Period(*first_and_last("2026-03", "2026-03"), ZURICH)

    assert ("2026-02-28T23:00:00Z", "2026-03-31T22:00:00Z") == (instant(march.start), instant(march.end))
    assert 31 * 96 - 4 == sum(day.quarters for day in march.days())


def test_the_doubled_hour_of_autumn_is_told_apart_by_its_offset() -> None:
    autumn = Period(date(2026, 10, 25), date(2026, 10, 25), ZURICH)
    locals_ = [autumn.local(autumn.start + n * 900_000).isoformat() for n in (8, 12)]

    assert ["2026-10-25T02:00:00+02:00", "2026-10-25T02:00:00+01:00"] == locals_


@pytest.mark.parametrize(
    ("since", "until", "days"),
    [
        pytest.param("2026-02", "2026-02", (date(2026, 2, 1), date(2026, 2, 28)), id="a-month"),
        pytest.param("2028-02", "2028-02", (date(2028, 2, 1), date(2028, 2, 29)), id="a-leap-month"),
        pytest.param("2026-12", "2027-01-15", (date(2026, 12, 1), date(2027, 1, 15)), id="month-to-day"),
        pytest.param("2026-03-29", "2026-03-29", (date(2026, 3, 29), date(2026, 3, 29)), id="a-day"),
    ],
)
def test_months_and_days_are_both_included(since: str, until: str, days: tuple[date, date]) -> None:
    assert days == first_and_last(since, until)


@pytest.mark.parametrize(
    ("since", "until"),
    [("2026-03-29", "2026-03-28"), ("2026", "2026"), ("2026-02-30", "2026-03"), ("2026-3-1", "x"), ("2026-13", "2027")],
)
def test_what_is_no_period_is_refused(since: str, until: str) -> None:
    with pytest.raises(ValueError, match=r"2026|day"):
        first_and_last(since, until)
