"""What the registry says of the registers of one meter, made ready for stage one. All times epoch milliseconds UTC.

Boundaries are the quarter-hours of UTC and the instants at which a metering point begins or ends on this device.
"""

from __future__ import annotations

import zlib
from bisect import bisect_left, bisect_right
from collections.abc import Iterable
from typing import Final, NamedTuple

from stream_app.energy.quality import EXPORT, IMPORT, QUARTER_MS
from stream_app.registry.model import Meter, Point

MS_PER_HOUR: Final = 3_600_000
SLACK_MS: Final = 60_000  # meters count whole seconds and whole steps of the register: a minute more of full power
TOLERANCE: Final = (5, 2)  # readings at most 2.5 push intervals apart are consecutive
GRACE_MS: Final = 1_800_000
BACKFILL_MS: Final = 35 * 86_400_000  # a registry reading older than this begins nothing any more
USUAL_LIMITS: Final = (99_999_999, 999_999_999, 0xFFFFFFFF)  # KSMW §5.2: CT and direct meters; 32-bit registers
ANY_POWER_W: Final = 10_000_000  # no customer port is behind a larger connection
VOLUME_LIMIT: Final = 10**9  # litres an hour: no pipe carries more
HOUSE_POWER_W: Final = 100_000  # 3 × 125 A; above it a wrap is believed only if ``max_power_w`` says so


class Span(NamedTuple):
    """A site is served from ``start`` to ``end`` (half-open; None: open)."""

    site: str
    start: int
    end: int | None


class Known(NamedTuple):
    """A register reading the registry gives: exact at its instant, and no telegram."""

    at: int
    value: int
    installs: bool


class RegisterRules(NamedTuple):
    """One register. ``cuts``: boundaries beside the quarter-hours; ``moduli``: what a wrap takes away, one of them;
    ``at_once``: a rise that is believed in any time."""

    quantity: str
    spans: tuple[Span, ...]
    cuts: tuple[int, ...]
    known: tuple[Known, ...]
    moduli: tuple[int, ...]
    max_power_w: int
    wrap_power_w: int
    at_once: int

    def sites(self, start: int, end: int) -> list[str]:
        """The sites served all the time between two neighbouring boundaries."""
        return [s.site for s in self.spans if s.start <= start and (s.end is None or end <= s.end)]

    def after(self, at: int) -> int:
        """The first boundary later than ``at``."""
        grid = at - at % QUARTER_MS + QUARTER_MS
        if not self.cuts:
            return grid
        index = bisect_right(self.cuts, at)
        return min(grid, self.cuts[index]) if index < len(self.cuts) else grid

    def before(self, at: int) -> int:
        """The last boundary earlier than ``at``."""
        grid = (at - 1) - (at - 1) % QUARTER_MS
        if not self.cuts:
            return grid
        index = bisect_left(self.cuts, at) - 1
        return max(grid, self.cuts[index]) if index >= 0 else grid

    def inside(self, start: int, end: int) -> list[int]:
        """The boundaries strictly between two instants."""
        grid = range(start - start % QUARTER_MS + QUARTER_MS, end, QUARTER_MS)
        between = self.cuts[bisect_right(self.cuts, start) : bisect_left(self.cuts, end)]
        return sorted({*grid, *between}) if between else list(grid)

    def is_boundary(self, at: int) -> bool:
        """Is this instant a boundary?"""
        return at % QUARTER_MS == 0 or at in self.cuts


class MeterRules(NamedTuple):
    """All registers of one meter that make quarters. ``fingerprint`` changes with anything the quarters depend on."""

    system_title: str
    quantities: tuple[str, ...]
    registers: tuple[RegisterRules, ...]
    tolerance_ms: int
    grace_ms: int
    fingerprint: int


def rules_for(meter: Meter, points: Iterable[Point], *, grace_ms: int = GRACE_MS) -> MeterRules:
    """The rules of a meter that serves these points, one row per period of validity."""
    rows = sorted(points, key=lambda point: (point.valid_from, point.metering_point))
    quantities = tuple(dict.fromkeys(q for row in rows for q in row.measured_quantities()))
    registers = tuple(_register(meter, quantity, rows) for quantity in quantities)
    tolerance_ms = meter.push_seconds * 1000 * TOLERANCE[0] // TOLERANCE[1]
    fingerprint = zlib.crc32(repr((registers, tolerance_ms)).encode())
    return MeterRules(meter.system_title, quantities, registers, tolerance_ms, grace_ms, fingerprint)


def _register(meter: Meter, quantity: str, points: list[Point]) -> RegisterRules:
    rows = [row for row in points if quantity in row.measured_quantities()]
    ends = [row.valid_to for row in rows if row.valid_to is not None]
    instants = {row.valid_from for row in rows} | set(ends)
    energy = quantity.split(".")[1:2] == ["8"]
    limits = USUAL_LIMITS if meter.register_limit_wh is None else (meter.register_limit_wh,)
    power = (meter.max_power_w or ANY_POWER_W) if energy else VOLUME_LIMIT
    return RegisterRules(
        quantity,
        tuple(sorted({Span(row.site, row.valid_from, row.valid_to) for row in rows}, key=lambda s: (s.start, s.site))),
        tuple(sorted(at for at in instants if at % QUARTER_MS)),
        tuple(_known(quantity, rows)),
        tuple(limit + 1 for limit in limits) if energy else (),
        power,
        meter.max_power_w or HOUSE_POWER_W,
        power * SLACK_MS // MS_PER_HOUR,
    )


def _known(quantity: str, rows: list[Point]) -> list[Known]:
    """Readings at installation and removal; where one row ends as the next begins, the beginning counts."""
    known: dict[int, Known] = {}
    for row in rows:
        starts = {IMPORT: row.start_import_wh, EXPORT: row.start_export_wh}
        ends = {IMPORT: row.end_import_wh, EXPORT: row.end_export_wh}
        if row.valid_to is not None and (end := ends.get(quantity)) is not None:
            known.setdefault(row.valid_to, Known(row.valid_to, end, installs=False))
        if (start := starts.get(quantity)) is not None:
            known[row.valid_from] = Known(row.valid_from, start, installs=True)
    return sorted(known.values())
