"""What was counted, before any substitute, in the quarter-hours that others are compared with.

A block is looked at once and its amounts kept as plain numbers, of a few blocks: comparing moves on with the clock, so
the same ones serve for hours.
"""

from __future__ import annotations

from array import array
from collections.abc import Callable, Iterable, Mapping
from typing import Final

from stream_app.energy.quality import DAY_MS, QUARTER_MS, Series
from stream_app.energy.site import Quarter, Rows, amount_of, expected

BLOCK_MS: Final = 24 * QUARTER_MS
LOOK_BACK_MS: Final = 28 * DAY_MS + BLOCK_MS  # the comparable days, by whole blocks: a change of the clock is an hour
BLOCKS: Final = 20  # three days of zeros and the comparable days
UNKNOWN: Final = -(1 << 63)
IN_PART: Final = UNKNOWN + 1  # the series is valid only in a part of the quarter-hour, or not at all

Columns = dict[Series, "array[int]"]


class Originals:
    """A site's amounts by series and start; ``glance``: the quarters that are held of a block.

    A series that is valid only in a part of a quarter-hour has nothing there that could be compared.
    """

    def __init__(self, rows: Rows, series: Iterable[Series], glance: Callable[[int], Mapping[int, Quarter]]) -> None:
        self._rows = {one: Rows(points=tuple(p for p in rows.points if p.metering_point == one[0])) for one in series}
        self._glance = glance
        self._blocks: dict[int, Columns] = {}

    def __call__(self, series: Series, start: int) -> int | None:
        """What was counted; None if that is not known."""
        amount = self._at(series, start)
        return amount if amount > IN_PART else None

    def whole(self, series: Series, start: int) -> bool:
        """Is the series valid in all of the quarter-hour?"""
        return self._at(series, start) != IN_PART

    def refresh(self, quarter: Quarter) -> None:
        """A quarter has changed."""
        block = quarter.start // BLOCK_MS * BLOCK_MS
        for series, column in self._blocks.get(block, {}).items():
            column[(quarter.start - block) // QUARTER_MS] = self._amount(series, quarter.start, quarter)

    def _at(self, series: Series, start: int) -> int:
        block = start // BLOCK_MS * BLOCK_MS
        columns = self._blocks.get(block) or self._read(block)
        return columns[series][(start - block) // QUARTER_MS]

    def _read(self, block: int) -> Columns:
        held = self._glance(block)
        starts = range(block, block + BLOCK_MS, QUARTER_MS)
        if len(self._blocks) >= BLOCKS:
            del self._blocks[next(iter(self._blocks))]
        columns = self._blocks[block] = {
            series: array("q", [self._amount(series, start, held.get(start)) for start in starts])
            for series in self._rows
        }
        return columns

    def _amount(self, series: Series, start: int, quarter: Quarter | None) -> int:
        stretches = expected(self._rows[series], start).get(series, ())
        if sum(until - since for _, since, until in stretches) < QUARTER_MS:
            return IN_PART
        amount = None if quarter is None else amount_of(quarter, series[1], stretches)
        return UNKNOWN if amount is None else amount
