"""Structured logs on stderr: JSON lines, or for people where it is a terminal. Never a byte of a telegram."""

from __future__ import annotations

import logging
import sys

import structlog


def configure_logs() -> None:
    """Once, at the start. Libraries are heard from warnings up, in the same form."""
    shared: list[structlog.types.Processor] = [
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    plain = sys.stderr.isatty()
    renderer = structlog.dev.ConsoleRenderer() if plain else structlog.processors.JSONRenderer(sort_keys=False)
    tracebacks: list[structlog.types.Processor] = [] if plain else [structlog.processors.format_exc_info]
    structlog.configure(
        processors=[*shared, *tracebacks, renderer],
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler()
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *tracebacks, renderer],
        )
    )
    logging.basicConfig(level=logging.WARNING, handlers=[handler], force=True)
    # An error for each of its retries, twice a second while a broker is away; the uplink says it once.
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)
