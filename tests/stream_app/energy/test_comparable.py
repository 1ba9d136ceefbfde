"""The same local time on other days, through both changes of the clock."""

from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stream_app.energy.comparable import WEEKS, earlier, later
from stream_app.energy.originals import LOOK_BACK_MS

ZURICH, LORD_HOWE = ZoneInfo("Europe/Zurich"), ZoneInfo("Australia/Lord_Howe")
Q = 900_000


def ms(text: str) -> int:
    return round(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp() * 1000)


@pytest.mark.parametrize(
    ("start", "days", "reference"),
    [
        pytest.param("2026-03-28T11:00", 1, "2026-03-27T11:00", id="winter"),
        pytest.param("2026-03-29T11:00", 1, "2026-03-28T12:00", id="across-spring"),
        pytest.param("2026-03-30T00:15", 1, "2026-03-29T01:15", id="a-time-that-spring-skipped"),
        pytest.param("2026-10-25T00:15", 1, "2026-10-24T00:15", id="the-first-of-autumn's-doubled-hour"),
        pytest.param("2026-10-25T01:15", 1, "2026-10-24T00:15", id="the-second"),
        pytest.param("2026-10-26T01:15", 1, "2026-10-25T00:15", id="the-day-after-refers-to-the-first"),
        pytest.param("2026-11-01T11:00", 7, "2026-10-25T11:00", id="a-week"),
        pytest.param("2026-10-31T11:00", 7, "2026-10-24T10:00", id="a-week-across-autumn"),
    ],
)
def test_the_reference_is_read_on_the_local_clock(start: str, days: int, reference: str) -> None:
    assert ms(reference) == earlier(ZURICH, ms(start), days)


around_changes = st.sampled_from(["2026-03-20", "2026-03-27", "2026-10-03", "2026-10-23", "2026-04-03"]).flatmap(
    lambda day: st.integers(0, 10 * 96).map(lambda n: ms(f"{day}T00:00") + n * Q)
)


@given(around_changes, st.sampled_from([1, 2, *WEEKS]), st.sampled_from([ZURICH, LORD_HOWE, ZoneInfo("UTC")]))
def test_later_is_the_inverse_of_earlier(start: int, days: int, zone: ZoneInfo) -> None:
    near = range(start + days * 96 * Q - 8 * Q, start + days * 96 * Q + 9 * Q, Q)

    assert [at for at in near if earlier(zone, at, days) == start] == list(later(zone, start, days, lambda at: True))
    assert start in later(zone, earlier(zone, start, days), days, lambda at: at == start)
    assert start - earlier(zone, start, days) <= LOOK_BACK_MS
