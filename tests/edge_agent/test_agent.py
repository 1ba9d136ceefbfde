"""The whole agent as a process of its own, between a gateway or a cable and a broker."""

from __future__ import annotations

import asyncio
import json
import os
import pty
import signal
import socket
import sqlite3
import sys
import tty
from asyncio.subprocess import DEVNULL, PIPE, Process
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, closing
from pathlib import Path

import aiohttp
import pytest
from aiokafka import AIOKafkaConsumer

import edge_agent.agent
from edge_agent.agent import KINDS, Agent
from edge_agent.backoff import Backoff
from edge_agent.settings import read_settings
from tests.edge_agent.meters import CLEAR, sealed
from tests.edge_agent.patience import until
from tests.simulator.embedded_broker import EmbeddedBroker

FORBIDDEN = ("cryptography", "faust", "mode", "stream_app", "fastavro", "confluent_kafka")
WITH_MODULES = f"""
import atexit, sys, edge_agent.__main__
atexit.register(lambda: print({set(FORBIDDEN)} & {{name.split(".")[0] for name in sys.modules}}))
edge_agent.__main__.main()
"""


@pytest.fixture
def broker() -> Iterator[EmbeddedBroker]:
    with EmbeddedBroker({"cip.frames.v1": 2}) as broker:
        yield broker


class Gateway:
    """A serial server in the network: whoever connects hears what it is told to say."""

    def __init__(self) -> None:
        self.lines: list[asyncio.StreamWriter] = []
        self.connected = 0

    def accept(self, _: asyncio.StreamReader, line: asyncio.StreamWriter) -> None:
        self.lines.append(line)
        self.connected += 1

    async def say(self, data: bytes) -> None:
        await until(lambda: bool(self.lines))
        self.lines[-1].write(data)
        await self.lines[-1].drain()

    def pull(self) -> None:
        self.lines.pop().transport.abort()


@pytest.fixture
async def gateway(free_port: int) -> AsyncIterator[Gateway]:
    gateway = Gateway()
    async with await asyncio.start_server(gateway.accept, "127.0.0.1", free_port):
        yield gateway
        for line in gateway.lines:
            line.close()


class Bench:
    """Settings in a folder, and agents started with them."""

    def __init__(self, folder: Path, bootstrap: str, port: str) -> None:
        self.config = folder / "edge.toml"
        self.spool = folder / "spool.db"
        self.log = folder / "log"
        self.config.write_text(
            f'[edge]\nid = "cellar"\nspool = "{self.spool}"\n[kafka]\nbootstrap = "{bootstrap}"\n'
            f'[health]\nport = 0\n[[port]]\nname = "attic"\n{port}\n'
        )

    async def start(self, *options: str, python: tuple[str, ...] = ("-m", "edge_agent")) -> Process:
        command = (sys.executable, *python, "--config", str(self.config), *options)
        with self.log.open("a") as log:
            return await asyncio.create_subprocess_exec(*command, stdin=DEVNULL, stdout=PIPE, stderr=log)

    @asynccontextmanager
    async def agent(self, ends_by: signal.Signals = signal.SIGTERM) -> AsyncIterator[Process]:
        """An agent for a while; asked politely it ends with 0."""
        process = await self.start()
        try:
            yield process
        finally:
            process.send_signal(ends_by)
            code = await asyncio.wait_for(process.wait(), 20)
        assert (-ends_by if ends_by is signal.SIGKILL else 0) == code, self.log.read_text()

    def said(self, event: str) -> list[dict[str, object]]:
        lines = [json.loads(line) for line in self.log.read_text().splitlines()] if self.log.exists() else []
        return [line for line in lines if line["event"] == event]


async def received(bootstrap: str, count: int) -> list[bytes]:
    consumer = AIOKafkaConsumer("cip.frames.v1", bootstrap_servers=bootstrap, auto_offset_reset="earliest")
    async with consumer, asyncio.timeout(20):
        return [(await consumer.getone()).value for _ in range(count)]


def gateway_port(port: int) -> str:
    return f'kind = "tcp"\nhost = "127.0.0.1"\nport = {port}'


