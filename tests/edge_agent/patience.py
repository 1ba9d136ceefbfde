"""Waiting for what cannot be awaited because it happens in another task or process."""

from __future__ import annotations

import asyncio
from collections.abc import Callable


async def until(holds: Callable[[], bool], seconds: float = 15) -> None:
    """Look until it holds; ``TimeoutError`` if it does not in time."""
    async with asyncio.timeout(seconds):
        while not holds():  # noqa: ASYNC110 - see above
            await asyncio.sleep(0.01)
