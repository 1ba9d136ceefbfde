"""Believable power: households and roofs, one value a minute, a function of seed and day alone.

A household: a base load, a morning and an evening, appliances that come and go. A roof: the sun's height at 47° north,
under clouds that a whole site shares.
"""

from __future__ import annotations

import math
import random
from datetime import UTC, datetime
from typing import NamedTuple

MINUTES = 1440
DAY_S = 86_400
LATITUDE = math.radians(47)
LONGITUDE_MINUTES = 34  # the sun of 8.5° east is ahead of UTC


class Household(NamedTuple):
    """A personality: watts, an hour of Central European time, appliances switched on in a day."""

    base_w: int
    morning_w: int
    evening_w: int
    evening_hour: float
    appliances: int

    @classmethod
    def of(cls, source: random.Random) -> Household:
        """Draw one."""
        return cls(
            base_w=source.randint(60, 350),
            morning_w=source.randint(100, 900),
            evening_w=source.randint(300, 1800),
            evening_hour=source.uniform(17.5, 21.0),
            appliances=source.randint(4, 12),
        )


def load(household: Household, source: random.Random) -> list[int]:
    """A day's consumption in watts."""
    morning, evening = household.morning_w, household.evening_w
    watts = []
    for minute in range(MINUTES):
        hour = (minute / 60 + 1) % 24
        bumps = morning * math.exp(-((hour - 7) ** 2)) + evening * math.exp(-((hour - household.evening_hour) ** 2) / 3)
        watts.append(household.base_w + int(bumps * source.uniform(0.85, 1.15)))
    for _ in range(household.appliances):
        start, duration, power = source.randrange(MINUTES), source.randint(2, 90), source.randint(300, 2400)
        for minute in range(start, min(start + duration, MINUTES)):
            watts[minute] += power
    return watts


def clouds(source: random.Random) -> list[float]:
    """What a day's sky lets through, per minute."""
    sky, seen = source.uniform(0.3, 1.0), []
    for _ in range(MINUTES // 5):
        sky = min(1.0, max(0.1, sky + source.gauss(0, 0.06)))
        seen += [sky] * 5
    return seen


def sun(peak_w: int, day: int, sky: list[float]) -> list[int]:
    """A roof's generation in watts on a day (days since 1970, UTC)."""
    of_year = datetime.fromtimestamp(day * DAY_S, UTC).timetuple().tm_yday
    declination = math.radians(-23.44) * math.cos(2 * math.pi * (of_year + 10) / 365)
    watts = []
    for minute, clear in enumerate(sky):
        angle = 2 * math.pi * ((minute + LONGITUDE_MINUTES) / MINUTES - 0.5)
        height = math.sin(LATITUDE) * math.sin(declination)
        height += math.cos(LATITUDE) * math.cos(declination) * math.cos(angle)
        watts.append(int(peak_w * max(0.0, height) * clear))
    return watts
