from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest

from edge_agent.health import health_page
from edge_agent.metrics import Metrics
from edge_agent.settings import Health

STATE: dict[str, Any] = {"ready": True, "ports": {"attic": "open"}}


@pytest.fixture
async def page(metrics: Metrics) -> AsyncIterator[aiohttp.ClientSession]:
    async with (
        health_page(Health(port=0), metrics, STATE.copy) as port,
        aiohttp.ClientSession(f"http://127.0.0.1:{port}") as session,
    ):
        yield session


async def test_it_is_alive_while_it_answers(page: aiohttp.ClientSession) -> None:
    async with page.get("/live") as answer:
        assert 200 == answer.status


@pytest.mark.parametrize(("ready", "status"), [(True, 200), (False, 503)])
async def test_readiness_comes_with_its_reasons(
    page: aiohttp.ClientSession, monkeypatch: pytest.MonkeyPatch, ready: bool, status: int
) -> None:
    monkeypatch.setitem(STATE, "ready", ready)
    async with page.get("/ready") as answer:
        assert (status, STATE) == (answer.status, await answer.json())


async def test_metrics_bear_the_house_name_and_no_meter(page: aiohttp.ClientSession, metrics: Metrics) -> None:
    metrics.telegrams.labels("attic").inc()
    async with page.get("/metrics") as answer:
        text = await answer.text()

    assert 'cip_edge_telegrams_total{port="attic"} 1.0' in text
    assert [] == [line for line in text.splitlines() if "title" in line and not line.startswith("#")]
