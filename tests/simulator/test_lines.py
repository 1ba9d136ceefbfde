"""What comes out of the other end of a line, and what the oracle is told of it."""

from __future__ import annotations

import ast
import asyncio
import csv
import os
import tomllib
import tty
from pathlib import Path

import pytest

from tests.simulator.clock import SimulatedClock
from tests.simulator.faults import Faults, Silence, Wire, disturbed
from tests.simulator.fleet import Fleet, build
from tests.simulator.lines import HOST, Line, calling, listening, pty
from tests.simulator.meter import Telegram
from tests.simulator.oracle import Oracle
from tests.simulator.registry_files import write_edge, write_keys, write_registry
from tests.simulator.speaker import Speaker

MIDNIGHT = 1_774_742_400_000  # 2026-03-29T00:00:00Z
MINUTE = 60_000
HERE = Path(__file__).parent


@pytest.fixture(scope="module")
def fleet() -> Fleet:
    return build(MIDNIGHT, sites=1, meters=2, push_seconds=(10,))


async def until_heard(line: Line, data: bytes) -> None:
    """A line says False until its other side has been accepted, and has nothing else to wait for."""
    while not line.write(data):  # noqa: ASYNC110
        await asyncio.sleep(0.001)


async def test_a_listening_gateway_says_what_it_is_given() -> None:
    async with listening() as line:
        reader, writer = await asyncio.open_connection(HOST, int(line.settings["port"]))
        await until_heard(line, b"\x7e\x00\x0d\x11")
        heard = await reader.readexactly(4)
        writer.close()

    assert b"\x7e\x00\x0d\x11" == heard


async def test_a_calling_gateway_calls_until_somebody_answers() -> None:
    heard: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        heard.set_result(await reader.readexactly(2))
        writer.close()

    async with calling() as line:
        assert not line.write(b"nobody is there")
        async with await asyncio.start_server(answer, HOST, int(line.settings["port"])):
            await until_heard(line, b"\xa0\x7e")

            assert b"\xa0\x7e" == await heard


async def test_a_pseudo_terminal_changes_no_octet() -> None:
    every = bytes(range(256))
    async with pty() as line:
        device = os.open(str(line.settings["device"]), os.O_RDONLY | os.O_NOCTTY)
        tty.setraw(device)
        line.write(every)
        heard = os.read(device, 1000)
        os.close(device)

    assert every == heard


async def test_the_oracle_is_told_only_what_was_heard_whole(fleet: Fleet) -> None:
    first, second = fleet.meters
    oracle = Oracle(fleet)
    said = [
        Wire(Telegram(MIDNIGHT + 123, first.title, b"one"), b"one", intact=True),
        Wire(Telegram(MIDNIGHT + 10_123, first.title, b"cut"), b"c", intact=False),
        Wire(Telegram(MIDNIGHT + 10_500, second.title, b"unheard"), b"unheard", intact=True),
    ]
    async with listening() as near, listening() as far:
        _, writer = await asyncio.open_connection(HOST, int(near.settings["port"]))
        await until_heard(near, b"")
        speaker = Speaker(SimulatedClock(MIDNIGHT, 0.0, 1.0), {first.title: near, second.title: far}, oracle)
        await speaker.speak(said)
        writer.close()

    assert (1, 1, 1) == (speaker.sent, speaker.damaged, speaker.unheard)
    assert (MIDNIGHT, 0) == (oracle.last_heard(first.title), oracle.last_heard(second.title))


async def test_a_paused_meter_and_a_pulled_cable_are_not_heard(fleet: Fleet) -> None:
    title = fleet.meters[0].title
    said = [Wire(Telegram(MIDNIGHT, title, b"x"), b"x", intact=True)]
    async with listening() as line:
        _, writer = await asyncio.open_connection(HOST, int(line.settings["port"]))
        await until_heard(line, b"")
        speaker = Speaker(SimulatedClock(MIDNIGHT, 0.0, 1.0), {title: line}, Oracle(fleet))
        speaker.paused.add(title)
        await speaker.speak(said)
        speaker.paused.clear()
        line.hang_up()
        await speaker.speak(said)
        writer.close()

    assert (0, 2) == (speaker.sent, speaker.unheard)


def test_a_silence_takes_one_meter_away_for_its_time(fleet: Fleet) -> None:
    title = fleet.meters[0].title
    silence = Silence(title, MIDNIGHT + MINUTE, MIDNIGHT + 2 * MINUTE)
    telegrams = list(fleet.telegrams(MIDNIGHT, MIDNIGHT + 3 * MINUTE))
    left = [wire.telegram for wire in disturbed(telegrams, Faults(silences=(silence,)))]

    assert [t for t in telegrams if t.title != title or (t.time_ms - MIDNIGHT) // MINUTE != 1] == left


def test_faults_leave_what_they_call_intact_whole(fleet: Fleet) -> None:
    telegrams = list(fleet.telegrams(MIDNIGHT, MIDNIGHT + 10 * MINUTE))
    wires = list(disturbed(telegrams, Faults(noise=0.3, cut=0.3, echo=0.3)))
    whole = [wire.telegram.link_bytes in wire.data for wire in wires]

    assert [wire.intact for wire in wires] == whole
    assert {True, False} == set(whole)
    assert wires == list(disturbed(telegrams, Faults(noise=0.3, cut=0.3, echo=0.3)))


def test_the_files_introduce_every_meter_and_port(fleet: Fleet, tmp_path: Path) -> None:
    write_registry(fleet, tmp_path)
    write_keys(fleet, tmp_path / "keys.csv")
    ports: list[dict[str, str | int]] = [
        {"name": meter.title, "kind": "tcp", "host": HOST, "port": 4059} for meter in fleet.meters
    ]
    write_edge(tmp_path / "edge.toml", ports, SimulatedClock(MIDNIGHT, 5.5, 300), ("kafka:9092", "cip"), 0)
    titles = [meter.title for meter in fleet.meters]
    edge = tomllib.loads((tmp_path / "edge.toml").read_text())

    for name in ("meters.csv", "keys.csv"):
        assert titles == [row["system_title"] for row in read(tmp_path / name)]
    assert set(titles) == {row["system_title"] for row in read(tmp_path / "points.csv")}
    assert ["sonnenhof"] == [row["site"] for row in read(tmp_path / "sites.csv")]
    assert ports == edge["port"]
    assert 5.5 == edge["simulated_clock"]["started"]


def read(file: Path) -> list[dict[str, str]]:
    with file.open(newline="") as stream:
        return list(csv.DictReader(stream))


def test_the_simulator_shares_no_code_with_what_it_tests() -> None:
    """Else a mistake could agree with itself."""
    imported = {
        name.split(".")[0]
        for file in HERE.glob("*.py")
        for node in ast.walk(ast.parse(file.read_text()))
        for name in (
            [alias.name for alias in node.names]
            if isinstance(node, ast.Import)
            else [node.module or ""]
            if isinstance(node, ast.ImportFrom)
            else []
        )
    }

    assert set() == imported & {"edge_agent", "stream_app"}
