"""What time it is when a telegram has arrived, and whether the machine's clock can be believed."""

from __future__ import annotations

import ctypes
import time
from collections.abc import Callable
from datetime import UTC, datetime

STATES_OF_A_SYNCHRONISED_CLOCK = range(5)  # TIME_OK … TIME_WAIT; TIME_ERROR is 5 (adjtimex(2))
LARGER_THAN_A_TIMEX = 512


class Clock:
    """The system's clock, or for simulators a straight line through it.

    >>> Clock(origin_ms=1_774_742_400_000, started=1000.0, speed=900, system=lambda: 1001.0).now_ms()
    1774743300000
    """

    def __init__(
        self,
        origin_ms: int = 0,
        started: float = 0.0,
        speed: float = 1.0,
        *,
        system: Callable[[], float] = time.time,
        is_synchronised: Callable[[], bool] | None = None,
    ) -> None:
        self._origin_ms = origin_ms
        self._started = started
        self._speed = speed
        self._system = system
        self.is_synchronised = is_synchronised or system_clock_is_synchronised

    def now_ms(self) -> int:
        """Epoch milliseconds: ``origin_ms`` at the real time ``started`` (epoch seconds), running at ``speed``."""
        return self._origin_ms + round((self._system() - self._started) * self._speed * 1000)


def iso(epoch_ms: int) -> str:
    """ISO 8601 in UTC with milliseconds.

    >>> iso(1_774_745_995_125)
    '2026-03-29T00:59:55.125Z'
    """
    seconds, ms = divmod(epoch_ms, 1000)
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%dT%H:%M:%S}.{ms:03}Z"


def system_clock_is_synchronised() -> bool:
    """Whether the kernel says that something (NTP, PTP) keeps its clock right. Where it does not say: no.

    ``adjtimex(2)`` with no mode bits set only reads, needs no privilege and knows of every time service alike.
    """
    try:
        state = ctypes.CDLL(None).adjtimex(ctypes.create_string_buffer(LARGER_THAN_A_TIMEX))
    except AttributeError:  # not Linux
        return False
    return state in STATES_OF_A_SYNCHRONISED_CLOCK