async def test_from_a_gateway_through_a_pulled_cable_to_kafka(
    tmp_path: Path, broker: EmbeddedBroker, gateway: Gateway, free_port: int
) -> None:
    bench = Bench(tmp_path, broker.bootstrap, gateway_port(free_port))
    async with bench.agent():
        await gateway.say(b"noise" + sealed(1) + sealed(2)[:20])
        await received(broker.bootstrap, 1)
        gateway.pull()
        await gateway.say(sealed(3))
        frames = await received(broker.bootstrap, 2)

    assert [sealed(1), sealed(3)] == frames
    assert 2 == gateway.connected


async def test_from_a_serial_cable_to_kafka(tmp_path: Path, broker: EmbeddedBroker) -> None:
    meter, ours = pty.openpty()
    tty.setraw(ours)
    bench = Bench(tmp_path, broker.bootstrap, f'kind = "serial"\ndevice = "{os.ttyname(ours)}"\nparity = "N"')
    async with bench.agent(signal.SIGINT):
        await until(lambda: bool(bench.said("line open")))
        for byte in sealed(1):
            os.write(meter, bytes((byte,)))
        frames = await received(broker.bootstrap, 1)
    os.close(meter)
    os.close(ours)

    assert [sealed(1)] == frames


async def test_what_was_spooled_while_kafka_was_away_survives_kill_9_and_is_sent_in_order(
    tmp_path: Path, broker: EmbeddedBroker, gateway: Gateway, free_port: int
) -> None:
    bench = Bench(tmp_path, broker.bootstrap, gateway_port(free_port))
    broker.down()
    async with bench.agent(signal.SIGKILL):
        for n in range(20):
            await gateway.say(sealed(n))
        await until(lambda: waiting(bench.spool) == 20)
    broker.up()
    async with bench.agent():
        frames = await received(broker.bootstrap, 20)
        await until(lambda: waiting(bench.spool) == 0)

    assert [sealed(n) for n in range(20)] == frames


def waiting(spool: Path) -> int:
    """Frames in a spool, seen from outside."""
    if not spool.exists():
        return 0
    with closing(sqlite3.connect(f"{spool.as_uri()}?mode=ro", uri=True)) as db:
        try:
            return int(db.execute("SELECT count(*) FROM frames").fetchone()[0])
        except sqlite3.OperationalError:  # not made yet
            return 0


async def test_a_clean_end_loses_nothing_while_kafka_is_away(
    tmp_path: Path, broker: EmbeddedBroker, gateway: Gateway, free_port: int
) -> None:
    broker.down()
    bench = Bench(tmp_path, broker.bootstrap, gateway_port(free_port))
    async with bench.agent():
        await gateway.say(b"".join(sealed(n) for n in range(500)))
        await until(lambda: waiting(bench.spool) > 0)

    assert 500 == waiting(bench.spool)


async def test_a_replayed_file_ends_the_agent_when_it_is_sent_and_the_code_tells_of_refusals(
    tmp_path: Path, broker: EmbeddedBroker
) -> None:
    capture = tmp_path / "capture.bin"
    bench = Bench(tmp_path, broker.bootstrap, f'kind = "file"\npath = "{capture}"')
    capture.write_bytes(b"".join(sealed(n) for n in range(3000)))
    clean = await (await bench.start("--once")).wait()
    capture.write_bytes(sealed(3000) + CLEAR)
    refusing = await (await bench.start("--once")).wait()
    [line] = (await (await bench.start("--refused")).communicate())[0].splitlines()

    assert (0, 1) == (clean, refusing)
    assert [sealed(n) for n in range(3001)] == await received(broker.bootstrap, 3001)
    assert ("attic", "clear_text_refused", CLEAR.hex().upper()) == tuple(
        json.loads(line)[name] for name in ("port", "kind", "captured")
    )


async def test_a_damaged_spool_does_not_keep_an_agent_from_collecting_and_is_told(
    tmp_path: Path, broker: EmbeddedBroker
) -> None:
    (tmp_path / "capture.bin").write_bytes(sealed(1))
    bench = Bench(tmp_path, broker.bootstrap, f'kind = "file"\npath = "{tmp_path / "capture.bin"}"')
    bench.spool.write_bytes(bytes(100_000))
    code = await (await bench.start("--once")).wait()
    [told] = bench.said("the spool is damaged, a new one is begun")
    afterwards = Agent(read_settings(bench.config))
    afterwards.spool.close()

    assert (0, [sealed(1)]) == (code, await received(broker.bootstrap, 1))
    assert ("error", "file is not a database") == (told["level"], told["reason"])
    assert 1 == afterwards.state()["spool"]["damaged"]
    assert 1 == afterwards.metrics.registry.get_sample_value("cip_edge_spool_damaged")


