"""The spool as the event loop sees it: a thread that writes, and the waiting around it.

Ports hand over what they have cut; one transaction takes what came within a tick; the uplink is woken. The disk may be
slow, full or gone for a while: what is not committed stays here, bounded, and the ports wait.
"""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import ParamSpec, TypeVar

import structlog

from edge_agent.backoff import Backoff
from edge_agent.metrics import Metrics
from edge_agent.spool import Kept, Record, Spool, is_damage

P = ParamSpec("P")
T = TypeVar("T")

TICK = 0.05  # seconds; at most that much is lost with the power, and a card sees at most 20 commits a second
MOST_PENDING = 4_000_000  # bytes in memory
BESIDE = 240  # bytes of memory that a telegram takes beside its own, as measured

log = structlog.get_logger(__name__)


class SpoolThread:
    """Owns the spool until ``close``; ``run`` has to run. ``refused`` counts what has been kept for a look."""

    def __init__(self, spool: Spool, max_bytes: int, metrics: Metrics) -> None:
        self._spool = spool
        self._metrics = metrics
        self._thread = ThreadPoolExecutor(1, "spool")
        self._records: list[Record] = []
        self._kept: list[Kept] = []
        self._pending_bytes = 0
        self._arrived = asyncio.Event()
        self._changed = asyncio.Condition()
        self._full_bytes = max_bytes - max_bytes // 16  # room for what is on its way when a port begins to wait
        self.usage = spool.usage()
        self.refused = 0
        self.problem: str | None = None  # of the disk, while it does not take what arrives

    def put(self, records: Sequence[Record], kept: Sequence[Kept]) -> None:
        """Take over what a port has cut, also from one that is being closed; any other waits for ``room`` before."""
        self._records += records
        self._kept += kept
        self.refused += len(kept)
        self._pending_bytes += _size(records) + _size(kept)
        self._arrived.set()

    async def room(self, *, waits: bool) -> None:
        """Wait while the disk cannot follow; with ``waits`` also while the spool is full, lest it drop the oldest."""
        await self._until(lambda: self._pending_bytes <= MOST_PENDING and not (waits and self.is_full))

    async def flushed(self) -> None:
        """Wait until everything handed over is on the disk."""
        await self._until(lambda: not self.pending)

    async def empty(self) -> None:
        """Wait until everything handed over is in Kafka."""
        await self._until(lambda: not self.pending and not self.usage.frames)

    async def first(self, limit: int) -> list[tuple[int, Record]]:
        """The oldest frames, once there are any."""
        while True:
            await self._until(lambda: self.usage.frames > 0)
            if frames := await self._call(self._spool.first, limit):
                return frames
            self.usage = await self._call(self._spool.usage)  # they went with a damaged file
            await self._tell()

    async def acknowledge(self, seq: int) -> None:
        """Everything up to ``seq`` is in Kafka."""
        self.usage = await self._call(self._spool.acknowledge, seq)
        await self._tell()

    async def run(self) -> None:
        """Commit what arrives, for ever."""
        while True:
            await self._arrived.wait()
            await asyncio.sleep(TICK)
            await self._commit()

    def close(self) -> None:
        """Close the spool after its last write."""
        self._thread.submit(self._spool.close)
        self._thread.shutdown()

    @property
    def is_full(self) -> bool:
        """Whether ports that can wait have to."""
        return self.usage.used_bytes + self._pending_bytes >= self._full_bytes

    @property
    def damaged(self) -> int:
        """How many damaged spools lie aside."""
        return self._spool.damaged

    @property
    def pending(self) -> int:
        """How many telegrams are in memory alone."""
        return len(self._records) + len(self._kept)

    async def _commit(self) -> None:
        records, kept = self._records[:], self._kept[:]
        dropped, self.usage = await self._call(self._spool.append, records, kept)
        self.problem = None
        del self._records[: len(records)], self._kept[: len(kept)]  # from here on ``usage`` counts them
        self._pending_bytes -= _size(records) + _size(kept)
        if not self.pending:
            self._arrived.clear()
        if dropped:
            self._metrics.spool_dropped.inc(dropped)
            log.warning("the spool is full", dropped=dropped)
        await self._tell()

    async def _tell(self) -> None:
        async with self._changed:
            self._changed.notify_all()

    async def _until(self, holds: Callable[[], bool]) -> None:
        async with self._changed:
            await self._changed.wait_for(holds)

    async def _call(self, work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Ask the spool until it can do it: what Kafka has taken must not be sent again for want of a note of it."""
        backoff = Backoff()
        while True:
            try:
                return await asyncio.get_running_loop().run_in_executor(
                    self._thread, lambda: self._or_anew(work, *args, **kwargs)
                )
            except sqlite3.OperationalError as error:  # no space, a card that has gone read-only, an I/O error
                self.problem = str(error)
                self._metrics.spool_errors.inc()
                log.error("the disk of the spool fails", reason=str(error), waiting=self.pending)
                await asyncio.sleep(backoff.pause())

    def _or_anew(self, work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """In one go, so that of two who meet the damage only the first sets a file aside."""
        try:
            return work(*args, **kwargs)
        except sqlite3.DatabaseError as error:
            if not is_damage(error):
                raise
            self._spool.begin_anew(str(error))
            return work(*args, **kwargs)


def _size(found: Sequence[Record | Kept]) -> int:
    return sum(len(one.captured) + BESIDE for one in found)
