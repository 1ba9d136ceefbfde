"""The register at boundaries that were not read: linear, or, across a gap of 2 h or more, shaped by comparable days.

The total of a gap is exact, only its course is estimated. Linear values are rounded half up, once per boundary. The
shaped ones share the total out to the quarter-hours by largest remainder (the earlier one at a tie); a boundary beside
the quarter-hours lies on the line between its neighbours. So every value follows from the two readings and the profile
alone, whatever other boundaries there are.

The profile holds the usual energy of a quarter in each half-hour (UTC) of workdays, Saturdays and Sundays, one byte
each: 144 bytes. A byte is 0 (not known) or one more than a number of 4 bits exponent and 4 bits fraction: 6 % steps.
"""

from __future__ import annotations

from itertools import accumulate, pairwise
from typing import Final

from stream_app.energy.bracket import SHAPED_MS, Mark
from stream_app.energy.quality import QUARTER_MS
from stream_app.records import Method

DAY_MS: Final = 86_400_000
HALF_HOUR_MS: Final = 2 * QUARTER_MS
HALF_HOURS: Final = 48
EPOCH_WEEKDAY: Final = 3  # 1 January 1970 was a Thursday
SLOTS: Final = 3 * HALF_HOURS
UNKNOWN: Final = 0

# 0 … 31 exactly, then 16 numbers to each doubling, up to half a megawatt-hour.
LEVELS: Final = tuple((m + 16 if e else m) << max(e - 1, 0) for e in range(16) for m in range(16))[:255]


def line(left: Mark, right: Mark, at: int) -> int:
    """The value at ``at`` on the line between two readings, rounded half up."""
    width = right.at - left.at
    return left.value + (2 * (right.value - left.value) * (at - left.at) + width) // (2 * width)


def values_at(left: Mark, right: Mark, boundaries: list[int], profile: bytes) -> tuple[Method, list[int]]:
    """The values at boundaries between two readings of a gap."""
    if right.at - left.at >= SHAPED_MS and (shape := _shaped(left, right, profile)):
        return "COMPARABLE_DAY", [_on(shape, at) for at in boundaries]
    return "INTERPOLATED", [line(left, right, at) for at in boundaries]


def _on(shape: dict[int, int], at: int) -> int:
    if at in shape:
        return shape[at]
    before = max(instant for instant in shape if instant < at)
    behind = min(instant for instant in shape if instant > at)
    return line(Mark(before, shape[before], True), Mark(behind, shape[behind], True), at)


def _shaped(left: Mark, right: Mark, profile: bytes) -> dict[int, int] | None:
    """Value by instant at both readings and every quarter-hour between; None where the shape is not known or zero."""
    first = left.at - left.at % QUARTER_MS + QUARTER_MS
    instants = [left.at, *range(first, right.at, QUARTER_MS), right.at]
    codes = [profile[slot_of(at)] for at in instants[:-1]] if profile else [UNKNOWN]
    if UNKNOWN in codes:
        return None
    weights = [LEVELS[code - 1] * (end - start) for code, (start, end) in zip(codes, pairwise(instants), strict=True)]
    whole = sum(weights)
    if not whole:
        return None
    parts = largest_remainder(right.value - left.value, weights, whole)
    return dict(zip(instants, accumulate(parts, initial=left.value), strict=True))


def largest_remainder(total: int, weights: list[int], whole: int) -> list[int]:
    """``total`` shared out by weight in whole numbers; the earlier part is favoured at a tie."""
    shares = [divmod(total * weight, whole) for weight in weights]
    left_over = total - sum(share for share, _ in shares)
    favoured = sorted(range(len(shares)), key=lambda i: (-shares[i][1], i))[:left_over]
    parts = [share for share, _ in shares]
    for index in favoured:
        parts[index] += 1
    return parts


def slot_of(at: int) -> int:
    """The half-hour of the comparable day that an instant lies in."""
    return _day_type(at) * HALF_HOURS + at % DAY_MS // HALF_HOUR_MS


def _day_type(at: int) -> int:
    weekday = (at // DAY_MS + EPOCH_WEEKDAY) % 7
    return max(weekday - 4, 0)


def learn(profile: bytes, start: int, amount: int) -> bytes:
    """The profile after a measured quarter, which weighs half. Nothing is kept of a register that never moved."""
    if not profile:
        if not amount:
            return profile
        profile = bytes(SLOTS)
    slot = slot_of(start)
    old = profile[slot]
    level = amount if old == UNKNOWN else (LEVELS[old - 1] + amount + 1) // 2
    return profile[:slot] + bytes((_code(level),)) + profile[slot + 1 :]


def _code(level: int) -> int:
    """One more than the number of the nearest level at or below."""
    exponent = max(level.bit_length() - 4, 0)
    mantissa = level >> max(exponent - 1, 0) if exponent else level
    number = exponent * 16 + (mantissa - 16 if exponent else mantissa)
    return min(number, len(LEVELS) - 1) + 1


def covers(left: int, right: int, start: int) -> bool:
    """Does a gap use the half-hour of the profile to which the quarter from ``start`` belongs?

    While the gap is open that part of the profile stands still, so that its estimate depends on its readings alone.
    """
    slot = start - start % HALF_HOUR_MS
    lowest = (left - slot - HALF_HOUR_MS) // DAY_MS + 1
    highest = -((slot - right) // DAY_MS) - 1
    days = range(max(lowest, highest - 6), highest + 1)  # seven days see every kind of day
    return any(_day_type(slot + day * DAY_MS) == _day_type(start) for day in days)
