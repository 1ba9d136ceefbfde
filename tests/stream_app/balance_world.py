"""A small world around the stage: meter-quarters in, the newest published records out, and an oracle beside it.

The oracle knows nothing of batches, revisions or state: it is handed every meter-quarter at once and the registry as it
stands at the end, and says what the newest record of every key must be.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from stream_app.avro import load_codecs
from stream_app.balance import BalanceStage, BalanceState
from stream_app.lane.stage import Output, Record
from stream_app.records import Balance, Event, MeterQuarter, QuarterHour
from stream_app.registry.model import Directory, Point, Site
from stream_app.reprocess import Frame
from stream_app.topics import Topics

Q = 900_000
T0 = 1_774_656_000_000  # 2026-03-28T00:00:00Z
GRACE = 2 * Q
TOPICS = Topics()
CODECS = load_codecs()
DECODERS: dict[str, Any] = {
    TOPICS.quarter_hours: CODECS.quarter_hours,
    TOPICS.balances: CODECS.balances,
    TOPICS.allocations: CODECS.allocations,
    TOPICS.events: CODECS.events,
}
HOUSE = Site("house", "Europe/Zurich")


def title(number: int) -> str:
    return f"4C475A{number:010X}"


def meter_quarter(
    meter: int, quarter: int, amount: int | None, quantity: str = "1.8.0", site: str = "house", **fields: Any
) -> MeterQuarter:
    start = T0 + quarter * Q
    whole = MeterQuarter(
        site, title(meter), quantity, start, start + Q, amount, "MEASURED", "INTERPOLATED", 900, 15, 60_000, True, False
    )
    return whole._replace(**({"quality": "MISSING", "method": "NONE"} if amount is None else {}) | fields)


def point(name: str, meter: int, since: int = 0, until: int | None = None, **fields: Any) -> Point:
    """A point from quarter ``since`` to quarter ``until``."""
    end = None if until is None else T0 + until * Q
    return Point(name, title(meter), fields.pop("site", "house"), T0 + since * Q, end, **fields)


class World:
    """One partition and its changelog. What was published lies in ``newest``, by topic and key."""

    def __init__(self, directory: Directory, **parameters: Any) -> None:
        self.parameters = {"source_partitions": 1, "partitions": 1, "grace_ms": GRACE} | parameters
        self.stage = BalanceStage(TOPICS, CODECS, directory, **self.parameters)
        self.state: BalanceState = self.stage.new_state(0)
        self.changelog: dict[bytes, bytes] = {}
        self.newest: dict[tuple[str, str], Any] = {}
        self.published: list[Any] = []
        self.events: list[Event] = []
        self.offset = 0
        self.now = T0 + 10_000 * Q

    def feed(self, *items: MeterQuarter | int) -> list[Any]:
        """One batch of meter-quarters and (ints) clocks, in quarters after T0; the records published."""
        records = []
        for item in items:
            self.offset += 1
            if isinstance(item, int):
                records.append(self.clock(0, T0 + item * Q))
            else:
                value = CODECS.meter_quarters.encode(item)
                records.append(Frame(TOPICS.meter_quarters, 0, self.offset, self.now, item.site.encode(), value))
        return self.step(records)

    def clock(self, source: int, at: int) -> Frame:
        return Frame(TOPICS.meter_quarters, 0, self.offset, at, b"clock|%d" % source, None)

    def step(self, records: Sequence[Record]) -> list[Any]:
        return self._note(self.stage.step(self.state, records, self.now))

    def sweep(self, clock: int | None = None) -> list[Any]:
        """Let time pass until nothing more comes; the records published."""
        published = [] if clock is None else self.feed(clock)
        while found := self._note(self.stage.sweep(self.state, self.now)):
            published += found
        return published

    def commit(self) -> None:
        for key, value in self.stage.changes(self.state):
            if value is None:
                self.changelog.pop(key, None)
            else:
                self.changelog[key] = value

    def restart(self, directory: Directory | None = None) -> None:
        """Another worker takes over from the changelog."""
        self.commit()
        self.stage = BalanceStage(TOPICS, CODECS, directory or self.stage.directory, **self.parameters)
        self.state = self.stage.new_state(0)
        self.stage.restore(self.state, dict(self.changelog))

    def register(self, directory: Directory) -> None:
        self.stage.directory = directory

    def _note(self, outputs: Iterable[Output]) -> list[Any]:
        found = []
        for topic, key, value, *_ in outputs:
            assert key is not None
            assert value is not None
            record = DECODERS[topic].decode(value)
            found.append(record)
            if isinstance(record, Event):
                self.events.append(record)
                continue
            before = self.newest.get((topic, key.decode()))
            assert record.revision == (before.revision + 1 if before else 1), (before, record)
            assert before is None or _content(before) != _content(record)
            self.newest[topic, key.decode()] = record
        self.published += found
        return found

    def quarter_hour(self, name: str, quarter: int, quantity: str = "1.8.0") -> QuarterHour | None:
        return next(
            (
                record
                for record in self.newest.values()
                if isinstance(record, QuarterHour)
                and (record.metering_point, record.quantity, record.start) == (name, quantity, T0 + quarter * Q)
            ),
            None,
        )

    def balance(self, quarter: int, site: str = "house") -> Balance | None:
        balances = (record for record in self.newest.values() if isinstance(record, Balance))
        return next((b for b in balances if (b.site, b.start) == (site, T0 + quarter * Q)), None)

    def contents(self) -> dict[tuple[str, str], Any]:
        """The newest records without revision and reason."""
        return {key: _content(record) for key, record in self.newest.items()}


def _content(record: Any) -> Any:
    blank = {name: None for name in ("revision", "reason") if name in record._fields}
    return record._replace(**blank)
