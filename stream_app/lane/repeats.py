"""A log filter for a broker that is away: aiokafka complains a hundred times a second, for as long as it lasts."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable

EVERY_S = 10.0


class Repeats(logging.Filter):
    """Pass a message of aiokafka once in ``EVERY_S``, whatever its arguments; everything else passes."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__()
        self._clock = clock
        self._passed: dict[tuple[str, object], float] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        """See ``logging.Filter``."""
        if not record.name.startswith("aiokafka"):
            return True
        now, template = self._clock(), (record.name, record.msg)
        if now - self._passed.get(template, -EVERY_S) < EVERY_S:
            return False
        self._passed[template] = now
        return True
