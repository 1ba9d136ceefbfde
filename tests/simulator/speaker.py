"""Meters heard on lines, at the moment they speak: the fleet's telegrams paced by a simulated clock."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterable, Mapping

from tests.simulator.clock import SimulatedClock
from tests.simulator.faults import Wire
from tests.simulator.lines import Line
from tests.simulator.oracle import Oracle


class Speaker:
    """``lines`` by title. What was heard whole is told to the oracle. Meters in ``paused`` keep silent meanwhile."""

    def __init__(self, clock: SimulatedClock, lines: Mapping[str, Line], oracle: Oracle) -> None:
        self._clock = clock
        self._lines = lines
        self._oracle = oracle
        self.paused: set[str] = set()
        self.sent = 0
        self.unheard = 0
        self.damaged = 0

    async def speak(self, wires: Iterable[Wire]) -> None:
        """Say each when its time has come, or at once when that is past."""
        for telegram, data, intact in wires:
            await asyncio.sleep(max(0.0, self._clock.real(telegram.time_ms) - time.time()))
            if telegram.title in self.paused or not self._lines[telegram.title].write(data):
                self.unheard += 1
            elif intact:
                self.sent += 1
                self._oracle.hear(telegram.title, telegram.measured_at)
            else:
                self.damaged += 1
