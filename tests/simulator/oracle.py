"""What must come out, worked out the slow and simple way: from the true registers, and from the readings really sent.

The rules are those the README gives for boundary values, qualities and balances; nothing here is incremental.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from tests.simulator.fleet import QUANTITIES, Fleet, Point
from tests.simulator.meter import Meter

QUARTER_MS = 900_000
TOLERATED_PUSHES = 2.5  # a span of at most so many push intervals is a measurement
IMPORT, EXPORT = "1.8.0", "2.8.0"
Shared = tuple[int | None, int | None, int | None, int | None]  # net, matched, from the grid, into the grid


class Boundary(NamedTuple):
    """A register at a boundary, in Wh, and the time between the two readings around it in ms; None: unknown."""

    wh: int
    span_ms: int


class Quarter(NamedTuple):
    """A quarter-hour of a metering point: expected ``amount`` in Wh, and ``true_wh``, which nobody can measure."""

    metering_point: str
    site: str
    quantity: str
    start: int
    amount: int | None
    quality: str
    true_wh: int


class Balance(NamedTuple):
    """A site's quarter-hour in Wh."""

    site: str
    start: int
    import_wh: int | None
    export_wh: int | None
    net_wh: int | None
    matched_wh: int | None
    grid_import_wh: int | None
    grid_export_wh: int | None
    points: int
    points_missing: int
    quality: str


class Oracle:
    """Tell it every reading that was delivered, in any order; ask it afterwards."""

    def __init__(self, fleet: Fleet) -> None:
        self._fleet = fleet
        self._heard: defaultdict[str, set[int]] = defaultdict(set)

    def hear(self, title: str, measured_at: int) -> None:
        """A meter's reading of ``measured_at`` (epoch ms) has been delivered."""
        self._heard[title].add(measured_at)

    def count(self) -> int:
        """Readings delivered so far."""
        return sum(map(len, self._heard.values()))

    def last_heard(self, title: str) -> int:
        """The time of a meter's newest reading, epoch ms; 0 for a meter never heard."""
        return max(self._heard[title], default=0)

    def quarters(self, until_ms: int) -> list[Quarter]:
        """Every quarter-hour from the first reading of its site on that ends by ``until_ms`` (epoch ms)."""
        return [
            quarter
            for point in self._fleet.points
            if (first := self._first(point.site)) is not None
            for quantity in QUANTITIES[point.role]
            for quarter in self._series(point, quantity, first, until_ms)
        ]

    def balances(self, until_ms: int) -> list[Balance]:
        """The balance of every site's quarter-hours."""
        members: defaultdict[tuple[str, int], list[Quarter]] = defaultdict(list)
        for quarter in self.quarters(until_ms):
            members[quarter.site, quarter.start].append(quarter)
        return [balance(site, start, quarters) for (site, start), quarters in sorted(members.items())]

    def _first(self, site: str) -> int | None:
        titles = {point.meter.title for point in self._fleet.points if point.site == site}
        return min((min(self._heard[title]) for title in titles if self._heard[title]), default=None)

    def _series(self, point: Point, quantity: str, first: int, until_ms: int) -> Iterator[Quarter]:
        meter = point.meter
        times = sorted(self._heard[meter.title])
        for start in range(first // QUARTER_MS * QUARTER_MS, until_ms - QUARTER_MS + 1, QUARTER_MS):
            ends = [boundary(meter, quantity, times, at) for at in (start, start + QUARTER_MS)]
            true_wh = register(meter, quantity, start + QUARTER_MS) - register(meter, quantity, start)
            yield Quarter(
                point.metering_point,
                point.site,
                quantity,
                start,
                None if ends[0] is None or ends[1] is None else ends[1].wh - ends[0].wh,
                quality(ends, meter.rhythm.push_s),
                true_wh,
            )


def register(meter: Meter, quantity: str, at: int) -> int:
    """The true register in Wh."""
    now = meter.registers(at)
    return now.import_wh if quantity == IMPORT else now.export_wh


def boundary(meter: Meter, quantity: str, times: list[int], at: int) -> Boundary | None:
    """The reading at the boundary, else the straight line between those around it, rounded half up."""
    after = bisect_left(times, at)
    if after == len(times):
        return None
    if times[after] == at:
        return Boundary(register(meter, quantity, at), 0)
    if after == 0:
        return None
    left, right = times[after - 1], times[after]
    before, rise = register(meter, quantity, left), register(meter, quantity, right) - register(meter, quantity, left)
    span = right - left
    return Boundary(before + (2 * rise * (at - left) + span) // (2 * span), span)


def quality(ends: list[Boundary | None], push_s: int) -> str:
    """What the spans of the two boundaries make of a quarter."""
    if None in ends:
        return "MISSING"
    near = all(end is not None and end.span_ms <= TOLERATED_PUSHES * push_s * 1000 for end in ends)
    return "MEASURED" if near else "ESTIMATED"


def balance(site: str, start: int, quarters: Iterable[Quarter]) -> Balance:
    """Sums over the quarters that have an amount. A side that nobody measures is zero in what follows from it."""
    quarters = list(quarters)
    sides = [[q.amount for q in quarters if q.quantity == side] for side in (IMPORT, EXPORT)]
    taken, given = (total(side) for side in sides)
    used, fed = (total(side) if side else 0 for side in sides)
    shared: Shared = (None, None, None, None) if used is None or fed is None else rest(used, fed)
    points = {q.metering_point for q in quarters}
    missing = {q.metering_point for q in quarters if q.amount is None}
    grade = quality_of_sum({q.quality for q in quarters})
    return Balance(site, start, taken, given, *shared, len(points), len(missing), grade)


def total(amounts: Iterable[int | None]) -> int | None:
    """The sum of what is known; None if nothing is."""
    known = [amount for amount in amounts if amount is not None]
    return sum(known) if known else None


def rest(used: int, fed: int) -> Shared:
    """What follows from the two sums."""
    matched = min(used, fed)
    return used - fed, matched, used - matched, fed - matched


def quality_of_sum(qualities: set[str]) -> str:
    """The quality of a balance."""
    if "MISSING" in qualities:
        return "MISSING" if qualities == {"MISSING"} else "INCOMPLETE"
    return "ESTIMATED" if "ESTIMATED" in qualities else "MEASURED"
