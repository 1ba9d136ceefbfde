"""A capture, replayed once as fast as the spool takes it."""

from __future__ import annotations

import asyncio
from typing import BinaryIO

from edge_agent.ports.port import Reader
from edge_agent.settings import FilePort


class Capture:
    """A file as a line. Its disk answers within a tick, so it is read in the loop, with a breath for other ports."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file

    async def read(self, n: int, /) -> bytes:
        """The next bytes."""
        await asyncio.sleep(0)
        return self._file.read(n)


async def serve(port: FilePort, read: Reader) -> None:
    """Read it to its end."""
    with port.path.open("rb") as file:
        await read(Capture(file))
