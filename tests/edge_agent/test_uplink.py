from __future__ import annotations

import asyncio
import sqlite3
from asyncio import Future
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from types import SimpleNamespace
from typing import Any

import pytest
from aiokafka import AIOKafkaConsumer, ConsumerRecord
from aiokafka.errors import KafkaError
from aiokafka.partitioner import murmur2

from edge_agent import uplink
from edge_agent.backoff import Backoff
from edge_agent.clock import Clock
from edge_agent.kafka import Kafka
from edge_agent.metrics import Metrics
from edge_agent.spool import Record, Spool, Usage
from edge_agent.spool_thread import SpoolThread
from edge_agent.uplink import Uplink
from tests.edge_agent.patience import until
from tests.simulator.embedded_broker import EmbeddedBroker

NOW = 1_774_745_995_125
TITLES = [f"4C475A10000000{n:02X}" for n in range(8)]


def record(number: int, received_at: int = NOW) -> Record:
    return Record("attic", TITLES[number % 8], received_at, "mbus", True, number.to_bytes(4))


@pytest.fixture
def broker() -> Iterator[EmbeddedBroker]:
    with EmbeddedBroker({"cip.frames.v1": 3}) as broker:
        yield broker


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(uplink, "Backoff", lambda: Backoff(0.05, 0.1))
    monkeypatch.setattr(uplink, "STALL_S", 0.2)


@asynccontextmanager
async def forwarding(bootstrap: str, spool: SpoolThread, metrics: Metrics) -> AsyncIterator[Uplink]:
    clock = Clock(NOW, 0, 0)
    up = Uplink("cellar", Kafka(bootstrap=bootstrap), spool, clock, metrics)
    running = asyncio.create_task(up.run())
    yield up
    running.cancel()
    await asyncio.wait([running])


async def received(broker: EmbeddedBroker, count: int) -> list[ConsumerRecord[bytes, bytes]]:
    consumer = AIOKafkaConsumer("cip.frames.v1", bootstrap_servers=broker.bootstrap, auto_offset_reset="earliest")
    async with consumer:
        return [await consumer.getone() for _ in range(count)]


async def test_a_record_says_whose_it_is_and_where_it_comes_from(
    broker: EmbeddedBroker, spool: SpoolThread, metrics: Metrics
) -> None:
    spool.put([record(3)], [])
    async with forwarding(broker.bootstrap, spool, metrics):
        await spool.empty()
    [frame] = await received(broker, 1)

    assert (TITLES[3].encode(), (3).to_bytes(4), NOW) == (frame.key, frame.value, frame.timestamp)
    assert {
        "edge-id": b"cellar",
        "port": b"attic",
        "edge-seq": b"1",
        "received-at": b"2026-03-29T00:59:55.125Z",
        "link": b"mbus",
        "clock-synced": b"true",
    } == dict(frame.headers)
    assert (murmur2(frame.key) & 0x7FFFFFFF) % 3 == frame.partition


async def test_a_time_ahead_of_the_clock_is_the_clocks_time_for_the_broker(
    broker: EmbeddedBroker, spool: SpoolThread, metrics: Metrics
) -> None:
    """A broker refuses times far in the future; they come from a clock that has been set right since."""
    spool.put([record(1, received_at=NOW + 86_400_000)], [])
    async with forwarding(broker.bootstrap, spool, metrics):
        await spool.empty()
    [frame] = await received(broker, 1)

    assert (NOW, b"2026-03-30T00:59:55.125Z") == (frame.timestamp, dict(frame.headers)["received-at"])


async def test_an_outage_delays_and_loses_and_disorders_nothing(
    broker: EmbeddedBroker, spool: SpoolThread, metrics: Metrics
) -> None:
    async with forwarding(broker.bootstrap, spool, metrics) as up:
        spool.put([record(n) for n in range(100)], [])
        await spool.empty()
        broker.down()
        spool.put([record(n) for n in range(100, 200)], [])
        await until(lambda: not up.up)
        waiting = spool.usage.frames
        broker.up()
        await spool.empty()
        was_up = up.up
    frames = await received(broker, 200)
    by_key = {key: [int.from_bytes(f.value) for f in frames if f.key == key] for key in {f.key for f in frames}}

    assert (100, True) == (waiting, was_up)
    assert {title.encode(): list(range(n, 200, 8)) for n, title in enumerate(TITLES)} == by_key


