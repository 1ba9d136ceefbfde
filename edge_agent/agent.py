"""The agent: ports ─▶ lines ─▶ spool ─▶ uplink, each supervised, and how all of it ends."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Awaitable, Callable, Coroutine
from contextlib import suppress
from typing import Any

import structlog

from edge_agent.backoff import Backoff
from edge_agent.health import State, health_page
from edge_agent.line import Line
from edge_agent.metrics import Metrics
from edge_agent.ports import file, listen, serial, tcp
from edge_agent.ports.port import Reader, Source
from edge_agent.settings import AnyPort, Settings
from edge_agent.spool import Spool
from edge_agent.spool_thread import SpoolThread
from edge_agent.uplink import Uplink

KINDS: dict[str, Callable[[Any, Reader], Awaitable[None]]] = {
    "serial": serial.serve,
    "tcp": tcp.serve,
    "listen": listen.serve,
    "file": file.serve,
}
LAST_WORDS_S = 5.0  # for the uplink, after the ports have ended; the rest waits in the spool for the next start

log = structlog.get_logger(__name__)


class Agent:
    """Everything that runs. ``stop`` ends it from a signal handler or a test."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.metrics = Metrics()
        self._clock = settings.clock()
        edge = settings.edge
        max_bytes = edge.spool_max_mb * 1_000_000
        spool = Spool(edge.spool, max_bytes, drop_oldest=edge.when_full == "drop-oldest")
        self.spool = SpoolThread(spool, max_bytes, self.metrics)
        self.uplink = Uplink(edge.id, settings.kafka, self.spool, self._clock, self.metrics)
        self._lines = {port.name: 0 for port in settings.port}
        self._ended: set[str] = set()
        self._stop = asyncio.Event()

    def stop(self) -> None:
        """End in order: ports, spool, uplink."""
        self._stop.set()

    async def run(self, *, once: bool = False) -> None:
        """Run until stopped, or with ``once`` until every port has ended and the spool is empty."""
        for ending in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(ending, self.stop)
        try:
            async with (
                health_page(self.settings.health, self.metrics, self.state) as number,
                asyncio.TaskGroup() as tasks,
            ):
                log.info("started", edge=self.settings.edge.id, health_port=number, waiting=self.spool.usage.frames)
                background = [tasks.create_task(self.spool.run()), tasks.create_task(self.uplink.run())]
                ports = [tasks.create_task(self._supervise(port)) for port in self.settings.port]
                if once:
                    await self._unless_stopped(asyncio.gather(*ports))
                    await self._unless_stopped(self.spool.empty())
                else:
                    await self._stop.wait()
                for port in ports:
                    port.cancel()
                await asyncio.wait(ports)
                with suppress(TimeoutError):
                    async with asyncio.timeout(LAST_WORDS_S):
                        await self.spool.flushed()
                        if self.uplink.up:
                            await self.spool.empty()
                for task in background:
                    task.cancel()
        finally:
            self.spool.close()
        log.info("ended", waiting=self.spool.usage.frames, lost=self.spool.pending)

    def state(self) -> State:
        """For ``/ready``; sets the gauges that change with time alone."""
        usage = self.spool.usage
        age = (self._clock.now_ms() - usage.oldest) / 1000 if usage.oldest is not None else 0.0
        self.metrics.spool_frames.set(usage.frames)
        self.metrics.spool_bytes.set(usage.used_bytes)
        self.metrics.spool_age.set(age)
        self.metrics.spool_damaged.set(self.spool.damaged)
        ports = {
            name: "ended" if name in self._ended else "open" if n else "waiting" for name, n in self._lines.items()
        }
        return {
            "ready": self.uplink.up and not self.spool.problem and "waiting" not in ports.values(),
            "ports": ports,
            "uplink": "up" if self.uplink.up else "waiting",
            "uplink_problem": self.uplink.problem,
            "spool": {
                "problem": self.spool.problem,
                "frames": usage.frames,
                "bytes": usage.used_bytes,
                "age_seconds": age,
                "damaged": self.spool.damaged,
            },
        }

    async def _supervise(self, port: AnyPort) -> None:
        """Open the port, and open it again whenever it is lost."""
        backoff = Backoff()
        # A meter does not wait, a file can: replaying must not push telegrams out of the spool.
        waits = self.settings.edge.when_full == "block" or port.kind == "file"

        async def read(source: Source) -> None:
            line = Line(port, self.spool, self._clock, self.metrics, waits=waits)
            self._count_line(port.name, +1)
            log.info("line open", port=port.name)
            try:
                await line.run(source)
            finally:
                self._count_line(port.name, -1)
                log.info("line closed", port=port.name, octets=line.received)
                if line.received:
                    backoff.succeeded()

        while True:
            try:
                await KINDS[port.kind](port, read)
            except OSError as error:
                pause = backoff.pause()
                log.warning("port lost", port=port.name, reason=str(error) or repr(error), retry_s=round(pause, 1))
            except Exception:  # a defect of ours must not silence the other ports
                pause = backoff.pause()
                log.exception("port failed", port=port.name, retry_s=round(pause, 1))
            else:
                self._ended.add(port.name)
                log.info("port ended", port=port.name)
                return
            self.metrics.reconnects.labels(port.name).inc()
            await asyncio.sleep(pause)

    def _count_line(self, name: str, change: int) -> None:
        self._lines[name] += change
        self.metrics.lines.labels(name).set(self._lines[name])

    async def _unless_stopped(self, work: Coroutine[Any, Any, Any] | asyncio.Future[Any]) -> None:
        waiting = {asyncio.ensure_future(work), asyncio.ensure_future(self._stop.wait())}
        await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
        for task in waiting:
            task.cancel()
