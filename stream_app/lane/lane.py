"""The engine: a stage, and the partitions of its topic that this worker owns.

```
assigned ─▶ restoring ─▶ running ─▶ (released: last commit, closed)
                ▲            │ error of the broker, another owner's fence
                └── lost ◀───┘ until a heartbeat sent later proves that the partition is still ours
```

A partition that stays over a rebalance goes on through it, with its memory: the fence protects the data, not the group.
Without transactions there is no fence, so that everything is given back at the revocation.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import Collection, Coroutine
from typing import Any, Literal, NamedTuple

from aiokafka.errors import KafkaError

from stream_app.lane.errors import LostError, RefusedOutputError, StateMismatchError
from stream_app.lane.options import Options
from stream_app.lane.ownership import Group
from stream_app.lane.partition import Partition
from stream_app.lane.stage import Stage
from stream_app.lane.transactions import REFUSED

log = logging.getLogger(__name__)

Status = Literal["restoring", "running", "lost"]

LOSSES = (KafkaError, OSError, LostError)
MISMATCHES = 3  # in a row: a broker that has just taken over may show less for a moment than its predecessor did
PAUSE_S = 1.0  # before a lost partition is looked at again
BEAT_S = 0.5
CLOSE_S = 3.0


class Facts(NamedTuple):
    """One owned partition, for health and metrics; ages in seconds, None for "not yet".

    ``lag`` counts offsets: on a topic written in transactions it never falls below one, the commit marker at the end.
    ``restored`` are changelog entries read when it was acquired; ``deleted`` input records that the retention removed
    before they were read.
    """

    topic: str
    partition: int
    status: Status
    status_s: float
    next_offset: int
    committed_offset: int
    commit_age_s: float | None
    high_watermark: int | None
    lag: int | None
    records: int
    commits: int
    restored: int
    deleted: int
    losses: int


class Lane:
    """One stage over the partitions it is assigned; ``Owner`` for the adapter."""

    def __init__(self, stage: Stage[Any], group: Group, options: Options) -> None:
        self.topic = stage.topic
        self._stage = stage
        self._group = group
        self._options = options
        self._tenants: dict[int, Tenant] = {}
        self._assigned_at = 0.0
        self._background: set[asyncio.Task[None]] = set()
        self._heart: asyncio.Task[None] | None = None
        self._beat = time.monotonic()

    async def assigned(self, partitions: Collection[int]) -> None:
        """See ``Owner``."""
        self._assigned_at = time.monotonic()
        self._heart = self._heart or asyncio.create_task(self._tick())
        for number in self._tenants.keys() - set(partitions):
            self._run(self._release(self._tenants.pop(number)))
        for number in sorted(partitions):
            if number in self._tenants:
                self._tenants[number].partition.doubt()
            else:
                self._tenants[number] = tenant = Tenant(self._new_partition(number))
                tenant.task = self._run(self._tend(tenant))

    async def revoked(self) -> None:
        """See ``Owner``."""
        if not self._options.exactly_once:
            await self._release_all()

    async def stop(self) -> None:
        """See ``Owner``."""
        await self._release_all()
        if self._heart:
            self._heart.cancel()
        if self._background:  # connections that are closing; without a broker they cannot, and the process ends anyway
            await asyncio.wait(self._background, timeout=CLOSE_S)

    def facts(self) -> list[Facts]:
        """Every owned partition."""
        return [tenant.facts() for tenant in self._tenants.values()]

    def seconds_since_beat(self) -> float:
        """How long the event loop has not come round, whatever the broker does; 0.0 before the first assignment."""
        return time.monotonic() - self._beat if self._heart else 0.0

    async def _tend(self, tenant: Tenant) -> None:
        """Acquire and serve, and again after every loss, until released."""
        number = tenant.partition.source.partition
        while True:
            tenant.enter("restoring")
            try:
                began = time.monotonic()
                await tenant.partition.acquire()
                tenant.run()
                self._tell_restored(tenant.partition, time.monotonic() - began)
                await tenant.partition.serve()
                return
            except REFUSED as error:
                raise RefusedOutputError(f"{self.topic}/{number}: {error}") from error
            except (*LOSSES, StateMismatchError) as error:
                tenant.lose(error)
                if tenant.leaving:
                    return
                if tenant.mismatches == MISMATCHES:
                    raise
                log.warning("%s/%s lost: %r", self.topic, number, error)
                self._options.on_event("lost", self.topic, number, {"error": repr(error)})
            finally:
                self._run(tenant.partition.close())
            await self._confirmation(since=time.monotonic())
            tenant.partition = self._new_partition(number)

    async def _confirmation(self, since: float) -> None:
        """A zombie loses its partitions to the fence of their new owner; were it to fence in turn, both would go on
        robbing each other. So ask the group first: an accepted heartbeat, or a new assignment.
        """
        await asyncio.sleep(PAUSE_S)
        while max(self._assigned_at, self._group.confirmed_at()) <= since:  # noqa: ASYNC110, the time comes from a thread
            await asyncio.sleep(PAUSE_S / 10)

    async def _release(self, tenant: Tenant) -> None:
        """Commit what is open, if there is anything, and end."""
        assert tenant.task
        tenant.leaving = True
        if tenant.status == "running":
            tenant.partition.end()
            await asyncio.wait([tenant.task], timeout=self._options.drain_s)
        tenant.task.cancel()
        with contextlib.suppress(asyncio.CancelledError, Exception):
            await tenant.task
        self._options.on_event("released", self.topic, tenant.partition.source.partition, {})

    async def _release_all(self) -> None:
        tenants, self._tenants = list(self._tenants.values()), {}
        await asyncio.gather(*(self._release(tenant) for tenant in tenants))

    async def _tick(self) -> None:
        while True:
            self._beat = time.monotonic()
            await asyncio.sleep(BEAT_S)

    def _new_partition(self, number: int) -> Partition:
        return Partition(number, self._stage, self._options, self._group.id)

    def _tell_restored(self, partition: Partition, seconds: float) -> None:
        details = {
            "entries": partition.restored,
            "seconds": round(seconds, 3),
            "offset": partition.next,
            "deleted": partition.deleted,
        }
        log.info("%s/%s restored: %s", *partition.source, details)
        if partition.deleted:
            log.error("%s/%s: %s records were deleted before they were read", *partition.source, partition.deleted)
        self._options.on_event("restored", partition.source.topic, partition.source.partition, details)

    def _run(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = asyncio.create_task(work)
        self._background.add(task)
        task.add_done_callback(self._ended)
        return task

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._background.discard(task)
        if not task.cancelled() and (error := task.exception()):
            log.critical("%s: the worker ends", self.topic, exc_info=error)
            crash = asyncio.create_task(self._group.crash(error))
            self._background.add(crash)
            crash.add_done_callback(self._background.discard)


class Tenant:
    """An assigned partition through losses and new beginnings.

    ``leaving``: it is being given back. Its new owner's fence may be quicker than its last commit, and then nothing of
    it is ours any more.
    """

    def __init__(self, partition: Partition) -> None:
        self.partition = partition
        self.task: asyncio.Task[None] | None = None
        self.status: Status = "restoring"
        self.mismatches = 0
        self.leaving = False
        self._since = time.monotonic()
        self._losses = 0

    def enter(self, status: Status) -> None:
        """Note a change of status."""
        self.status, self._since = status, time.monotonic()

    def run(self) -> None:
        """Note that restoring went well."""
        self.enter("running")
        self.mismatches = 0

    def lose(self, error: Exception) -> None:
        """Note a loss."""
        self.enter("lost")
        self._losses += 1
        self.mismatches += isinstance(error, StateMismatchError)

    def facts(self) -> Facts:
        """See ``Facts``."""
        now, p = time.monotonic(), self.partition
        high = p.high_watermark()
        return Facts(
            topic=p.source.topic,
            partition=p.source.partition,
            status=self.status,
            status_s=now - self._since,
            next_offset=p.next,
            committed_offset=p.committed.offset,
            commit_age_s=None if p.committed_at is None else now - p.committed_at,
            high_watermark=high,
            lag=None if high is None else max(0, high - p.next),
            records=p.records,
            commits=p.commits,
            restored=p.restored,
            deleted=p.deleted,
            losses=self._losses,
        )
