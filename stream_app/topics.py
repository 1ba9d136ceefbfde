"""Every topic, once: its name, what it is partitioned by, how long it keeps what it holds.

Three numbers of partitions are enough. What is keyed by meter shares the frames' number, because stage one writes to
the partition number it reads from. What is keyed by site or metering point shares that of ``meter-quarters``. The
registry has one partition, so that whoever reads it sees changes in the order they were made.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

DAY_MS = 86_400_000

LARGEST = 2 * 2**20  # octets of a record: a frame at the broker's default limit, and as a reject its reason

COMPACT = {"cleanup.policy": "compact"}
CHANGELOG = {
    "cleanup.policy": "compact",
    # Only closed segments are compacted, and a restore reads whatever is not: 200 000 meters in 5 s rhythm write 40 000
    # changes a second, so a segment of the default 1 GiB would be hours of them. 16 MiB are under a minute.
    "segment.bytes": str(16 * 2**20),
    "segment.ms": "600000",
    "min.cleanable.dirty.ratio": "0.1",
    # A quarter of a site is one record, and so are six hours once they are folded: 250 octets a prosumer in either, and
    # the default of 1 MiB would end the worker at 4 200 of them. A segment takes no more than its own size.
    "max.message.bytes": str(8 * 2**20),
}


class Topic(NamedTuple):
    """A topic as it shall be on the broker. ``replication`` None leaves the factor to the broker."""

    name: str
    partitions: int
    replication: int | None
    config: Mapping[str, str]


class Topics:
    """The names under one prefix; ``specs`` tells how each is laid out.

    >>> Topics("cip").quarter_hours
    'cip.quarter-hours.v1'
    """

    def __init__(self, prefix: str = "cip") -> None:
        self.prefix = prefix
        self.frames = f"{prefix}.frames.v1"
        self.readings = f"{prefix}.readings.v1"
        self.events = f"{prefix}.events.v1"
        self.rejects = f"{prefix}.rejects.v1"
        self.ingest_changelog = f"{prefix}.ingest-changelog.v1"
        self.meter_quarters = f"{prefix}.meter-quarters.v1"
        self.quarter_hours = f"{prefix}.quarter-hours.v1"
        self.balances = f"{prefix}.balances.v1"
        self.allocations = f"{prefix}.allocations.v1"
        self.balance_changelog = f"{prefix}.balance-changelog.v1"
        self.registry = f"{prefix}.registry.v1"

    def specs(
        self,
        partitions: int = 12,
        meter_quarter_partitions: int = 12,
        replication: int | None = None,
        retention_days: int | None = None,
    ) -> tuple[Topic, ...]:
        """All topics. ``retention_days`` replaces the retention of each topic that deletes; 0 keeps them for ever."""

        def days(count: int) -> dict[str, str]:
            kept = count if retention_days is None else retention_days
            return {"cleanup.policy": "delete", "retention.ms": str(kept * DAY_MS if kept else -1)}

        by_meter: dict[str, Mapping[str, str]] = {
            # Whatever its producers send: a codec that we have not would stop a partition for good, and what is small
            # on the wire might not fit into a worker.
            self.frames: days(30) | {"compression.type": "uncompressed"},
            self.readings: days(90),
            self.events: days(90),
            self.rejects: days(30) | {"max.message.bytes": str(LARGEST)},
            self.ingest_changelog: CHANGELOG,
        }
        by_site: dict[str, Mapping[str, str]] = {
            self.meter_quarters: days(7),
            self.quarter_hours: COMPACT,
            self.balances: COMPACT,
            self.allocations: COMPACT,
            self.balance_changelog: CHANGELOG,
        }
        # A commit that only one replica has seen is lost with its disk.
        safety = {"min.insync.replicas": str(max(1, replication - 1))} if replication else {}
        return tuple(
            Topic(name, count, replication, {**config, **safety})
            for count, group in (
                (partitions, by_meter),
                (meter_quarter_partitions, by_site),
                (1, {self.registry: COMPACT}),
            )
            for name, config in group.items()
        )
