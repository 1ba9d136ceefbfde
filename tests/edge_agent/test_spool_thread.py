from __future__ import annotations

import asyncio
import sqlite3
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import Any

import pytest

import edge_agent.spool
from edge_agent import spool_thread
from edge_agent.backoff import Backoff
from edge_agent.metrics import Metrics
from edge_agent.spool import Kept, Record, Spool, Usage, read_kept
from edge_agent.spool_thread import SpoolThread
from tests.edge_agent.cards import erase
from tests.edge_agent.patience import until

MEGABYTE = 1_000_000


def records(*numbers: int, size: int = 100) -> list[Record]:
    return [Record("attic", "4C475A1030A1B2C3", n, "mbus", True, bytes(size)) for n in numbers]


async def test_what_is_put_comes_out_in_order_and_goes_when_acknowledged(spool: SpoolThread) -> None:
    spool.put(records(1, 2), [])
    spool.put(records(3), [Kept("attic", 4, "link", "checksum", b"x")])
    await spool.flushed()
    frames = await spool.first(10)
    await spool.acknowledge(2)

    assert list(enumerate(records(1, 2, 3), 1)) == frames
    assert (1, 3) == (spool.usage.frames, spool.usage.oldest)
    assert 1 == spool.refused


async def test_it_is_empty_only_when_everything_is_acknowledged(spool: SpoolThread) -> None:
    spool.put(records(1), [])
    empty = asyncio.create_task(spool.empty())
    await spool.first(1)
    waited = not empty.done()
    await spool.acknowledge(1)
    await empty

    assert waited


async def test_ports_that_can_wait_are_held_while_it_is_full(tmp_path: Path, metrics: Metrics) -> None:
    thread = SpoolThread(Spool(tmp_path / "spool.db", MEGABYTE, drop_oldest=False), MEGABYTE, metrics)
    running = asyncio.create_task(thread.run())
    thread.put(records(*range(64), size=16_000), [])
    held = asyncio.create_task(thread.room(waits=True))
    await thread.flushed()
    was_held = not held.done()
    await thread.acknowledge(32)
    await held
    running.cancel()
    thread.close()

    assert was_held


async def test_a_disk_that_fails_for_a_while_loses_nothing(
    spool: SpoolThread, metrics: Metrics, monkeypatch: pytest.MonkeyPatch
) -> None:
    append, failures = Spool.append, iter([sqlite3.OperationalError("database or disk is full")])

    def failing(*args: object) -> tuple[int, Usage]:
        if failure := next(failures, None):
            raise failure
        return append(*args)  # type: ignore[arg-type]

    monkeypatch.setattr(Spool, "append", failing)
    spool.put(records(1), [])
    await until(lambda: spool.problem is not None)
    problem = spool.problem
    await spool.flushed()

    assert ("database or disk is full", None) == (problem, spool.problem)
    assert [(1, records(1)[0])] == await spool.first(10)
    assert 1 == metrics.registry.get_sample_value("cip_edge_spool_errors_total")


class Failing(sqlite3.Connection):
    """A database whose disk fails once: at the statement before which ``good`` more succeed."""

    good = 1_000_000

    def execute(self, *args: Any) -> sqlite3.Cursor:
        self._count()
        return super().execute(*args)

    def executemany(self, *args: Any) -> sqlite3.Cursor:
        self._count()
        return super().executemany(*args)

    def _count(self) -> None:
        type(self).good -= 1
        if self.good == -1:
            raise sqlite3.OperationalError("disk I/O error")


