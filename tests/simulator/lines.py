"""The lines on which a simulated meter can be heard: a TCP port, a TCP connection made by it, a pseudo-terminal."""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
import tty
from collections.abc import AsyncIterator, Mapping
from typing import Protocol

RETRY_S = 0.2
HOST = "127.0.0.1"


class Line(Protocol):
    """``settings`` is what a ``[[port]]`` of the edge agent needs to hear it."""

    @property
    def settings(self) -> Mapping[str, str | int]: ...

    def write(self, data: bytes) -> bool:
        """Say something; False when nobody is there, as on a pulled cable."""

    def hang_up(self) -> None:
        """Cut the connection, if there is one. A line that is open again can be heard again."""


class Tcp:
    """A gateway, whichever side connects."""

    def __init__(self, kind: str, port: int) -> None:
        self.settings: Mapping[str, str | int] = {"kind": kind, "host": HOST, "port": port}
        self._writers: set[asyncio.StreamWriter] = set()

    def write(self, data: bytes) -> bool:
        """See ``Line``."""
        open_ones = [writer for writer in self._writers if not writer.is_closing()]
        for writer in open_ones:
            writer.write(data)
        return bool(open_ones)

    def hang_up(self) -> None:
        """See ``Line``."""
        for writer in self._writers:
            writer.close()

    async def attend(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Hold a connection until the other side leaves."""
        self._writers.add(writer)
        with contextlib.suppress(OSError):
            await reader.read()
        self._writers.discard(writer)
        writer.close()


class Pty:
    """A serial line. Octets nobody reads stay in the terminal, until it is full and they are lost."""

    def __init__(self, control: int, terminal: int) -> None:
        self._control = control
        self.settings: Mapping[str, str | int] = {
            "kind": "serial",
            "device": os.ttyname(terminal),
            "baudrate": 9600,
            "parity": "N",
        }

    def write(self, data: bytes) -> bool:
        """See ``Line``."""
        try:
            return os.write(self._control, data) == len(data)
        except BlockingIOError:
            return False

    def hang_up(self) -> None:
        """A serial line has no connection."""


@contextlib.asynccontextmanager
async def listening() -> AsyncIterator[Line]:
    """A TCP port of the simulator's; the edge's port is of kind ``tcp``."""
    server = await asyncio.start_server(lambda reader, writer: line.attend(reader, writer), HOST, 0)
    line = Tcp("tcp", server.sockets[0].getsockname()[1])
    try:
        yield line
    finally:
        server.close()
        line.hang_up()


@contextlib.asynccontextmanager
async def calling() -> AsyncIterator[Line]:
    """Connections from the simulator; the edge's port is of kind ``listen``."""
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        port = probe.getsockname()[1]
    line = Tcp("listen", port)

    async def call() -> None:
        while True:
            with contextlib.suppress(OSError):
                await line.attend(*await asyncio.open_connection(HOST, port))
            await asyncio.sleep(RETRY_S)

    caller = asyncio.create_task(call())
    try:
        yield line
    finally:
        caller.cancel()
        line.hang_up()


@contextlib.asynccontextmanager
async def pty() -> AsyncIterator[Line]:
    """A pseudo-terminal; the edge's port is of kind ``serial``."""
    control, terminal = os.openpty()
    tty.setraw(terminal)
    os.set_blocking(control, False)
    try:
        yield Pty(control, terminal)
    finally:
        os.close(control)
        os.close(terminal)


KINDS = {"tcp": listening, "listen": calling, "serial": pty}
