"""Simulated time: a straight line through real time, the same in the simulator, the edge agent and the worker."""

from __future__ import annotations

from typing import NamedTuple


class SimulatedClock(NamedTuple):
    """It shows ``origin_ms`` (epoch ms) at the real time ``started`` (epoch seconds) and runs ``speed`` times as fast.

    >>> SimulatedClock(1_774_742_400_000, 1000.0, 900).shows(1001.0)
    1774743300000
    >>> SimulatedClock(1_774_742_400_000, 1000.0, 900).real(1_774_743_300_000)
    1001.0
    """

    origin_ms: int
    started: float
    speed: float

    def shows(self, real: float) -> int:
        """Simulated epoch milliseconds at a real time."""
        return self.origin_ms + round((real - self.started) * self.speed * 1000)

    def real(self, time_ms: int) -> float:
        """The real time at which it shows ``time_ms``."""
        return self.started + (time_ms - self.origin_ms) / 1000 / self.speed
