"""Spool → ``<prefix>.frames.v1``: in order, acknowledged by all replicas, then deleted from the spool.

An idempotent producer re-sends within a session without doubling. A telegram is sent twice only if the agent or the
session with Kafka dies between acknowledgement and deletion; the backend's frame counters remove it.
"""

from __future__ import annotations

import asyncio
import ssl
from asyncio import Future
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from itertools import accumulate, takewhile
from typing import Any

import structlog
from aiokafka import AIOKafkaProducer
from aiokafka.client import AIOKafkaClient
from aiokafka.errors import KafkaError, KafkaTimeoutError

from edge_agent.backoff import Backoff
from edge_agent.clock import Clock, iso
from edge_agent.metrics import Metrics
from edge_agent.settings import Kafka
from edge_agent.spool import Record
from edge_agent.spool_thread import SpoolThread

FRAMES_AT_ONCE = 1000
BYTES_AT_ONCE = 500_000  # of one partition at worst, below the broker's usual limit of 1 MB a batch
HEADER_BYTES = 400  # at most, of one record
STALL_S = 30.0  # without a single answer: Kafka is away
CLOSE_S = 5.0

log = structlog.get_logger(__name__)


def connection(kafka: Kafka) -> dict[str, Any]:
    """How aiokafka gets in. Reads the secret files anew, so that a rotated secret holds from the next session on."""
    context = None
    if kafka.security.endswith("SSL"):
        context = ssl.create_default_context(cafile=kafka.ca_file)
        if kafka.certificate_file:
            context.load_cert_chain(kafka.certificate_file, kafka.key_file)
    sasl: dict[str, Any] = {}
    if kafka.security.startswith("SASL"):
        sasl = {
            "sasl_mechanism": kafka.mechanism,
            "sasl_plain_username": kafka.username,
            "sasl_plain_password": kafka.password_file.read_text().strip() if kafka.password_file else None,
        }
    return {
        "bootstrap_servers": kafka.bootstrap,
        "security_protocol": kafka.security,
        "ssl_context": context,
        "request_timeout_ms": 20_000,
        "retry_backoff_ms": 500,
        **sasl,
    }


def headers(edge_id: str, seq: int, record: Record) -> list[tuple[str, bytes]]:
    """What travels with the bytes."""
    values = {
        "edge-id": edge_id,
        "port": record.port,
        "edge-seq": str(seq),
        "received-at": iso(record.received_at),
        "link": record.link,
        "clock-synced": "true" if record.clock_synced else "false",
    }
    return [(name, value.encode()) for name, value in values.items()]


class Uplink:
    """Forwards for ever; ``up`` tells whether Kafka takes what is sent."""

    def __init__(self, edge_id: str, kafka: Kafka, spool: SpoolThread, clock: Clock, metrics: Metrics) -> None:
        self.up = False
        self._edge_id = edge_id
        self._kafka = kafka
        self._topic = f"{kafka.prefix}.frames.v1"
        self._spool = spool
        self._clock = clock
        self._metrics = metrics

    async def run(self) -> None:
        """Sessions with Kafka, one after the other, until cancelled."""
        backoff = Backoff()
        while True:
            try:
                async with self._session() as producer:
                    self._now(up=True)
                    while True:
                        await self._forward(producer)
                        backoff.succeeded()
            except Exception as error:  # whatever a client library finds to raise: the spool keeps, the next try tells
                self._now(up=False)
                self._metrics.uplink_failures.inc()
                pause = backoff.pause()
                log.warning("no session with Kafka", reason=repr(error), retry_s=round(pause, 1))
                await asyncio.sleep(pause)

    @asynccontextmanager
    async def _session(self) -> AsyncIterator[AIOKafkaProducer]:
        producer = AIOKafkaProducer(
            **connection(self._kafka), acks="all", enable_idempotence=True, max_batch_size=BYTES_AT_ONCE + 100_000
        )
        try:
            await producer.start()
            yield producer
        finally:
            # stop() would flush, for ever while the broker is away. What is not acknowledged stays in the spool.
            if sender := producer._sender.sender_task:
                sender.cancel()
            with suppress(TimeoutError, KafkaError):
                async with asyncio.timeout(CLOSE_S):
                    await producer.stop()

    async def _forward(self, producer: AIOKafkaProducer) -> None:
        """Send what is first in the spool; delete the prefix that Kafka has acknowledged."""
        frames = await self._spool.first(FRAMES_AT_ONCE)
        sizes = accumulate(len(record.captured) + HEADER_BYTES for _, record in frames)
        frames = [frame for frame, size in zip(frames, sizes, strict=True) if size <= BYTES_AT_ONCE]
        answers = [await self._send(producer, seq, record) for seq, record in frames]
        await self._all_done(answers)
        prefix = sum(1 for _ in takewhile(lambda answer: answer.exception() is None, answers))
        if prefix:
            await self._spool.acknowledge(frames[prefix - 1][0])
            self._metrics.acknowledged.inc(prefix)
        for answer in answers:
            answer.result()

    async def _send(self, producer: AIOKafkaProducer, seq: int, record: Record) -> Future[Any]:
        return await producer.send(  # type: ignore[no-any-return]
            self._topic,
            key=record.key.encode(),
            value=record.captured,
            # A broker refuses times far ahead of its own, for ever: once a wrong clock is set right, they may pass.
            timestamp_ms=min(record.received_at, self._clock.now_ms()),
            headers=headers(self._edge_id, seq, record),
        )

    async def _all_done(self, answers: list[Future[Any]]) -> None:
        """Wait as long as Kafka is away; give the session up only where Kafka is there and still does not answer.

        aiokafka never asks the bootstrap address again: a cluster that came back elsewhere it would not find.
        """
        reachable_before = False
        while (await asyncio.wait(answers, timeout=STALL_S))[1]:
            if self.up:
                log.warning("Kafka does not answer", waiting=len(answers))
            self._now(up=False)
            reachable = await self._reachable()
            if reachable and reachable_before:
                raise KafkaTimeoutError("Kafka is there, but not for this session")
            reachable_before = reachable
        self._now(up=True)

    async def _reachable(self) -> bool:
        client = AIOKafkaClient(**connection(self._kafka))
        try:
            await client.bootstrap()
        except (KafkaError, OSError):
            return False
        finally:
            await client.close()
        return True

    def _now(self, *, up: bool) -> None:
        self.up = up
        self._metrics.uplink_up.set(up)
