from __future__ import annotations

import asyncio

import pytest

from edge_agent.ports import tcp
from edge_agent.ports.port import Source
from edge_agent.settings import TcpPort


def settings(port: int) -> TcpPort:
    return TcpPort(name="gateway", kind="tcp", host="127.0.0.1", port=port)


async def test_it_reads_what_the_gateway_says_and_tells_when_it_hangs_up(free_port: int) -> None:
    heard = []

    async def read(source: Source) -> None:
        while data := await source.read(100):
            heard.append(data)

    def gateway(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"telegram")
        writer.close()

    async with await asyncio.start_server(gateway, "127.0.0.1", free_port):
        with pytest.raises(ConnectionError):
            await tcp.serve(settings(free_port), read)

    assert b"telegram" == b"".join(heard)


async def test_a_gateway_that_is_away_is_an_error_to_try_again(free_port: int) -> None:
    async def read(_: Source) -> None: ...

    with pytest.raises(OSError, match=str(free_port)):
        await tcp.serve(settings(free_port), read)
