"""A span of local days, as bills know them: 92, 96 or 100 quarter-hours each."""

from __future__ import annotations

import re
from calendar import monthrange
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, date, datetime, timedelta
from typing import NamedTuple
from zoneinfo import ZoneInfo

from stream_app.energy.quality import QUARTER_MS


class Day(NamedTuple):
    """A local day: its first instant and the one after its last, epoch milliseconds."""

    date: date
    start: int
    end: int

    @property
    def quarters(self) -> int:
        """How many quarter-hours it has."""
        return (self.end - self.start) // QUARTER_MS


class Period(NamedTuple):
    """Local days from ``first`` to ``last``, both included, in ``zone``."""

    first: date
    last: date
    zone: ZoneInfo

    @property
    def start(self) -> int:
        """The first instant, epoch milliseconds."""
        return self._midnight(self.first)

    @property
    def end(self) -> int:
        """The instant after the last, epoch milliseconds."""
        return self._midnight(self.last + timedelta(days=1))

    def days(self) -> Iterator[Day]:
        """Every day, in order."""
        day = self.first
        while day <= self.last:
            following = day + timedelta(days=1)
            yield Day(day, self._midnight(day), self._midnight(following))
            day = following

    def local(self, instant: int) -> datetime:
        """An instant on the clock of the zone."""
        return datetime.fromtimestamp(instant / 1000, self.zone)

    def _midnight(self, day: date) -> int:
        return round(datetime(day.year, day.month, day.day, tzinfo=self.zone).astimezone(UTC).timestamp()) * 1000


def first_and_last(since: str, until: str) -> tuple[date, date]:
    """The days that ``2026-03`` (a month) or ``2026-03-29`` (a day) stand for: the first of one, the last of the other.

    >>> first_and_last("2026-02", "2026-03-29")
    (datetime.date(2026, 2, 1), datetime.date(2026, 3, 29))
    """
    first, last = days_of(since)[0], days_of(until)[1]
    if last < first:
        raise ValueError(f"{until} ends before {since} begins")
    return first, last


def days_of(text: str) -> tuple[date, date]:
    """The first and the last day of a month (``2026-03``), or a day (``2026-03-29``) twice."""
    with suppress(ValueError):
        if re.fullmatch(r"\d{4}-\d\d", text):
            first = date.fromisoformat(f"{text}-01")
            return first, first.replace(day=monthrange(first.year, first.month)[1])
        if re.fullmatch(r"\d{4}-\d\d-\d\d", text):
            day = date.fromisoformat(text)
            return day, day
    raise ValueError(f"{text}: wanted a month like 2026-03 or a day like 2026-03-29")
