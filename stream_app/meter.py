"""What stage one remembers of a meter and of a partition, and how it is kept in the changelog.

A meter has two changelog records: a thin one under its title, which changes with every telegram, and a wide one under
``title|e`` with what changes once a quarter.
"""

from __future__ import annotations

import struct
from typing import Final

from stream_app.energy.meter_energy import MeterEnergy
from stream_app.energy.supply import Supply
from stream_app.meter_plan import MeterPlan
from stream_app.refusals import Alarms
from stream_app.trust import Trust

WIDE: Final = b"|e"
CLOCK_KEY: Final = b"\x00clock"
_THIN: Final = struct.Struct(">qq")


class MeterState:
    """One meter. ``offset``: of the newest record accepted; ``measured_at``: time of the newest counter."""

    __slots__ = ("energy", "measured_at", "offset", "plan", "supply", "trust")

    def __init__(self) -> None:
        self.offset = -1
        self.measured_at = 0
        self.trust = Trust()
        self.supply = Supply()
        self.energy = MeterEnergy()
        self.plan: MeterPlan | None = None

    def pack_thin(self) -> bytes:
        """What changes with every telegram."""
        head = _THIN.pack(self.offset, self.measured_at)
        return b"".join((head, self.trust.pack(), self.supply.pack(), self.energy.pack_thin()))

    def unpack_thin(self, data: bytes) -> None:
        """Take what ``pack_thin`` wrote."""
        self.offset, self.measured_at = _THIN.unpack_from(data)
        self.trust, at = Trust.unpack(data, _THIN.size)
        self.supply, at = Supply.unpack(data, at)
        self.energy.unpack_thin(data[at:])


class IngestState:
    """One partition's meters and its clock.

    The clock is the newest timestamp of an accepted record (epoch milliseconds), carried on by the wall clock while
    none arrives; a partition that never had one goes by the wall clock.
    """

    __slots__ = ("alarms", "clock", "clock_told", "dirty", "fed", "meters", "partition", "tour", "wall")

    def __init__(self, partition: int) -> None:
        self.partition = partition
        self.meters: dict[bytes, MeterState] = {}
        self.dirty: dict[bytes, MeterState] = {}  # in the order heard, as they lie in memory
        self.alarms = Alarms()
        self.tour: list[bytes] = []  # meters that this round of sweeps has still to visit
        self.clock: int | None = None
        self.clock_told = 0
        self.wall: int | None = None
        self.fed = False

    def time(self, now: int) -> int:
        """The partition's clock."""
        return now if self.clock is None else self.clock

    def reached(self, at: int) -> int:
        """What the clock would be once a record of this time is accepted."""
        return at if self.clock is None or at > self.clock else self.clock

    def feed(self, clock: int) -> None:
        """A record was accepted; ``clock`` is what it has ``reached``."""
        self.clock, self.fed = clock, True

    def carry_on(self, now: int) -> int:
        """Let the wall clock move the partition's if nothing came since the last call."""
        if self.clock is not None and self.wall is not None and not self.fed:
            self.clock = max(self.clock, min(now, self.clock + now - self.wall))
        self.wall, self.fed = now, False
        return self.time(now)
