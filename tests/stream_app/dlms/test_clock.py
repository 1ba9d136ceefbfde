"""Meter time to UTC against the standard library's zone arithmetic, and the corners no library has."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stream_app.dlms.clock import MeterTime, Zone, date_time, iso, p1_time
from stream_app.dlms.errors import EncodingError

ZONES = {
    name: Zone(name) for name in ("Europe/Zurich", "Europe/Dublin", "Australia/Lord_Howe", "America/St_Johns", "UTC")
}
ZURICH = ZONES["Europe/Zurich"]
MOMENTS = st.datetimes(datetime(1971, 1, 1), datetime(2198, 12, 31))


def octets(wall: datetime, deviation: int = -0x8000, status: int = 0, hundredths: int = 0xFF) -> bytes:
    head = wall.year.to_bytes(2, "big") + bytes((wall.month, wall.day, 0xFF, wall.hour, wall.minute, wall.second))
    return head + bytes((hundredths,)) + deviation.to_bytes(2, "big", signed=True) + bytes((status,))


def told(raw: bytes, zone: Zone | None = ZURICH) -> MeterTime:
    time = date_time(raw, zone)
    assert time is not None
    return time


def milliseconds(moment: datetime) -> int:
    return (moment - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(milliseconds=1)


@given(MOMENTS, st.integers(-840, 840))
def test_a_deviation_counts_minutes_from_local_to_utc(wall: datetime, deviation: int) -> None:
    wall = wall.replace(microsecond=0)
    expected = milliseconds(wall.replace(tzinfo=UTC) + timedelta(minutes=deviation))

    assert expected == told(octets(wall, deviation)).utc_ms


@given(MOMENTS, st.sampled_from(sorted(ZONES)))
def test_without_a_deviation_the_zone_decides(wall: datetime, name: str) -> None:
    """The first occurrence where there are two; before the change where there is none (PEP 495, fold 0)."""
    wall = wall.replace(microsecond=0)
    zone = ZoneInfo(name)
    first, second = (wall.replace(tzinfo=zone, fold=fold) for fold in (0, 1))
    time = told(octets(wall), ZONES[name])

    assert milliseconds(first.astimezone(UTC)) == time.utc_ms
    assert (first.astimezone(UTC) < second.astimezone(UTC)) == time.ambiguous


@pytest.mark.parametrize(
    ("hour", "minute", "status", "utc", "ambiguous"),
    [
        pytest.param(1, 59, 0, "2023-10-28T23:59:00", False, id="before"),
        pytest.param(2, 30, 0, "2023-10-29T00:30:00", True, id="inside"),
        pytest.param(2, 30, 0x80, "2023-10-29T00:30:00", False, id="inside-and-the-meter-says-summer"),
        pytest.param(2, 30, 0xFF, "2023-10-29T00:30:00", True, id="inside-and-no-status"),
        pytest.param(3, 0, 0, "2023-10-29T02:00:00", False, id="after"),
    ],
)
def test_the_doubled_hour_of_autumn_is_marked(hour: int, minute: int, status: int, utc: str, ambiguous: bool) -> None:
    time = told(octets(datetime(2023, 10, 29, hour, minute), status=status))

    assert time.utc_ms is not None
    assert (utc, ambiguous) == (iso(time.utc_ms), time.ambiguous)


def test_the_doubled_hour_with_a_deviation_is_an_hour_apart_and_not_ambiguous() -> None:
    first, second = (told(octets(datetime(2023, 10, 29, 2, 30), deviation)) for deviation in (-120, -60))

    assert first.utc_ms is not None
    assert first.utc_ms + 3_600_000 == second.utc_ms
    assert not first.ambiguous
    assert not second.ambiguous


def test_without_zone_and_deviation_there_is_no_utc() -> None:
    assert (None, "2024-03-01T12:00:00") == (
        told(octets(datetime(2024, 3, 1, 12)), None).utc_ms,
        told(octets(datetime(2024, 3, 1, 12)), None).local,
    )


def test_hundredths_are_kept() -> None:
    time = told(octets(datetime(2017, 6, 6, 17, 31, 20), -120, hundredths=18))

    assert "2017-06-06T17:31:20.18" == time.local


def test_weekdays_are_not_believed() -> None:
    raw = octets(datetime(2024, 3, 1, 12))
    answers = {told(raw[:4] + bytes((weekday,)) + raw[5:]).utc_ms for weekday in range(256)}

    assert 1 == len(answers)


@pytest.mark.parametrize("status", [0x00, 0x02, 0x81, 0xFF])
def test_the_status_is_passed_on(status: int) -> None:
    assert status == told(octets(datetime(2024, 3, 1, 12), status=status)).status


@pytest.mark.parametrize(
    ("place", "octet"),
    [
        pytest.param(slice(0, 2), b"\xff\xff", id="year"),
        pytest.param(slice(2, 3), b"\xff", id="month"),
        pytest.param(slice(2, 3), b"\xfd", id="month-of-the-change"),
        pytest.param(slice(3, 4), b"\xfe", id="last-day-of-the-month"),
        pytest.param(slice(5, 6), b"\xff", id="hour"),
        pytest.param(slice(6, 7), b"\xff", id="minute"),
    ],
)
def test_a_time_left_open_is_none(place: slice, octet: bytes) -> None:
    raw = bytearray(octets(datetime(2024, 3, 1, 12)))
    raw[place] = octet

    assert date_time(bytes(raw), ZURICH) is None


def test_a_second_left_open_is_the_first() -> None:
    raw = bytearray(octets(datetime(2024, 3, 1, 12)))
    raw[7] = 0xFF

    assert "2024-03-01T12:00:00" == told(bytes(raw)).local


@pytest.mark.parametrize(
    ("place", "value"),
    [
        pytest.param(2, 13, id="month"),
        pytest.param(2, 0, id="month-0"),
        pytest.param(3, 32, id="day"),
        pytest.param(5, 24, id="hour"),
        pytest.param(6, 60, id="minute"),
        pytest.param(7, 60, id="second"),
        pytest.param(8, 100, id="hundredths"),
        pytest.param(0, 0x06, id="year-1768"),
        pytest.param(0, 0x27, id="year-10216"),
        pytest.param(9, 0x7F, id="deviation"),
    ],
)
def test_a_time_that_cannot_be_is_refused(place: int, value: int) -> None:
    raw = bytearray(octets(datetime(2024, 3, 1, 12), -60))
    raw[place] = value

    with pytest.raises(EncodingError):
        date_time(bytes(raw), ZURICH)


@pytest.mark.parametrize(
    ("text", "utc"),
    [
        pytest.param("230102192002W", "2023-01-02T18:20:02", id="winter"),
        pytest.param("170724150730S", "2017-07-24T13:07:30", id="summer"),
        pytest.param("170724150730W", "2017-07-24T14:07:30", id="the-letter-beats-the-calendar-in-summer"),
        pytest.param("230102192002S", "2023-01-02T17:20:02", id="the-letter-beats-the-calendar-in-winter"),
        pytest.param("201001222553", "2020-10-01T20:25:53", id="no-letter"),
        pytest.param("20161006155014S", "2016-10-06T13:50:14", id="four-digits-of-year"),
        pytest.param("20240111 09:35:00", "2024-01-11T08:35:00", id="colons-as-nes-writes-it"),
        pytest.param("150701190000s", "2015-07-01T17:00:00", id="small-letter"),
    ],
)
def test_p1_time_stamps(text: str, utc: str) -> None:
    time = p1_time(text.encode(), ZURICH)

    assert time.utc_ms is not None
    assert utc == iso(time.utc_ms)


def test_p1_summer_time_in_dublin_whose_winter_is_the_exception() -> None:
    stamps = [p1_time(text, ZONES["Europe/Dublin"]).utc_ms for text in (b"240701120000S", b"240701120000W")]

    assert [1719831600000, 1719835200000] == stamps


@pytest.mark.parametrize("text", [b"", b"2301021920", b"230102192002X", b"231302192002W", b"230102252002W"])
def test_p1_time_stamps_that_cannot_be_are_refused(text: bytes) -> None:
    with pytest.raises(EncodingError):
        p1_time(text, ZURICH)


@given(st.integers(0, 7_000_000_000_000).map(lambda ms: ms // 1000 * 1000))
def test_iso_is_what_datetime_says(ms: int) -> None:
    assert datetime.fromtimestamp(ms / 1000, UTC).replace(tzinfo=None).isoformat() == iso(ms)
