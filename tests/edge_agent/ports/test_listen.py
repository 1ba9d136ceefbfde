from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager

import pytest

from edge_agent.ports import listen
from edge_agent.ports.port import Source
from edge_agent.settings import ListenPort

Heard = asyncio.Queue[tuple[int, bytes]]
Connect = Callable[[], Coroutine[None, None, asyncio.StreamWriter]]


@asynccontextmanager
async def listening(port: int, connections: int) -> AsyncIterator[tuple[Heard, Connect]]:
    """What was heard on which line, and a way to connect."""
    heard: Heard = asyncio.Queue()
    lines = iter(range(100))

    async def read(source: Source) -> None:
        line = next(lines)
        while data := await source.read(100):
            heard.put_nowait((line, data))

    async def connect() -> asyncio.StreamWriter:
        while True:
            try:
                return (await asyncio.open_connection("127.0.0.1", port))[1]
            except ConnectionRefusedError:
                await asyncio.sleep(0.01)

    settings = ListenPort(name="gateways", kind="listen", host="127.0.0.1", port=port, connections=connections)
    serving = asyncio.create_task(listen.serve(settings, read))
    yield heard, connect
    serving.cancel()
    await asyncio.wait([serving], timeout=5)

    assert serving.cancelled()


async def test_every_gateway_has_a_line_of_its_own(free_port: int) -> None:
    async with listening(free_port, 2) as (heard, connect):
        first, second = await connect(), await connect()
        first.write(b"a")
        one = await heard.get()
        second.write(b"b")
        two = await heard.get()

    assert {b"a", b"b"} == {one[1], two[1]}
    assert one[0] != two[0]


async def test_a_gateway_that_comes_back_takes_the_place_of_its_dead_connection(free_port: int) -> None:
    async with listening(free_port, 1) as (heard, connect):
        dead = await connect()
        dead.write(b"before")
        before = await heard.get()
        alive = await connect()
        alive.write(b"after")
        after = await heard.get()

    assert ((0, b"before"), (1, b"after")) == (before, after)


async def test_of_gateways_that_come_in_the_same_instant_those_without_a_place_are_hung_up(free_port: int) -> None:
    async with listening(free_port, 1) as (_, connect):
        await connect()
        first, _second = (socket.create_connection(("127.0.0.1", free_port)) for _ in range(2))
        source, _writer = await asyncio.open_connection(sock=first)
        async with asyncio.timeout(5):
            assert b"" == await source.read()


async def test_one_gateway_that_breaks_off_does_not_disturb_another(free_port: int) -> None:
    async with listening(free_port, 2) as (heard, connect):
        broken, other = await connect(), await connect()
        broken.transport.abort()
        other.write(b"still here")
        said = await heard.get()

    assert b"still here" == said[1]


async def test_a_port_that_is_taken_is_an_error_of_the_system_like_a_line_that_is_lost(free_port: int) -> None:
    async def nobody(_: Source) -> None:
        raise AssertionError("nobody can connect")

    settings = ListenPort(name="gateways", kind="listen", host="127.0.0.1", port=free_port)
    with socket.create_server(("127.0.0.1", free_port)), pytest.raises(OSError, match="address already in use"):
        await listen.serve(settings, nobody)