@pytest.mark.parametrize("good", range(12))
async def test_whichever_step_of_a_write_fails_nothing_is_lost_and_nothing_doubled(
    tmp_path: Path, metrics: Metrics, monkeypatch: pytest.MonkeyPatch, good: int
) -> None:
    """Clear telegrams have no counter by which the backend could tell the second from the first."""
    monkeypatch.setattr(sqlite3, "connect", partial(sqlite3.connect, factory=Failing))
    monkeypatch.setattr(spool_thread, "Backoff", lambda: Backoff(0.01, 0.01))
    thread = SpoolThread(Spool(tmp_path / "spool.db", MEGABYTE), MEGABYTE, metrics)
    monkeypatch.setattr(Failing, "good", good)
    kept = [Kept("attic", 4, "link", "checksum", b"x")]
    running = asyncio.create_task(thread.run())
    thread.put(records(1, 2), kept)
    await thread.flushed()
    frames = await thread.first(10)
    running.cancel()
    thread.close()

    assert list(enumerate(records(1, 2), 1)) == frames
    assert 2 == thread.usage.frames
    assert kept == list(read_kept(tmp_path / "spool.db"))
    assert 1 == metrics.registry.get_sample_value("cip_edge_spool_errors_total")


def damaged_spool(folder: Path, pages: range) -> Path:
    """One that has lost these pages and the root of ``kept``, which nothing but ``append`` looks at."""
    path = folder / "spool.db"
    with closing(Spool(path, MEGABYTE)) as spool:
        spool.append(records(*range(200), size=3000))
    with closing(sqlite3.connect(path)) as db:
        [(root,)] = db.execute("SELECT rootpage FROM sqlite_schema WHERE name = 'kept'")
    erase(path, pages)
    erase(path, range(root - 1, root))
    return path


@pytest.mark.parametrize("shows_in", ["the start", "append", "first", "acknowledge"])
async def test_damage_costs_what_was_in_the_file_and_nothing_that_comes_after(
    tmp_path: Path, metrics: Metrics, shows_in: str
) -> None:
    path = damaged_spool(tmp_path, range(1, 200) if shows_in == "the start" else range(10, 190))
    thread = SpoolThread(Spool(path, MEGABYTE), MEGABYTE, metrics)
    running = asyncio.create_task(thread.run())
    frames = asyncio.create_task(thread.first(1000) if shows_in == "first" else asyncio.sleep(0, []))
    if shows_in == "acknowledge":
        await thread.acknowledge(150)
    if shows_in != "append":
        await until(lambda: thread.damaged == 1)
    kept = [Kept("attic", 4, "link", "checksum", b"x")]
    thread.put(records(1, 2), kept)
    await thread.flushed()
    found = await frames or await thread.first(10)
    running.cancel()
    thread.close()

    assert records(1, 2) == [record for _, record in found]
    assert 2 == thread.usage.frames
    assert kept == list(read_kept(path))
    assert 1 == thread.damaged


async def test_where_no_new_spool_can_be_begun_the_agent_ends_rather_than_collect_into_memory(
    tmp_path: Path, metrics: Metrics, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(spool_thread, "Backoff", lambda: Backoff(0.01, 0.01))
    thread = SpoolThread(Spool(damaged_spool(tmp_path, range(10, 190)), MEGABYTE), MEGABYTE, metrics)
    monkeypatch.setattr(edge_agent.spool, "SCHEMA", "CREATE TABLE frames AS SELECT * FROM a_disk_that_is_full")
    thread.put(records(1), [Kept("attic", 4, "link", "checksum", b"x")])

    with pytest.raises(sqlite3.ProgrammingError):
        await thread.run()
    thread.close()


@pytest.mark.parametrize("size", [20, 400, 8192])
@pytest.mark.parametrize("forwarded", [True, False])
async def test_memory_is_bounded_to_a_few_megabytes_while_the_disk_cannot_follow(
    tmp_path: Path, metrics: Metrics, size: int, forwarded: bool
) -> None:
    thread = SpoolThread(Spool(tmp_path / "spool.db", 100 * MEGABYTE), 100 * MEGABYTE, metrics)
    put = 0
    while True:
        kept = [] if forwarded else [Kept("attic", 4, "link", "checksum", bytes(size)) for _ in range(50)]
        thread.put(records(*range(50), size=size) if forwarded else [], kept)
        put += 50
        waiting = asyncio.create_task(thread.room(waits=False))
        await asyncio.sleep(0)
        if not waiting.done():
            break
    running = asyncio.create_task(thread.run())
    await waiting
    await thread.flushed()
    running.cancel()
    thread.close()

    assert 3 * MEGABYTE < put * (size + 240) < 5 * MEGABYTE
