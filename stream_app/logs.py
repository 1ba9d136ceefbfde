"""Log lines: JSON in containers, for people on a terminal; nothing that looks like a key in either.

Keys are 32 hex digits and more; titles have 16, so that cutting out the long ones loses nothing anybody looks for.
"""

from __future__ import annotations

import logging
import re
from typing import Any, Final, TextIO

import structlog

from stream_app.lane.repeats import Repeats

LIKE_A_KEY: Final = re.compile(r"(?:[0-9A-Fa-f]{2}[ :-]?){16,}")
CUT: Final = "[hex cut out]"
CHATTY: Final = ("aiohttp.access", "aiokafka", "faust", "mode", "stream_app.lane.faust_adapter")


def log_config(stream: TextIO) -> dict[str, Any]:
    """A ``logging`` configuration for structlog's lines and those of the libraries; also sets up structlog itself."""
    logging.raiseExceptions = False  # or a line that cannot be written is printed as it was, keys and all
    shared: list[Any] = [
        structlog.stdlib.add_logger_name,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=True,
    )
    renderer: Any = structlog.dev.ConsoleRenderer() if stream.isatty() else structlog.processors.JSONRenderer()
    formatter = {
        "()": structlog.stdlib.ProcessorFormatter,
        "foreign_pre_chain": shared,
        "processors": [
            structlog.stdlib.ProcessorFormatter.remove_processors_meta,
            structlog.processors.format_exc_info,
            redact,
            renderer,
        ],
    }
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {"lines": formatter},
        "filters": {"repeats": {"()": Repeats}},
        "handlers": {
            "stream": {
                "class": "logging.StreamHandler",
                "stream": stream,
                "formatter": "lines",
                "filters": ["repeats"],
            }
        },
        "root": {"handlers": ["stream"], "level": "INFO"},
        "loggers": {name: {"level": "WARNING"} for name in CHATTY},
    }


def redact(logger: Any, method: str, event: dict[str, Any]) -> dict[str, Any]:
    """Cut out of every value what could be a key, tracebacks included."""
    return {name: _clean(value) for name, value in event.items()}


def _clean(value: Any) -> Any:
    if isinstance(value, str):
        return LIKE_A_KEY.sub(CUT, value)
    if isinstance(value, bytes):
        return f"{len(value)} bytes"
    if isinstance(value, dict):
        return {name: _clean(one) for name, one in value.items()}
    if isinstance(value, list | tuple):
        return [_clean(one) for one in value]
    return value if isinstance(value, int | float | None) else LIKE_A_KEY.sub(CUT, str(value))
