from __future__ import annotations

import logging

from stream_app.lane.repeats import EVERY_S, Repeats


def record(name: str, message: str, *arguments: object) -> logging.LogRecord:
    return logging.LogRecord(name, logging.ERROR, "", 0, message, arguments, None)


def test_a_complaint_of_aiokafka_passes_once_in_a_while_whatever_its_arguments() -> None:
    moments = iter([0.0, 0.1, EVERY_S - 0.1, EVERY_S])
    repeats = Repeats(lambda: next(moments))
    complaints = [record("aiokafka.conn", "Unable connect to node with id %s", node) for node in range(4)]

    assert [True, False, False, True] == [repeats.filter(complaint) for complaint in complaints]


def test_different_complaints_and_other_loggers_pass() -> None:
    repeats = Repeats(lambda: 0.0)
    lines = [record("aiokafka", "a"), record("aiokafka", "b"), record("stream_app", "c"), record("stream_app", "c")]

    assert [True] * 4 == [repeats.filter(line) for line in lines]
