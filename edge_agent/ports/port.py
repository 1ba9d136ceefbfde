"""What a kind of port is: a function that opens something and hands what it opened to a reader.

    async def serve(settings, read) -> None

It returns when there will never be more (a file), is cancelled to end, and raises ``OSError`` when the line is lost or
cannot be opened; whoever calls it tries again.
"""

from __future__ import annotations

import socket
from asyncio import StreamWriter
from collections.abc import Awaitable, Callable
from typing import Protocol


class Source(Protocol):
    """Where bytes come from; asyncio's ``StreamReader`` is one. A cancelled ``read`` has taken nothing."""

    async def read(self, n: int, /) -> bytes:
        """At most ``n`` bytes as soon as there are any; none at the end."""


Reader = Callable[[Source], Awaitable[None]]

# We never send, so only the kernel can find out that a gateway has lost its power: after 60 + 6 × 10 s.
KEEPALIVE = ((socket.TCP_KEEPIDLE, 60), (socket.TCP_KEEPINTVL, 10), (socket.TCP_KEEPCNT, 6))


def keep_alive(writer: StreamWriter) -> None:
    """Let the kernel watch a connection on which only the other side speaks."""
    connection = writer.get_extra_info("socket")
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for option, value in KEEPALIVE:
        connection.setsockopt(socket.IPPROTO_TCP, option, value)
