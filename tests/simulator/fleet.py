"""A fleet: sites, their metering points, the meters behind them; all drawn from one seed."""

from __future__ import annotations

import heapq
import random
from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import Literal, NamedTuple
from zoneinfo import ZoneInfo

from tests.simulator import curves
from tests.simulator.curves import Household
from tests.simulator.meter import Meter, Rhythm, Secrets, Telegram
from tests.simulator.models import MODELS
from tests.simulator.registers import DAY_MS, Counter

Role = Literal["consumer", "producer", "prosumer"]
QUANTITIES: dict[Role, tuple[str, ...]] = {
    "consumer": ("1.8.0",),
    "producer": ("2.8.0",),
    "prosumer": ("1.8.0", "2.8.0"),
}
COMMUNITY = 0  # number of the site that shares its sun


class Site(NamedTuple):
    """A building, or a community that shares."""

    site: str
    name: str
    timezone: str
    kind: str = "building"
    sharing: str = "none"


class Point(NamedTuple):
    """A metering point and the meter that serves it, valid from the fleet's start."""

    metering_point: str
    site: str
    meter: Meter
    role: Role


class Fleet(NamedTuple):
    """``start_ms``: epoch ms, when the points' validity begins. Before that the fleet says nothing."""

    start_ms: int
    sites: tuple[Site, ...]
    points: tuple[Point, ...]

    @property
    def meters(self) -> list[Meter]:
        """Each meter once; one may serve two points."""
        return list({point.meter.title: point.meter for point in self.points}.values())

    def telegrams(self, start_ms: int, end_ms: int) -> Iterator[Telegram]:
        """What all meters say at ``start_ms ≤ time < end_ms`` (epoch ms), in order of time, then title."""
        return heapq.merge(*(meter.telegrams(start_ms, end_ms) for meter in self.meters))


def build(
    start_ms: int, *, sites: int = 3, meters: int = 12, push_seconds: Sequence[int] = (60, 10, 60, 5), seed: int = 1
) -> Fleet:
    """A fleet whose first site is a community with sun on a third of its roofs; the others have less of it.

    Meters go round the models, the push intervals (seconds) and the sites.
    """
    source = random.Random(seed)
    places = tuple(_site(number) for number in range(sites))
    points: list[Point] = []
    for number in range(meters):
        site = places[number % sites]
        behind = _meter(number, site, start_ms, push_seconds[number % len(push_seconds)], source, seed)
        points += _points(number, site, behind, number % sites == COMMUNITY)
    return Fleet(start_ms, places, tuple(points))


def _site(number: int) -> Site:
    if number == COMMUNITY:
        return Site("sonnenhof", "Energiegemeinschaft Sonnenhof", "Europe/Vienna", "community", "at-dynamic")
    return Site(f"haus-{number}", f"Haus {number}", ("Europe/Zurich", "Europe/Vienna")[number % 2])


def _points(number: int, site: Site, meter: Meter, in_community: bool) -> list[Point]:
    name = f"AT00{number + 1:029}"
    if not in_community:
        return [Point(name, site.site, meter, "prosumer")]
    consumer = Point(name, site.site, meter, "consumer")
    return [consumer, Point(f"AT99{number + 1:029}", site.site, meter, "producer")] if _has_sun(number) else [consumer]


def _has_sun(number: int) -> bool:
    return number % 9 in (0, 5)


def _meter(number: int, site: Site, start_ms: int, push_s: int, source: random.Random, seed: int) -> Meter:
    model = MODELS[number % len(MODELS)]
    household = Household.of(source)
    roof_w = source.randint(4, 15) * 1000 if _has_sun(number) else 0

    def net_w(day: int) -> list[int]:
        used = curves.load(household, random.Random(f"{seed}|{number}|{day}"))
        if not roof_w:
            return used
        return [use - sun for use, sun in zip(used, curves.sun(roof_w, day, _sky(seed, site.site, day)), strict=True)]

    rhythm = Rhythm(push_s, source.randrange(push_s), source.randrange(20, 900))
    secrets = Secrets(source.randbytes(16), source.randbytes(16), source.randrange(2**31), source.randrange(200))
    first = -(-start_ms // (push_s * 1000))
    return Meter(
        model,
        model.nameplate(source.randrange(10**7, 10**8)),
        ZoneInfo(site.timezone),
        rhythm,
        secrets._replace(first_counter=source.randrange(1000, 10**7) - first),
        Counter(net_w, start_ms // DAY_MS, source.randrange(10**6, 10**8), source.randrange(10**7) if roof_w else 0),
    )


@lru_cache(maxsize=64)
def _sky(seed: int, site: str, day: int) -> list[float]:
    return curves.clouds(random.Random(f"{seed}|{site}|{day}"))
