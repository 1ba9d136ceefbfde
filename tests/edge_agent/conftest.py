"""A spool with its thread, and settings, for the rooms of the edge agent."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from edge_agent.metrics import Metrics
from edge_agent.spool import Spool
from edge_agent.spool_thread import SpoolThread

MEGABYTE = 1_000_000


@pytest.fixture
def metrics() -> Metrics:
    return Metrics()


@pytest.fixture
async def spool(tmp_path: Path, metrics: Metrics) -> AsyncIterator[SpoolThread]:
    thread = SpoolThread(Spool(tmp_path / "spool.db", MEGABYTE), MEGABYTE, metrics)
    running = asyncio.create_task(thread.run())
    yield thread
    running.cancel()
    thread.close()


@pytest.fixture
def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
