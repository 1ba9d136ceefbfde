"""One input partition from the fence until it is given back or lost.

What the stage answers collects in the open interval. Every commit interval it is taken as a whole, before anything is
awaited, and becomes a commit in flight; the next interval collects meanwhile. There is at most one commit in flight.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
import uuid
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from aiokafka import AIOKafkaConsumer, TopicPartition

from stream_app.lane.errors import LostError, StageError
from stream_app.lane.options import Options, wall_clock
from stream_app.lane.restore import agree, committed, read_changelog, spans, start_offset
from stream_app.lane.stage import Output, Record, Stage
from stream_app.lane.transactions import MARKER, NOTHING, AtLeastOnce, ExactlyOnce, Position, Writer

log = logging.getLogger(__name__)

TURN_MS = 100  # the longest time between two looks at the clock
FETCH_BYTES = (
    64 * 1024
)  # the broker answers when this much has come, or after FETCH_WAIT_MS: a fetch costs 0.2 ms of CPU
FETCH_WAIT_MS = 200


class Partition:
    """``acquire`` once, then ``serve`` until ``end``; after any exception it can only be closed."""

    def __init__(self, number: int, stage: Stage[Any], options: Options, group: str) -> None:
        self.source = TopicPartition(stage.topic, number)
        self.next = -1
        self.committed = NOTHING
        self.committed_at: float | None = None
        self.records = 0
        self.commits = 0
        self.restored = 0
        self.deleted = 0
        self._stage = stage
        self._options = options
        self._offsets_group = options.offsets_group(group)
        self._consumer = AIOKafkaConsumer(
            **options.client,
            auto_offset_reset="none",
            isolation_level="read_committed",
            fetch_min_bytes=FETCH_BYTES,
            fetch_max_wait_ms=FETCH_WAIT_MS,
        )
        kind = ExactlyOnce if options.exactly_once else AtLeastOnce
        self._writer: Writer = kind(options, group, self.source)
        self._state: Any = None
        self._outputs: list[Output] = []
        self._open = 0  # records in and out of the open interval
        self._since: float | None = None  # when it began
        self._flight: asyncio.Task[None] | None = None
        self._tenure = uuid.uuid4().hex[:12]
        self._ending = False
        self._doubted = False
        self._singly = 0  # records still to be fetched one by one

    async def acquire(self) -> None:
        """Fence, read what is committed, restore, find the place to go on: in this order."""
        await self._writer.start()
        await self._consumer.start()
        position = await committed(self._options.client, self._offsets_group, self.source)
        changelog = TopicPartition(self._stage.changelog, self.source.partition)
        recorded, available = await spans(self._consumer, changelog, self.source)
        entries, marker = await read_changelog(self._consumer, changelog, recorded)
        if self._options.exactly_once:
            agree(self.source, position, marker)
        with self._blaming("restore"):
            self._state = self._stage.new_state(self.source.partition)
            self._stage.restore(self._state, entries)
        self.next, self.deleted = start_offset(self.source, available, position)
        self._consumer.assign([self.source])
        self._consumer.seek(self.source, self.next)
        self.committed, self.restored = position, len(entries)

    async def serve(self) -> None:
        """Process until ``end``, and commit what is open then."""
        sweep_at = time.monotonic() + self._options.sweep_interval_s
        while not self._ending:
            for records in await self._fetch():
                self._step(records)
            now = time.monotonic()
            if now >= sweep_at:
                self._sweep()
                sweep_at = now + self._options.sweep_interval_s
            await self._commit_when_due(now)
            if self._doubted:
                await self._verify()
            await asyncio.sleep(0)  # getmany does not yield while it has records
        await self._land()
        if self._since is not None:
            self._take_off()
            await self._land()

    def end(self) -> None:
        """Let ``serve`` return after a last commit."""
        self._ending = True

    def doubt(self) -> None:
        """Let ``serve`` make sure that nobody else has committed."""
        self._doubted = True

    async def close(self) -> None:
        """Drop the connections; with the broker away this takes until it is back."""
        if self._flight:
            self._flight.cancel()
        for stop in (self._writer.stop, self._consumer.stop):
            try:
                await stop()
            except Exception as error:  # a fenced producer raises once more when it is stopped
                log.debug("%s/%s: closing: %r", *self.source, error)

    def high_watermark(self) -> int | None:
        """The end of the input as of the last fetch."""
        if self.source not in self._consumer.assignment():
            return None
        return self._consumer.highwater(self.source)  # type: ignore[no-any-return]

    async def _fetch(self) -> Iterable[Sequence[Record]]:
        """What has come.

        A header whose name is no UTF-8 is more than aiokafka can read, and with it the rest of the producer's batch.
        What it has read before is fetched again, one by one, and what cannot be read is left out.
        """
        try:
            most = 1 if self._singly else self._options.max_batch
            fetched = await self._consumer.getmany(timeout_ms=TURN_MS, max_records=most)
        except UnicodeDecodeError as error:
            if self._singly:
                log.error("%s/%s: offset %s cannot be read and is left out: %s", *self.source, self.next, error)
                self.next += 1
                self._collect([], 1)
            self._singly = self._options.max_batch
            self._consumer.seek(self.source, self.next)
            return ()
        self._singly = max(self._singly - len(fetched), 0)
        return fetched.values()  # type: ignore[no-any-return]

    def _step(self, records: Sequence[Record]) -> None:
        first, last = records[0].offset, records[-1].offset
        with self._blaming(f"step, offsets {first} to {last}"):
            outputs = self._stage.step(self._state, records, self._options.clock())
        self.next = last + 1
        self.records += len(records)
        self._collect(outputs, len(records))

    def _sweep(self) -> None:
        with self._blaming("sweep"):
            outputs = self._stage.sweep(self._state, self._options.clock())
        if outputs:
            self._collect(outputs, 0)

    def _collect(self, outputs: list[Output], records: int) -> None:
        self._outputs += outputs
        self._open += len(outputs) + records
        if self._since is None:
            self._since = time.monotonic()

    async def _commit_when_due(self, now: float) -> None:
        if self._flight and self._flight.done():
            await self._land()
        full = self._open >= self._options.max_open
        if full:
            await self._land()
        elif self._flight or self._since is None or now - self._since < self._options.commit_interval_s:
            return
        self._take_off()

    def _take_off(self) -> None:
        """Take everything that is open; what comes from here on belongs to the next commit."""
        with self._blaming("changes"):
            changed = self._stage.changes(self._state)
        at = Position(self.next, f"{self._tenure}:{self.commits}")
        stamp = wall_clock()
        changes = [Output(self._stage.changelog, key, value, stamp) for key, value in (*changed, (MARKER, at.pack()))]
        outputs, self._outputs, self._open, self._since = self._outputs, [], 0, None
        self._flight = asyncio.create_task(self._commit(outputs, changes, at))

    async def _commit(self, outputs: list[Output], changes: list[Output], at: Position) -> None:
        await self._writer.write(outputs, changes, at)
        self.committed, self.committed_at = at, time.monotonic()
        self.commits += 1

    async def _land(self) -> None:
        """Wait for the commit in flight; its failure is ours."""
        if self._flight:
            flight, self._flight = self._flight, None
            await flight

    async def _verify(self) -> None:
        self._doubted = False
        await self._land()
        found = await committed(self._options.client, self._offsets_group, self.source)
        if found != self.committed:
            raise LostError(f"{found} was committed, and not by us: our last was {self.committed}")

    @contextlib.contextmanager
    def _blaming(self, what: str) -> Iterator[None]:
        try:
            yield
        except Exception as error:
            raise StageError(f"{type(self._stage).__name__} on {'/'.join(map(str, self.source))}: {what}") from error
