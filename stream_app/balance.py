"""Stage two: meter-quarters of a site in; quarter-hours, balances and allocations out. Pure.

Per batch: take the parts into their quarters, and publish of each touched quarter what its view has come to differ in.
Per sweep: close the quarters whose end the clock has passed by the grace period, so that what is silent is MISSING.
Per new directory: publish what the changed rows change. A quarter that is MISSING has a record, so no balance waits
longer than the grace period.

The clock is the oldest of stage one's partitions, so that what is only lagging is never called missing. A partition
never heard of counts with the wall clock. Stage one's clock may step back once: from the wall clock, before its first
record, to the time of that record.

The timestamp of every quarter-hour, balance and allocation is the start of its quarter-hour.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Final

from stream_app.avro import AvroError, Codec, Codecs
from stream_app.energy.quality import DAY_MS, QUARTER_MS
from stream_app.energy.revisions import Published, Reopened, change_rows, close, fold
from stream_app.energy.site import Part, Rows, instant
from stream_app.energy.site_memory import SiteMemory
from stream_app.lane.batches import hash_of
from stream_app.lane.stage import Output, Record
from stream_app.records import Allocation, Balance, Event, MeterQuarter, QuarterHour
from stream_app.registry.model import Directory
from stream_app.topics import Topics

CLOCK: Final = b"clock|"
WALK: Final = 4096  # quarters closed in one sweep; what is left waits for the next, so that no sweep stalls the batches
# Quarters looked at for new rows in one step; a site that is left keeps its old rows until the next.
ADOPTED: Final = 65_536


class BalanceState:
    """One partition's sites, and the clocks of stage one's partitions in epoch milliseconds.

    ``directory`` is the one the sites' rows are taken from, but for those ``waiting`` for their turn, the last first;
    ``dirty`` and ``ticked`` what has changed since the last commit; ``behind`` the sites with quarters to close, all of
    them whenever ``due`` moves on.
    """

    __slots__ = ("behind", "clocks", "directory", "dirty", "due", "partition", "sites", "ticked", "waiting")

    def __init__(self, partition: int) -> None:
        self.partition = partition
        self.sites: dict[str, SiteMemory] = {}
        self.clocks: dict[int, int] = {}
        self.directory: Directory | None = None
        self.dirty: set[str] = set()
        self.ticked: set[int] = set()
        self.behind: set[str] = set()
        self.due: int | None = None
        self.waiting: list[str] = []

    def site(self, name: str) -> SiteMemory:
        """The site of that name, to be changed."""
        self.dirty.add(name)
        memory = self.sites.get(name)
        if memory is None:
            memory = self.sites[name] = SiteMemory(name)
        return memory


class BalanceStage:
    """The stage on ``meter-quarters``.

    ``source_partitions``: how many stage one reads; ``partitions``: how many ``meter-quarters`` has, which tells the
    partition of a site that was never heard of; ``grace_ms``: how long after its end a quarter waits for data;
    ``kept_days``: how long a complete quarter can be reopened. Put a new ``Directory`` into ``directory`` to change the
    registry.
    """

    def __init__(
        self,
        topics: Topics,
        codecs: Codecs,
        directory: Directory,
        *,
        source_partitions: int,
        partitions: int,
        grace_ms: int = 1_800_000,
        kept_days: int = 35,
    ) -> None:
        self.topic = topics.meter_quarters
        self.changelog = topics.balance_changelog
        self.directory = directory
        self._meter_quarters = codecs.meter_quarters
        self._targets: dict[type[Any], tuple[str, Codec[Any]]] = {
            QuarterHour: (topics.quarter_hours, codecs.quarter_hours),
            Balance: (topics.balances, codecs.balances),
            Allocation: (topics.allocations, codecs.allocations),
            Event: (topics.events, codecs.events),
        }
        self._sources = {CLOCK + b"%d" % source: source for source in range(source_partitions)}
        self._partitions = partitions
        self._grace_ms = grace_ms
        self._kept_ms = kept_days * DAY_MS

    def new_state(self, partition: int) -> BalanceState:
        """A partition without sites."""
        return BalanceState(partition)

    def restore(self, state: BalanceState, entries: Mapping[bytes, bytes]) -> None:
        """Fill a new state from the changelog; quarters stay packed until they are touched."""
        for key, value in entries.items():
            kind, _, rest = key.partition(b"|")
            if kind == b"c":
                state.clocks[int(rest)] = int(value)
                continue
            at, _, name = rest.partition(b"|") if kind in b"qbp" else (b"0", b"", rest)
            state.site(name.decode()).restore(kind, int(at), value)
        state.dirty.clear()

    def changes(self, state: BalanceState) -> list[tuple[bytes, bytes | None]]:
        """The changelog records of the sites and clocks that moved."""
        changed: list[tuple[bytes, bytes | None]] = [
            (b"c|%d" % source, b"%d" % state.clocks[source]) for source in sorted(state.ticked)
        ]
        for name in sorted(state.dirty):
            changed += state.sites[name].changes()
        state.ticked.clear()
        state.dirty.clear()
        return changed

    def step(self, state: BalanceState, records: Sequence[Record], now: int) -> list[Output]:
        """Take a batch of meter-quarters and clocks."""
        found = self._adopt(state, now)
        reopened: dict[str, Reopened] = {}
        lost: Counter[tuple[str, str]] = Counter()
        for record in records:
            if record.value is None:
                self._tick(state, record)
                continue
            try:
                part = self._meter_quarters.decode(record.value)
            except AvroError as error:
                source = f"{record.topic}/{record.partition}/{record.offset}"
                found.append(Event(source, record.timestamp, "record.unreadable", "ALARM", str(error)))
                continue
            site = state.site(part.site)
            if record.offset <= site.offset:
                continue
            site.offset = record.offset
            if site.has_left(part.start // QUARTER_MS * QUARTER_MS):
                lost[part.site, part.system_title] += 1
            else:
                _take(state, site, part, reopened)
        for site_reopened in reopened.values():
            found += site_reopened.revise()
        for (name, title), count in lost.items():
            detail = f"{count} meter-quarters are older than what can be revised"
            found.append(Event(name, now, "data.late", "WARNING", detail, title))
        return self._outputs(found)

    def sweep(self, state: BalanceState, now: int) -> list[Output]:
        """Close the quarters that have waited long enough, and pack what is old."""
        found = self._adopt(state, now)
        clock = self._clock(state, now)
        due = (clock - self._grace_ms) // QUARTER_MS * QUARTER_MS
        if due != state.due:
            state.behind.update(state.sites)
            state.due = due
        left = WALK
        for name in sorted(state.behind):
            site = state.sites[name]
            for start in self._to_close(site, due, clock):
                if not left:
                    return self._outputs(found)
                left -= 1
                state.dirty.add(name)
                found += close(site, start)
            fold(site, clock, self._kept_ms)
            state.behind.discard(name)
        return self._outputs(found)

    def _clock(self, state: BalanceState, now: int) -> int:
        return min(min(state.clocks.get(source, now), now) for source in self._sources.values())

    def _tick(self, state: BalanceState, record: Record) -> None:
        source = self._sources.get(record.key or b"")
        if source is not None and state.clocks.get(source) != record.timestamp:
            state.clocks[source] = record.timestamp
            state.ticked.add(source)

    def _to_close(self, site: SiteMemory, due: int, clock: int) -> Iterator[int]:
        """The quarters of a site that are due, in order; the caller closes each before it asks for the next."""
        if site.first is None and site.rows.points:
            applied = min(max(point.valid_from, point.applied_at) for point in site.rows.points)
            if applied <= clock:
                site.begin(max(applied, clock - self._kept_ms) // QUARTER_MS * QUARTER_MS)
        while site.first is not None and site.through < due:
            yield site.through

    def _adopt(self, state: BalanceState, now: int) -> list[Published]:
        """Take the rows of a directory that is new to this state, and publish what they change."""
        directory, found = self.directory, list[Published]()
        if state.directory is not directory:
            state.directory = directory
            names = directory.sites.keys() | directory.points_of_site.keys()
            ours = {name for name in names if hash_of(name.encode()) % self._partitions == state.partition}
            state.waiting = sorted(ours | state.sites.keys(), reverse=True)
        reach = self._clock(state, now) - self._kept_ms
        looked_at = 0
        while state.waiting and looked_at < ADOPTED:
            name = state.waiting.pop()
            rows = Rows(
                directory.sites.get(name),
                directory.points_of_site.get(name, ()),
                directory.members_of_site.get(name, ()),
                directory.rules_of_site.get(name, ()),
            )
            known = state.sites.get(name)
            if known is not None and known.rows == rows:
                known.rows = rows  # shared with the directory
            else:
                memory = state.site(name)
                looked_at += len(memory.starts())
                found += change_rows(memory, rows, reach)
                state.behind.add(name)
        return found

    def _outputs(self, records: Iterable[Published]) -> list[Output]:
        outputs = []
        for record in records:
            topic, codec = self._targets[type(record)]
            key, owner, at = _address(record)
            outputs.append(Output(topic, key.encode(), codec.encode(record), at, owner.encode()))
        return outputs


def _take(state: BalanceState, site: SiteMemory, part: MeterQuarter, reopened: dict[str, Reopened]) -> None:
    start = part.start // QUARTER_MS * QUARTER_MS
    if site.begin(start):
        state.behind.add(site.name)
    if site.name not in reopened:
        reopened[site.name] = Reopened(site)
    quarter = reopened[site.name].quarter(start)
    quarter.put(part.system_title, part.quantity, part.start, part.end, Part(*part[5:12]))


def _address(record: Published) -> tuple[str, str, int]:
    """Key, the part of it that chooses the partition, and timestamp."""
    if isinstance(record, QuarterHour):
        point = record.metering_point
        return f"{point}|{record.quantity}|{instant(record.start)}", point, record.start
    if isinstance(record, Balance):
        return f"{record.site}|{instant(record.start)}", record.site, record.start
    if isinstance(record, Allocation):
        return f"{record.site}|{record.metering_point}|{instant(record.start)}", record.site, record.start
    return record.source, record.source, record.at
