"""What the quarter-hours of one register have to be, from all its readings at once. Shares no code with ``stream_app``.

Brute force over the whole set: boundary by boundary it looks for the reading exactly there, else for the nearest ones
on both sides, and computes with fractions. Readings are those that count: glitches left out, wraps already added up.
Across gaps of 2 h and more the course is linear too; where comparable days were used only the sum can be compared.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable
from fractions import Fraction
from itertools import pairwise
from math import floor
from typing import NamedTuple

QUARTER_HOUR = 15 * 60 * 1000


class Seen(NamedTuple):
    """A reading: epoch ms, register, whether its tag had verified, whether it was a telegram (else the registry's)."""

    at: int
    value: int
    authenticated: bool = True
    telegram: bool = True


class Boundary(NamedTuple):
    """The register at one instant; ``value`` None where nothing is known before it or after it."""

    value: int | None
    span: int
    authenticated: bool


class Expected(NamedTuple):
    """One quarter-hour, or part of one."""

    amount: int | None
    quality: str
    distance_ms: int
    authenticated: bool
    covered_ms: int
    telegrams: int


def boundary(readings: list[Seen], at: int) -> Boundary:
    """The value at ``at``: exact, or on the line between the nearest readings, rounded half up."""
    exact = [r for r in readings if r.at == at]
    if exact:
        return Boundary(exact[0].value, 0, exact[0].authenticated)
    earlier = [r for r in readings if r.at < at]
    later = [r for r in readings if r.at > at]
    if not earlier or not later:
        return Boundary(None, 0, True)
    a, b = max(earlier), min(later)
    on_line = a.value + Fraction((b.value - a.value) * (at - a.at), b.at - a.at)
    return Boundary(floor(on_line + Fraction(1, 2)), b.at - a.at, a.authenticated and b.authenticated)


def quarter_hours(
    readings: Iterable[Seen], tolerance_ms: int, cuts: Iterable[int] = ()
) -> dict[tuple[int, int], Expected]:
    """Every quarter from that of the first reading to the last that a reading closes, by (start, end)."""
    seen = sorted(readings)
    if not seen:
        return {}
    first, last = seen[0].at, seen[-1].at
    grid = range(first // QUARTER_HOUR * QUARTER_HOUR, last + 1, QUARTER_HOUR)
    edges = sorted({*grid, *(cut for cut in cuts if grid.start < cut <= last)})
    while len(edges) > 1 and edges[1] <= first:
        del edges[0]
    valued = {at: boundary(_between(seen, at, at), at) for at in edges}
    return {
        (start, end): _expected(seen, start, end, valued[start], valued[end], tolerance_ms)
        for start, end in pairwise(edges)
    }


def _expected(seen: list[Seen], start: int, end: int, a: Boundary, b: Boundary, tolerance_ms: int) -> Expected:
    distance = max(a.span, b.span)
    here = _between(seen, start, end)
    covered = 0
    for x, y in pairwise(here):
        if y.at - x.at <= tolerance_ms:
            covered += max(min(y.at, end) - max(x.at, start), 0)
    telegrams = sum(r.telegram for r in here if start <= r.at < end)
    if a.value is None or b.value is None:
        return Expected(None, "MISSING", 0, False, covered, telegrams)
    quality = "MEASURED" if distance <= tolerance_ms else "ESTIMATED"
    return Expected(b.value - a.value, quality, distance, a.authenticated and b.authenticated, covered, telegrams)


def _between(seen: list[Seen], start: int, end: int) -> list[Seen]:
    """The readings of an interval and the nearest one on either side."""
    low, high = bisect_left(seen, (start,)), bisect_left(seen, (end,))
    return seen[max(low - 1, 0) : high + 1]
