"""What was counted, before any substitute, in the quarter-hours that others are compared with.

Quarters that are being worked on are looked at as they are; of the others one block at a time is unpacked and its
amounts kept as plain numbers, of a few blocks: comparing moves on with the clock, so the same ones serve for hours.
"""

from __future__ import annotations

from array import array
from collections.abc import Callable, Iterable, Mapping
from typing import Final

from stream_app.energy.quality import DAY_MS, QUARTER_MS, Series
from stream_app.energy.site import Quarter, Rows, Stretch, amount_of, stretches_of

BLOCK_MS: Final = 24 * QUARTER_MS
LOOK_BACK_MS: Final = 28 * DAY_MS + BLOCK_MS  # the comparable days, by whole blocks: a change of the clock is an hour
BLOCKS: Final = 20  # three days of zeros and the comparable days
NONE: Final = -(1 << 63)

Columns = dict[Series, "array[int]"]


class Originals:
    """A site's amounts by series and start. ``live``: quarters that may still change; ``glance``: a block's others.

    A series that is valid only in a part of a quarter-hour has nothing there that could be compared.
    """

    def __init__(
        self,
        rows: Rows,
        series: Iterable[Series],
        live: Mapping[int, Quarter],
        glance: Callable[[int], Iterable[Quarter]],
    ) -> None:
        self.series = {one: tuple(p for p in rows.points if p.metering_point == one[0]) for one in series}
        self._live = live
        self._glance = glance
        self._blocks: dict[int, Columns] = {}

    def __call__(self, series: Series, start: int) -> int | None:
        """What was counted; None if that is not known."""
        quarter = self._live.get(start)
        if quarter is not None:
            return amount_of(quarter, series[1], self.whole(series, start))
        block = start // BLOCK_MS * BLOCK_MS
        columns = self._blocks.get(block) or self._read(block)
        amount = columns[series][(start - block) // QUARTER_MS]
        return None if amount == NONE else amount

    def whole(self, series: Series, start: int) -> tuple[Stretch, ...]:
        """The stretches of a series in a quarter-hour; none unless they are all of it."""
        stretches = stretches_of(self.series[series], series[1], start)
        return stretches if sum(until - since for _, since, until in stretches) == QUARTER_MS else ()

    def forget(self, starts: Iterable[int]) -> None:
        """Quarters have changed."""
        for start in starts:
            self._blocks.pop(start // BLOCK_MS * BLOCK_MS, None)

    def _read(self, block: int) -> Columns:
        columns = {series: array("q", [NONE]) * (BLOCK_MS // QUARTER_MS) for series in self.series}
        for quarter in self._glance(block):
            for series, column in columns.items():
                amount = amount_of(quarter, series[1], self.whole(series, quarter.start))
                if amount is not None:
                    column[(quarter.start - block) // QUARTER_MS] = amount
        if len(self._blocks) >= BLOCKS:
            del self._blocks[next(iter(self._blocks))]
        self._blocks[block] = columns
        return columns
