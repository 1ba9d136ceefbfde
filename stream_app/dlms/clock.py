"""Meter time to epoch milliseconds: COSEM date-time (Blue Book 4.1.6.1) and the time stamps of P1 (DSMR 5.0.2 P1, 6.4).

A COSEM date-time is local time with its deviation in minutes *from local to UTC*: FFC4 = -60 means UTC+1. With the
deviation 8000 (unspecified) the configured zone decides; in the doubled hour of autumn that is the first occurrence,
marked as ambiguous, and the caller orders by frame counter. Meters do not set the summer-time bit reliably, so only a
set bit says anything.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
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
UNSPECIFIED_YEAR: Final = 0xFFFF
SPECIAL_DAY: Final = 0xFD  # month and day: change of the clock, last day of the month, unspecified
DAY_MS: Final = 86_400_000
EPOCH: Final = datetime(1970, 1, 1)  # of wall clocks
MILLISECOND: Final = timedelta(milliseconds=1)
FIRST_YEAR, LAST_YEAR = 1970, 2199
MAX_DAYS: Final = 4096  # remembered per zone: eleven years
MAX_TIMES: Final = 4096

_DATE_TIME: Final = Struct(">HBBx4BhB")  # the weekday is often wrong and never needed
_P1: Final = re.compile(rb"(?:20)?(\d\d)(\d\d)(\d\d) ?(\d\d):?(\d\d):?(\d\d)([SWsw]?)")


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
        offsets = [self._offsets(_wall_clock(year, month, 1))[0] for month in (1, 7)]
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


@lru_cache(maxsize=MAX_TIMES)
def date_time(octets: bytes, zone: Zone | None) -> MeterTime | None:
    """The time in twelve octets; None where date, hour or minute are left open.

    Raises ``EncodingError`` for a date or time that cannot be. Remembered, for the meters of a fleet push in the same
    second.
    """
    year, month, day, hour, minute, second, hundredths, deviation, status = _DATE_TIME.unpack(octets)
    if year == UNSPECIFIED_YEAR or max(month, day) >= SPECIAL_DAY or UNSPECIFIED in (hour, minute):
        return None
    second = 0 if second == UNSPECIFIED else second
    hundredths = 0 if hundredths == UNSPECIFIED else hundredths
    local = _wall_clock(year, month, day, hour, minute, second) + hundredths * 10
    if hundredths > 99:
        raise EncodingError(f"no second has {hundredths} hundredths")
    if deviation != UNSPECIFIED_DEVIATION:
        if not -MAX_DEVIATION <= deviation <= MAX_DEVIATION:
            raise EncodingError(f"no zone is {deviation} minutes from UTC")
        return MeterTime(local + deviation * 60_000, local, status, False)
    if zone is None:
        return MeterTime(None, local, status, False)
    utc, ambiguous = zone.to_utc(local)
    if ambiguous and status != UNSPECIFIED and status & SUMMER_TIME:
        ambiguous = False
    return MeterTime(utc, local, status, ambiguous)


def capture_time(octets: bytes, zone: Zone | None) -> MeterTime | None:
    """When a sub-meter was read: its meter's word, not ours to check. None also for what cannot be, like twelve zeros
    of a channel that has heard nothing.
    """
    try:
        return date_time(octets, zone)
    except EncodingError:
        return None


def p1_time(text: bytes, zone: Zone | None) -> MeterTime:
    """The time in ``YYMMDDhhmmss`` with ``S`` (summer) or ``W`` (winter) behind; the letter beats the calendar.

    Some meters write ``20240111 09:35:00`` (NES 83335) or a small letter (E350). Raises ``EncodingError``.
    """
    match = _P1.fullmatch(text)
    if match is None:
        raise EncodingError("no P1 time stamp")
    year, month, day, hour, minute, second = (int(group) for group in match.groups()[:6])
    local = _wall_clock(2000 + year, month, day, hour, minute, second)
    if zone is None:
        return MeterTime(None, local, None, False)
    if match[7]:
        return MeterTime(local - zone.season_offset(local, summer=match[7] in b"Ss"), local, None, False)
    utc, ambiguous = zone.to_utc(local)
    return MeterTime(utc, local, None, ambiguous)


def iso(ms: int) -> str:
    """Milliseconds as ISO 8601 without zone, hundredths only where there are any."""
    moment = datetime.fromtimestamp(ms // 1000, UTC)
    hundredths = ms % 1000 // 10
    return f"{moment:%Y-%m-%dT%H:%M:%S}" + (f".{hundredths:02}" if hundredths else "")


def _wall_clock(year: int, month: int, day: int, hour: int = 0, minute: int = 0, second: int = 0) -> int:
    if not FIRST_YEAR <= year <= LAST_YEAR:
        raise EncodingError(f"no meter lives in the year {year}")
    try:
        moment = datetime(year, month, day, hour, minute, second)
    except ValueError as error:
        raise EncodingError(f"no such date or time: {error}") from error
    return (moment - EPOCH) // MILLISECOND
