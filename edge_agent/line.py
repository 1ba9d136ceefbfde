"""One open line: bytes → Delimiter → what may be forwarded and what is kept for a look.

The edge refuses only what the backend could not attribute or must not see: broken telegrams, telegrams that name no
meter on a port that names none either, and clear text where nobody has allowed it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import structlog

from edge_agent.clock import Clock
from edge_agent.link.delimiter import Delimiter
from edge_agent.link.frame import Refused, Telegram
from edge_agent.metrics import Metrics
from edge_agent.ports.port import Source
from edge_agent.settings import Port
from edge_agent.spool import Kept, Record
from edge_agent.spool_thread import SpoolThread

CHUNK = 65_536
TITLE_OCTETS = 8

log = structlog.get_logger(__name__)


def judge(found: Telegram | Refused, port: Port, at: int, clock_synced: bool) -> Record | Kept:
    """What becomes of a telegram whose last byte was read at ``at`` (epoch ms)."""
    if isinstance(found, Refused):
        return Kept(port.name, at, found.error.kind, str(found.error), found.captured)
    if found.title is None and not port.accept_clear:
        return Kept(port.name, at, "clear_text_refused", "clear text, and the port does not accept it", found.captured)
    key = found.title.hex().upper() if found.title and len(found.title) == TITLE_OCTETS else port.title
    if key is None:
        return Kept(port.name, at, "no_title", "it names no meter, and the port has no title", found.captured)
    return Record(port.name, key, at, found.link, clock_synced, found.captured)


class Line:
    """A device or connection from its opening to its loss. ``waits``: rather than let the spool drop its oldest."""

    def __init__(self, port: Port, spool: SpoolThread, clock: Clock, metrics: Metrics, *, waits: bool) -> None:
        self.received = 0
        self._port = port
        self._spool = spool
        self._clock = clock
        self._waits = waits
        self._delimiter = Delimiter(port.link)
        self._noise = 0
        self._at = 0
        self._metrics = metrics
        self._count_bytes = metrics.received.labels(port.name).inc
        self._count_noise = metrics.noise.labels(port.name).inc
        self._count_telegrams = metrics.telegrams.labels(port.name).inc

    async def run(self, source: Source) -> None:
        """Read until the end. Raises ``OSError`` when the line is lost; what was whole by then is in the spool."""
        silent = True
        try:
            while True:
                await self._spool.room(waits=self._waits)
                data = await self._read(source, None if silent else self._port.idle_s)
                silent = data is None
                if data is None:
                    self._take(self._delimiter.idle())
                elif data:
                    self._at = self._clock.now_ms()
                    self.received += len(data)
                    self._count_bytes(len(data))
                    self._take(self._delimiter.feed(data))
                else:
                    return
        finally:
            self._take(self._delimiter.idle())

    async def _read(self, source: Source, patience: float | None) -> bytes | None:
        """The next bytes, none at the end, None when the line stays silent for ``patience`` seconds."""
        try:
            async with asyncio.timeout(patience) as limit:
                return await source.read(CHUNK)
        except TimeoutError:  # also what the kernel says of a dead connection
            if limit.expired():
                return None
            raise

    def _take(self, found: Sequence[Telegram | Refused]) -> None:
        self._count_noise(self._delimiter.discarded - self._noise)
        self._noise = self._delimiter.discarded
        if not found:
            return
        synced = self._clock.is_synchronised()
        judged = [judge(one, self._port, self._at, synced) for one in found]
        records = [one for one in judged if isinstance(one, Record)]
        kept = [one for one in judged if isinstance(one, Kept)]
        self._count_telegrams(len(records))
        if records:
            self._metrics.last_telegram.labels(self._port.name).set(self._at / 1000)
        for one in kept:
            self._metrics.refused.labels(one.port, one.kind).inc()
            log.debug("refused", port=one.port, kind=one.kind, reason=one.reason, octets=len(one.captured))
        self._spool.put(records, kept)
