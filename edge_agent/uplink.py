"""Spool → ``<prefix>.frames.v1``: in order, acknowledged by all replicas, then deleted from the spool.

An idempotent producer re-sends within a session without doubling. A telegram is sent twice only if the agent or the
session with Kafka dies between acknowledgement and deletion; the backend's frame counters remove it.
"""

from __future__ import annotations

import asyncio
from asyncio import Future
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from itertools import accumulate, takewhile
from typing import Any

import structlog
from aiokafka import AIOKafkaProducer
from aiokafka.errors import (
    ClusterAuthorizationFailedError,
    KafkaError,
    KafkaTimeoutError,
    TopicAuthorizationFailedError,
)

from edge_agent.backoff import Backoff
from edge_agent.clock import Clock, iso
from edge_agent.kafka import Kafka, knock
from edge_agent.metrics import Metrics
from edge_agent.spool import Record
from edge_agent.spool_thread import SpoolThread

FRAMES_AT_ONCE = 1000
BYTES_AT_ONCE = 500_000  # of one partition at worst, below the broker's usual limit of 1 MB a batch
HEADER_BYTES = 400  # at most, of one record
DENIED = (TopicAuthorizationFailedError, ClusterAuthorizationFailedError)  # the latter: no right to write anything
SILENT = "Kafka is there and takes nothing"
STALL_S = 30.0  # without a single answer: Kafka is away
CLOSE_S = 5.0
PATIENCE = {"request_timeout_ms": 20_000, "retry_backoff_ms": 500}

log = structlog.get_logger(__name__)


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
    """Forwards for ever; ``problem`` tells why Kafka does not take what is sent, None while it does."""

    def __init__(self, edge_id: str, kafka: Kafka, spool: SpoolThread, clock: Clock, metrics: Metrics) -> None:
        self.problem: str | None = "not tried yet"
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
                    self._now(None)
                    while True:
                        await self._forward(producer)
                        backoff.succeeded()
            except Exception as error:  # whatever a client library finds to raise: the spool keeps, the next try tells
                self._now(
                    f"no right to write {self._topic}" if isinstance(error, DENIED) else str(error) or repr(error)
                )
                self._metrics.uplink_failures.inc()
                pause = backoff.pause()
                log.warning("no session with Kafka", reason=self.problem, retry_s=round(pause, 1))
                await asyncio.sleep(pause)

    @property
    def up(self) -> bool:
        """Does Kafka take what is sent?"""
        return self.problem is None

    @asynccontextmanager
    async def _session(self) -> AsyncIterator[AIOKafkaProducer]:
        await knock(self._kafka, self._topic)
        producer = AIOKafkaProducer(
            **self._kafka.aiokafka(),
            **PATIENCE,
            acks="all",
            enable_idempotence=True,
            max_batch_size=BYTES_AT_ONCE + 100_000,
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
        silent_before = False
        while (await asyncio.wait(answers, timeout=STALL_S))[1]:
            problem = await self._why_not()
            if problem != self.problem:
                log.warning("Kafka does not answer", waiting=len(answers), reason=problem)
            self._now(problem)
            if problem == SILENT and silent_before:
                raise KafkaTimeoutError("Kafka is there, but not for this session")
            silent_before = problem == SILENT
        self._now(None)

    async def _why_not(self) -> str:
        try:
            await knock(self._kafka, self._topic)
        except (KafkaError, OSError, ValueError) as error:  # the latter two: of a secret's file
            return str(error)
        return SILENT

    def _now(self, problem: str | None) -> None:
        self.problem = problem
        self._metrics.uplink_up.set(problem is None)
