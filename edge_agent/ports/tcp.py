"""A gateway to connect to: serial servers, infrared heads on Wi-Fi, ``ser2net``."""

from __future__ import annotations

import asyncio

from edge_agent.ports.port import Reader, keep_alive
from edge_agent.settings import TcpPort

CONNECT_S = 15


async def serve(port: TcpPort, read: Reader) -> None:
    """Read one connection until it is lost."""
    async with asyncio.timeout(CONNECT_S):
        source, writer = await asyncio.open_connection(port.host, port.port)
    try:
        keep_alive(writer)
        await read(source)
    finally:
        writer.close()
    raise ConnectionError("closed by the gateway")
