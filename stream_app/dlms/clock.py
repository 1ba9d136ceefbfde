"""Meter time to epoch milliseconds: COSEM date-time (Blue Book 4.1.6.1) and the time stamps of P1 (DSMR 5.0.2 P1, 6.4).

A COSEM date-time is local time with its deviation in minutes *from local to UTC*: FFC4 = -60 means UTC+1. With the
deviation 8000 (unspecified) the configured zone decides; in the doubled hour of autumn that is the first occurrence,
marked as ambiguous, and the caller orders by frame counter. Meters do not set the summer-time bit reliably, so only a
set bit says anything.
"""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from struct import Struct
from typing import Final, NamedTuple
from zoneinfo import ZoneInfo

from stream_app.dlms.errors import EncodingError

DATE_TIME_OCTETS: Final = 12
UNSPECIFIED_DEVIATION: Final = -0x8000
MAX_DEVIATION: Final = 840  # minutes
SUMMER_TIME: Final = 0x80
UNSPECIFIED: Final = 0xFF
DAY_MS: Final = 86_400_000
EPOCH: Final = datetime(1970, 1, 1)  # of wall clocks
EPOCH_ORDINAL: Final = date(1970, 1, 1).toordinal()
FIRST_YEAR, LAST_YEAR = 1970, 2199
MAX_DAYS: Final = 4096  # remembered per zone: eleven years

_DATE_TIME: Final = Struct(">4sx4BhB")
_P1: Final = re.compile(rb"(?:20)?(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)([SW]?)")


class MeterTime(NamedTuple):
    """A meter's time.

    ``utc_ms``: epoch milliseconds, None where no zone tells; ``local_ms``: the wall clock, as if it were UTC;
    ``status``: the clock status octet (0x01 invalid, 0x02 doubtful, 0x80 summer time, 0xFF unspecified), None in P1;
    ``ambiguous``: it may as well be an hour later.
    """

    utc_ms: int | None
    local_ms: int
    status: int | None
    ambiguous: bool

    @property
    def local(self) -> str:
        """The wall clock as the meter showed it, ISO 8601 without zone; hundredths only where it has them."""
        return iso(self.local_ms)


class Zone:
    """A time zone, with the offsets of the days seen."""

    __slots__ = ("_days", "_info", "name")

    def __init__(self, name: str) -> None:
        self.name = name
        self._info = ZoneInfo(name)
        self._days: dict[int, int | None] = {}

    def to_utc(self, local_ms: int) -> tuple[int, bool]:
        """Epoch milliseconds of a wall clock, and whether it shows this time twice."""
        day = local_ms // DAY_MS
        try:
            offset = self._days[day]
        except KeyError:
            offset = self._days_offset(day)
        if offset is not None:
            return local_ms - offset, False
        first, second = self._offsets(local_ms)
        return local_ms - first, first > second

    def season_offset(self, local_ms: int, *, summer: bool) -> int:
        """What the zone is ahead of UTC in the summer or winter of that year, in milliseconds, whatever the date."""
        year = (EPOCH + timedelta(milliseconds=local_ms)).year
        offsets = [self._offsets(_midnight(year, month, 1))[0] for month in (1, 7)]
        return max(offsets) if summer else min(offsets)

    def _days_offset(self, day: int) -> int | None:
        """The day's offset, None if it changes during the day."""
        offsets = {o for ms in (0, DAY_MS // 2, DAY_MS) for o in self._offsets(day * DAY_MS + ms)}
        if len(self._days) >= MAX_DAYS:
            self._days.clear()
        self._days[day] = offsets.pop() if len(offsets) == 1 else None
        return self._days[day]

    def _offsets(self, local_ms: int) -> tuple[int, int]:
        """Offset of the first and of the second occurrence; in the gap of spring: before and after it."""
        wall = EPOCH + timedelta(milliseconds=local_ms)
        ahead = [wall.replace(tzinfo=self._info, fold=fold).utcoffset() for fold in (0, 1)]
        first, second = (int(a.total_seconds()) * 1000 for a in ahead if a is not None)
        return first, second


def date_time(octets: bytes, zone: Zone | None, at: int) -> MeterTime | None:
    """The time in twelve octets that lie at ``at``; None where date, hour or minute are left open.

    Raises ``EncodingError`` for a date or time that cannot be.
    """
    day, hour, minute, second, hundredths, deviation, status = _DATE_TIME.unpack(octets)
    midnight = _days_midnight(day)
    if midnight is None or hour == UNSPECIFIED or minute == UNSPECIFIED:
        return None
    if second > 59 or hundredths > 99:
        second = 0 if second == UNSPECIFIED else second
        hundredths = 0 if hundredths == UNSPECIFIED else hundredths
    if midnight < 0 or hour > 23 or minute > 59 or second > 59 or hundredths > 99:
        raise EncodingError("no such date or time", offset=at)
    local = midnight + hour * 3_600_000 + minute * 60_000 + second * 1000 + hundredths * 10
    if deviation != UNSPECIFIED_DEVIATION:
        if not -MAX_DEVIATION <= deviation <= MAX_DEVIATION:
            raise EncodingError(f"no zone is {deviation} minutes from UTC", offset=at + 9)
        return MeterTime(local + deviation * 60_000, local, status, False)
    if zone is None:
        return MeterTime(None, local, status, False)
    utc, ambiguous = zone.to_utc(local)
    if ambiguous and status != UNSPECIFIED and status & SUMMER_TIME:
        ambiguous = False
    return MeterTime(utc, local, status, ambiguous)


def p1_time(text: bytes, zone: Zone | None) -> MeterTime:
    """The time in ``YYMMDDhhmmss`` with ``S`` (summer) or ``W`` (winter) behind; the letter beats the calendar.

    Raises ``EncodingError``.
    """
    match = _P1.fullmatch(text)
    if match is None:
        raise EncodingError("no P1 time stamp")
    year, month, day, hour, minute, second = (int(group) for group in match.groups()[:6])
    midnight = _midnight(2000 + year, month, day)
    if midnight < 0 or hour > 23 or minute > 59 or second > 59:
        raise EncodingError("no such date or time")
    local = midnight + hour * 3_600_000 + minute * 60_000 + second * 1000
    if zone is None:
        return MeterTime(None, local, None, False)
    if match[7]:
        return MeterTime(local - zone.season_offset(local, summer=match[7] == b"S"), local, None, False)
    utc, ambiguous = zone.to_utc(local)
    return MeterTime(utc, local, None, ambiguous)


def iso(ms: int) -> str:
    """Milliseconds as ISO 8601 without zone, hundredths only where there are any."""
    moment = datetime.fromtimestamp(ms // 1000, UTC)
    hundredths = ms % 1000 // 10
    return f"{moment:%Y-%m-%dT%H:%M:%S}" + (f".{hundredths:02}" if hundredths else "")


@lru_cache(maxsize=1024)
def _days_midnight(octets: bytes) -> int | None:
    """Local midnight of year (2), month and day; None where left open, negative where there is no such day."""
    year, month, day = octets[0] << 8 | octets[1], octets[2], octets[3]
    if year == 0xFFFF or month >= 0xFD or day >= 0xFD:
        return None
    return _midnight(year, month, day)


def _midnight(year: int, month: int, day: int) -> int:
    if not FIRST_YEAR <= year <= LAST_YEAR:
        return -1
    try:
        return (date(year, month, day).toordinal() - EPOCH_ORDINAL) * DAY_MS
    except ValueError:
        return -1
