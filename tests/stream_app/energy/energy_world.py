"""One meter in a test: its rules, its telegrams, and the latest word on every quarter."""

from __future__ import annotations

import inspect
from collections.abc import Iterable

from stream_app.energy.meter_energy import MeterEnergy, MeterRules, Sample, adopt, advance, rules_for, sweep
from stream_app.records import Event, MeterQuarter
from stream_app.registry.model import Meter, Point

TITLE = "4C475A1030A1B2C3"
QUARTER = 900_000
MINUTE = 60_000
HOUR = 3_600_000
DAY = 86_400_000
MONDAY = 1_772_409_600_000  # 2026-03-02T00:00:00Z
CONSUMER = Point("AT0010000000000000000000000000001", TITLE, "home", MONDAY - 30 * DAY, role="consumer")


def fields(kind: type) -> list[str]:
    """The attributes of a class with slots, compiled or not."""
    return [name for name, one in vars(kind).items() if inspect.isdatadescriptor(one)]


class World:
    """Feeds telegrams of one meter and keeps the newest record per quarter, as stage two does."""

    def __init__(self, meter: Meter | None = None, points: Iterable[Point] = (CONSUMER,)) -> None:
        self.meter = meter or Meter(TITLE)
        self.rules: MeterRules = rules_for(self.meter, points)
        self.energy = MeterEnergy()
        self.clock = MONDAY
        self.latest: dict[tuple[str, str, int, int], MeterQuarter] = {}
        self.events: list[Event] = []
        self.adopt()

    def adopt(self, points: Iterable[Point] | None = None) -> list[MeterQuarter]:
        """New rows of the registry, or the old ones again."""
        if points is not None:
            self.rules = rules_for(self.meter, points)
        return self._keep(adopt(self.energy, self.rules, self.clock))

    def tell(
        self, at: int, *values: int | None, authenticated: bool = True, clock: int | None = None
    ) -> list[MeterQuarter]:
        """A telegram; the clock follows its time unless another is given."""
        self.clock = max(self.clock, at if clock is None else clock)
        return self._keep(advance(self.energy, Sample(at, values, authenticated), self.rules, self.clock))

    def wait(self, milliseconds: int) -> list[MeterQuarter]:
        """Silence."""
        self.clock += milliseconds
        return self._keep(sweep(self.energy, self.rules, self.clock))

    def restart(self) -> None:
        """Through the changelog and back."""
        thin, wide = self.energy.pack_thin(), self.energy.pack_wide()
        self.energy = MeterEnergy()
        self.energy.unpack_wide(wide)
        self.energy.unpack_thin(thin)
        self.adopt()

    def quarter(self, start: int, quantity: str = "1.8.0", site: str = "home", end: int | None = None) -> MeterQuarter:
        """The newest word on one quarter."""
        return self.latest[site, quantity, start, end or start + QUARTER]

    def amounts(self, quantity: str = "1.8.0") -> dict[int, int | None]:
        """Amount by start."""
        return {q.start: q.amount for q in self.latest.values() if q.quantity == quantity}

    def kinds(self) -> list[str]:
        """What events there were."""
        return [event.type for event in self.events]

    def _keep(self, found: Iterable[MeterQuarter | Event]) -> list[MeterQuarter]:
        quarters = []
        for item in found:
            if isinstance(item, Event):
                self.events.append(item)
            else:
                quarters.append(item)
                self.latest[item.site, item.quantity, item.start, item.end] = item
        return quarters
