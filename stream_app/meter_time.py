"""When was it? The meter's time where it can be believed, the gateway's where not.

The header's time counts, without it the payload's clock (``Push.time`` is already the right one). It is believed unless
its status calls it invalid, or it lies further from the gateway's than a meter's clock may. A gateway that has not yet
heard the time stands where it was switched off: against it a later time of the meter is believed.
"""

from __future__ import annotations

from typing import Final, NamedTuple

from stream_app.dlms.clock import MeterTime

INVALID: Final = 0x01  # clock status, bit 0 (Blue Book 4.1.6.1)
UNSPECIFIED: Final = 0xFF
HOUR_MS: Final = 3_600_000
NEW_TUPLE: Final = tuple.__new__  # half of what a named tuple's own constructor costs


class Measured(NamedTuple):
    """``at`` in epoch milliseconds; ``drift_ms``: how far off the meter's time was where that is why it was refused."""

    at: int
    from_gateway: bool
    status: int | None
    drift_ms: int | None = None


def decide(
    time: MeterTime | None, received_at: int, until: int, tolerance_ms: int, newest: int, late: bool
) -> Measured:
    """The time of a reading.

    ``received_at`` is what the gateway's clock showed, ``until`` the latest it may have been: the same, or now where
    that clock is not synchronised. ``newest`` is the time of the meter's newest accepted counter, and ``late`` says
    that this telegram's counter is lower: both are needed only for the hour that local time repeats in autumn.
    """
    if time is None:
        return Measured(received_at, True, None)
    at, _, status, ambiguous = time
    if at is None:
        return Measured(received_at, True, status)
    if ambiguous:
        at = _which_hour(at, received_at, tolerance_ms, newest, late)
    if status is not None and status & INVALID and status != UNSPECIFIED:
        return Measured(received_at, True, status)
    if not received_at - tolerance_ms <= at <= until + tolerance_ms:
        return Measured(received_at, True, status, at - received_at)
    return NEW_TUPLE(Measured, (at, False, status, None))


def _which_hour(first: int, received_at: int, tolerance_ms: int, newest: int, late: bool) -> int:
    """The gateway's clock knows; where it is too far off, counters and times of a meter rise together."""
    second = first + HOUR_MS
    for at in (first, second):
        if abs(at - received_at) <= tolerance_ms:
            return at
    return second if (second <= newest if late else first < newest) else first