async def test_a_broker_that_is_away_from_the_start_is_waited_for(
    broker: EmbeddedBroker, spool: SpoolThread, metrics: Metrics
) -> None:
    broker.down()
    async with forwarding(broker.bootstrap, spool, metrics) as up:
        spool.put([record(1)], [])
        await until(lambda: metrics.registry.get_sample_value("cip_edge_uplink_failures_total") != 0)
        problem = up.problem
        broker.up()
        await spool.empty()

    assert f"{broker.bootstrap}: no connection: Connection refused" == problem
    assert 1 == len(await received(broker, 1))


class Unreliable:
    """A producer whose answers the test gives: ``refuses`` edge-seqs fail once, ``silent`` ones never get an answer."""

    sessions: list[list[int]]
    refuses: set[int]
    silent: set[int]

    def __init__(self, **_: Any) -> None:
        self._sender = SimpleNamespace(sender_task=None)
        self.sent: list[int] = []
        self.sessions.append(self.sent)

    async def start(self) -> None: ...

    async def stop(self) -> None: ...

    async def send(self, _: str, *, headers: list[tuple[str, bytes]], **__: Any) -> Future[None]:
        seq = int(dict(headers)["edge-seq"])
        self.sent.append(seq)
        answer = asyncio.get_running_loop().create_future()
        if seq in self.refuses:
            self.refuses.remove(seq)
            answer.set_exception(KafkaError("refused"))
        elif seq in self.silent:
            self.silent.remove(seq)
        else:
            answer.set_result(None)
        return answer


@pytest.fixture
def unreliable(monkeypatch: pytest.MonkeyPatch) -> type[Unreliable]:
    monkeypatch.setattr(uplink, "AIOKafkaProducer", Unreliable)
    Unreliable.sessions, Unreliable.refuses, Unreliable.silent = [], set(), set()
    return Unreliable


async def test_only_the_acknowledged_prefix_goes_and_the_rest_is_sent_again(
    broker: EmbeddedBroker, spool: SpoolThread, metrics: Metrics, unreliable: type[Unreliable]
) -> None:
    unreliable.refuses = {3}
    spool.put([record(n) for n in range(5)], [])
    await spool.flushed()
    async with forwarding(broker.bootstrap, spool, metrics):
        await spool.empty()

    assert [[1, 2, 3, 4, 5], [3, 4, 5]] == unreliable.sessions
    assert 5 == metrics.registry.get_sample_value("cip_edge_uplink_acknowledged_total")


async def test_a_disk_that_fails_after_kafka_has_acknowledged_doubles_nothing(
    broker: EmbeddedBroker,
    spool: SpoolThread,
    metrics: Metrics,
    unreliable: type[Unreliable],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    acknowledge, failures = Spool.acknowledge, iter([sqlite3.OperationalError("database or disk is full")])

    def failing(*args: Any) -> Usage:
        if failure := next(failures, None):
            raise failure
        return acknowledge(*args)

    monkeypatch.setattr(Spool, "acknowledge", failing)
    spool.put([record(1)], [])
    async with forwarding(broker.bootstrap, spool, metrics):
        await spool.empty()

    assert [[1]] == unreliable.sessions


@pytest.mark.parametrize("kafka_is_there", [True, False])
async def test_a_session_without_answers_is_given_up_only_where_kafka_is_there(
    broker: EmbeddedBroker, spool: SpoolThread, metrics: Metrics, unreliable: type[Unreliable], kafka_is_there: bool
) -> None:
    unreliable.silent = {1}
    async with forwarding(broker.bootstrap, spool, metrics) as up:
        await until(lambda: up.up)
        if not kafka_is_there:
            broker.down()
        spool.put([record(1)], [])
        _, waiting = await asyncio.wait([asyncio.create_task(spool.empty())], timeout=None if kafka_is_there else 1.5)
        for task in waiting:
            task.cancel()

    assert ([[1], [1]] if kafka_is_there else [[1]]) == [sent for sent in unreliable.sessions if sent]


async def test_large_telegrams_are_sent_in_portions_a_broker_accepts(
    broker: EmbeddedBroker, spool: SpoolThread, metrics: Metrics, unreliable: type[Unreliable]
) -> None:
    spool.put([Record("attic", TITLES[0], NOW, "hdlc", True, bytes(16_384)) for _ in range(50)], [])
    await spool.flushed()
    portions = []
    acknowledge = spool.acknowledge

    async def counted(seq: int) -> None:
        portions.append(seq)
        await acknowledge(seq)

    spool.acknowledge = counted  # type: ignore[method-assign]
    async with forwarding(broker.bootstrap, spool, metrics):
        await spool.empty()

    assert [29, 50] == portions
