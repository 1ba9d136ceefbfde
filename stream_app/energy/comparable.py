"""The same time of day on other days, as people live: on the clock of the site's zone.

An earlier local time that a change to summer time skipped is read with the offset before it, one that a change to
winter time doubled is its first. So a quarter-hour refers to one of an earlier day, and several may refer to it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Final
from zoneinfo import ZoneInfo

from stream_app.energy.quality import DAY_MS, QUARTER_MS

WEEKS: Final = (7, 14, 21, 28)  # days back to the comparable days: the same weekday of the last four weeks
SHIFTS_MS: Final = (-4 * QUARTER_MS, -2 * QUARTER_MS, 0, 2 * QUARTER_MS, 4 * QUARTER_MS)  # Lord Howe's is half an hour


@lru_cache(maxsize=4096)  # the same few quarters of many points, before and after each change
def earlier(zone: ZoneInfo, start: int, days: int) -> int:
    """The quarter-hour at the same local time so many days before."""
    local = datetime.fromtimestamp(start // 1000, zone) - timedelta(days=days)
    return int(local.timestamp()) * 1000


def later(zone: ZoneInfo, start: int, days: int, among: Callable[[int], bool]) -> Iterator[int]:
    """The quarter-hours so many days after whose ``earlier`` is this one; only those ``among`` the ones that count."""
    for shift in SHIFTS_MS:
        candidate = start + days * DAY_MS + shift
        if among(candidate) and earlier(zone, candidate, days) == start:
            yield candidate
