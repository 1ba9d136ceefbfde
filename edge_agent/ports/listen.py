"""Gateways that connect in, each with a line of its own, so that their bytes never mix.

A gateway that has lost its power leaves a dead connection behind and connects anew: the newest is always taken, and
where there are too many the oldest goes.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress

from edge_agent.ports.port import Reader, keep_alive
from edge_agent.settings import ListenPort


async def serve(port: ListenPort, read: Reader) -> None:
    """Accept until cancelled."""
    lines: list[asyncio.Task[None]] = []  # oldest first

    async def attend(source: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError):  # the gateway may come again
            keep_alive(writer)
            await read(source)

    def connected(source: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if len(lines) == port.connections:
            lines.pop(0).cancel()
        line = group.create_task(attend(source, writer))
        lines.append(line)
        line.add_done_callback(lambda line: lines.remove(line) if line in lines else None)
        line.add_done_callback(lambda _: writer.close())  # also of a line that had to go before it began

    server = await asyncio.start_server(connected, port.host, port.port, start_serving=False)
    try:
        async with asyncio.TaskGroup() as group:
            await server.start_serving()
            await asyncio.get_running_loop().create_future()
    finally:
        server.close()
