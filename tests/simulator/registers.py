"""Cumulative registers as a true function of time: the integral of a power that is constant for a minute at a time."""

from __future__ import annotations

from collections.abc import Callable
from itertools import accumulate
from typing import NamedTuple

from tests.simulator.curves import MINUTES

MINUTE_MS = 60_000
DAY_MS = MINUTES * MINUTE_MS
WH = 3_600_000  # a watt-hour in watt-milliseconds


class Registers(NamedTuple):
    """Counts in whole Wh, cut off as meters do, and the power at that moment in W."""

    import_wh: int
    export_wh: int
    import_w: int
    export_w: int


class Day(NamedTuple):
    """Net power per minute, and the energy in W·min up to the beginning of each minute."""

    net_w: list[int]
    imported: list[int]
    exported: list[int]


class Counter:
    """Two registers that started at ``origin_day`` (days since 1970) with the given counts, in Wh.

    ``net_w(day)`` gives a day's power per minute: positive from the grid, negative into it.
    """

    def __init__(self, net_w: Callable[[int], list[int]], origin_day: int, import_wh: int, export_wh: int) -> None:
        self._net_w = net_w
        self._origin_day = origin_day
        self._start = (import_wh, export_wh)
        self._days: list[Day] = []

    def at(self, time_ms: int) -> Registers:
        """The exact registers at a time (epoch ms) not before the origin."""
        day, ms = divmod(time_ms, DAY_MS)
        minute, rest = divmod(ms, MINUTE_MS)
        today = self._day(day - self._origin_day)
        power = today.net_w[minute]
        import_w, export_w = max(power, 0), max(-power, 0)
        return Registers(
            self._start[0] + (today.imported[minute] * MINUTE_MS + import_w * rest) // WH,
            self._start[1] + (today.exported[minute] * MINUTE_MS + export_w * rest) // WH,
            import_w,
            export_w,
        )

    def _day(self, number: int) -> Day:
        while len(self._days) <= number:
            before = self._days[-1] if self._days else Day([], [0], [0])
            net = self._net_w(self._origin_day + len(self._days))
            imported = accumulate((max(w, 0) for w in net), initial=before.imported[-1])
            exported = accumulate((max(-w, 0) for w in net), initial=before.exported[-1])
            self._days.append(Day(net, list(imported), list(exported)))
        return self._days[number]
