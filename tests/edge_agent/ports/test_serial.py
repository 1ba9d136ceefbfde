from __future__ import annotations

import asyncio
import os
import pty
import tty
from collections.abc import Iterator
from io import FileIO

import pytest

from edge_agent.ports import serial
from edge_agent.ports.port import Source
from edge_agent.settings import SerialPort


@pytest.fixture
def cable() -> Iterator[tuple[FileIO, str]]:
    """The meter's end of a pseudo terminal, and the name of ours."""
    master, ours = pty.openpty()
    tty.setraw(ours)
    name = os.ttyname(ours)
    os.close(ours)
    with FileIO(master, "w") as meter:
        yield meter, name


def settings(device: str) -> SerialPort:
    return SerialPort(name="cable", kind="serial", device=device, parity="N")  # a pty refuses parity


async def test_it_reads_what_the_meter_says_and_tells_when_the_cable_is_pulled(cable: tuple[FileIO, str]) -> None:
    meter, device = cable
    heard: asyncio.Queue[bytes] = asyncio.Queue()

    async def read(source: Source) -> None:
        heard.put_nowait(b"")
        while data := await source.read(100):
            heard.put_nowait(data)

    serving = asyncio.create_task(serial.serve(settings(device), read))
    await heard.get()  # opening discards what came before
    meter.write(bytes(range(256)))  # 8 bit clean: no control characters, no echo
    said = b""
    while len(said) < 256:
        said += await heard.get()
    meter.close()
    with pytest.raises(OSError, match=r"hung up|disconnected"):
        await serving

    assert bytes(range(256)) == said


async def test_a_device_is_opened_by_one_reader_only(cable: tuple[FileIO, str]) -> None:
    opened = asyncio.Event()

    async def read(source: Source) -> None:
        opened.set()
        await source.read(1)

    first = asyncio.create_task(serial.serve(settings(cable[1]), read))
    await opened.wait()
    with pytest.raises(OSError, match="lock"):
        await serial.serve(settings(cable[1]), read)
    first.cancel()


async def test_a_device_that_is_not_there_is_an_error_to_try_again() -> None:
    async def read(_: Source) -> None: ...

    with pytest.raises(OSError, match="nowhere"):
        await serial.serve(settings("/dev/nowhere"), read)