async def test_a_started_agent_has_no_cipher_no_backend_and_no_faust_in_memory(
    tmp_path: Path, broker: EmbeddedBroker
) -> None:
    (tmp_path / "capture.bin").write_bytes(sealed(1))
    bench = Bench(tmp_path, broker.bootstrap, f'kind = "file"\npath = "{tmp_path / "capture.bin"}"')
    process = await bench.start("--once", python=("-c", WITH_MODULES))
    printed = (await process.communicate())[0].decode().strip()

    assert (0, "set()") == (process.returncode, printed)


async def test_readiness_tells_which_port_and_which_side_is_waiting(
    tmp_path: Path, broker: EmbeddedBroker, gateway: Gateway, free_port: int
) -> None:
    bench = Bench(tmp_path, broker.bootstrap, gateway_port(free_port))
    async with bench.agent(), aiohttp.ClientSession() as session:
        await gateway.say(sealed(1))
        await received(broker.bootstrap, 1)
        page = f"http://127.0.0.1:{bench.said('started')[0]['health_port']}"
        async with session.get(f"{page}/ready") as answer:
            state = await answer.json()
        async with session.get(f"{page}/metrics") as answer:
            metrics = await answer.text()

    assert (True, {"attic": "open"}, "up") == (state["ready"], state["ports"], state["uplink"])
    assert 'cip_edge_telegrams_total{port="attic"} 1.0' in metrics


async def test_a_second_agent_on_one_spool_is_turned_away_as_wrong_use(
    tmp_path: Path, broker: EmbeddedBroker, gateway: Gateway, free_port: int
) -> None:
    bench = Bench(tmp_path, broker.bootstrap, gateway_port(free_port))
    async with bench.agent():
        await until(lambda: bool(bench.said("started")))
        with (tmp_path / "second.log").open("w") as log:
            command = (sys.executable, "-m", "edge_agent", "--config", str(bench.config))
            second = await asyncio.create_subprocess_exec(*command, stderr=log)
            code = await asyncio.wait_for(second.wait(), 10)

    assert 2 == code
    assert "another agent uses the spool" in (tmp_path / "second.log").read_text()


async def test_refused_telegrams_that_cannot_be_read_are_told_in_one_line(tmp_path: Path) -> None:
    bench = Bench(tmp_path, "127.0.0.1:1", gateway_port(1))
    bench.spool.write_bytes(bytes(100_000))
    code = await (await bench.start("--refused")).wait()

    assert (2, f"spool {bench.spool}: file is not a database\n") == (code, bench.log.read_text())


async def test_a_health_port_that_is_taken_is_told_in_one_line(tmp_path: Path) -> None:
    bench = Bench(tmp_path, "127.0.0.1:1", gateway_port(1))
    with socket.create_server(("127.0.0.1", 0)) as taken:
        bench.config.write_text(bench.config.read_text().replace("port = 0", f"port = {taken.getsockname()[1]}"))
        code = await (await bench.start()).wait()

    assert (2, "address already in use\n") == (code, bench.log.read_text()[-23:])


async def test_a_port_that_fails_for_a_reason_nobody_foresaw_does_not_end_the_agent(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its supervisor tells, and opens it again."""
    opened: list[int] = []

    async def defective(*_: object) -> None:
        opened.append(1)
        raise AssertionError("a defect")

    monkeypatch.setitem(KINDS, "tcp", defective)
    monkeypatch.setattr(edge_agent.agent, "Backoff", lambda: Backoff(0.01, 0.01))
    agent = Agent(read_settings(Bench(tmp_path, "127.0.0.1:1", gateway_port(1)).config))
    running = asyncio.create_task(agent.run())
    await until(lambda: len(opened) > 2)
    agent.stop()
    await running

    assert "waiting" == agent.state()["ports"]["attic"]
