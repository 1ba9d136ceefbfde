from __future__ import annotations

import io
import json
import logging
import logging.config
from collections.abc import Iterator

import pytest
import structlog

from stream_app.logs import CUT, log_config

KEY = bytes(range(0xA0, 0xB0))


@pytest.fixture
def lines() -> Iterator[io.StringIO]:
    stream = io.StringIO()
    logging.config.dictConfig(log_config(stream))
    yield stream
    structlog.reset_defaults()
    logging.root.handlers.clear()


@pytest.mark.parametrize("spelling", [KEY.hex(), KEY.hex().upper(), KEY.hex(" "), KEY.hex(":"), "0x" + KEY.hex()])
def test_nothing_that_looks_like_a_key_reaches_a_line(lines: io.StringIO, spelling: str) -> None:
    structlog.get_logger("keys").info("loaded " + spelling, detail={"key": [spelling]}, raw=KEY)
    try:
        raise ValueError(f"bad key {spelling}")
    except ValueError:
        logging.getLogger("library").exception("failed with %s", spelling)
    told = lines.getvalue()

    assert spelling not in told
    assert told.count(CUT) >= 4
    assert [json.loads(line)["logger"] for line in told.splitlines()] == ["keys", "library"]


def test_a_system_title_stays_readable(lines: io.StringIO) -> None:
    structlog.get_logger("trust").info("refused", title="4C475A1030A1B2C3")

    assert "4C475A1030A1B2C3" in lines.getvalue()


def test_a_broker_that_is_away_is_told_once_in_a_while(lines: io.StringIO) -> None:
    for node in range(100):
        logging.getLogger("aiokafka.conn").error("Unable connect to node with id %s", node)

    assert 1 == len(lines.getvalue().splitlines())
