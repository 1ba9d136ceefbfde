"""``/live``, ``/ready`` and ``/metrics`` over HTTP."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

from aiohttp import web
from prometheus_client import generate_latest
from prometheus_client.exposition import CONTENT_TYPE_LATEST

from edge_agent.metrics import Metrics
from edge_agent.settings import Health

State = dict[str, Any]


@asynccontextmanager
async def health_page(settings: Health, metrics: Metrics, state: Callable[[], State]) -> AsyncIterator[int]:
    """Serve while open; gives the port number. ``state()`` has ``ready`` and whatever explains it."""

    async def live(_: web.Request) -> web.Response:
        """That it answers is the answer: a task that dies ends the process, a loop that hangs does not reply."""
        return web.Response(text="alive\n")

    async def ready(_: web.Request) -> web.Response:
        now = state()
        return web.json_response(now, status=200 if now["ready"] else 503)

    async def numbers(_: web.Request) -> web.Response:
        state()
        return web.Response(body=generate_latest(metrics.registry), headers={"Content-Type": CONTENT_TYPE_LATEST})

    app = web.Application()
    app.add_routes([web.get("/live", live), web.get("/ready", ready), web.get("/metrics", numbers)])
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    try:
        site = web.TCPSite(runner, settings.host, settings.port)
        await site.start()
        yield runner.addresses[0][1]
    finally:
        await runner.cleanup()
