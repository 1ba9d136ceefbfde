"""What a deployment has published, beside what it must have."""

from __future__ import annotations

import time
from collections import Counter, defaultdict
from collections.abc import Iterable
from typing import Any

from tests.integration.line.meters import Said
from tests.integration.line.stack import Stack, headers_of
from tests.simulator.oracle import Balance, Oracle, Quarter
from tests.simulator.registry_files import iso

COMPARED = (
    *("amount", "import_wh", "export_wh", "net_wh", "matched_wh", "grid_import_wh", "grid_export_wh"),
    *("points", "points_missing", "quality"),
)
SETTLING_S = 30.0  # the last telegrams on their way through both stages


def rows(oracle: Oracle, start: int, end: int) -> dict[str, Quarter | Balance]:
    """The quarter-hours and balances of ``start ≤ time < end`` (epoch ms) by their records' keys."""
    quarters = {f"{q.metering_point}|{q.quantity}|{iso(q.start)}": q for q in oracle.quarters(end) if q.start >= start}
    balances = {f"{b.site}|{iso(b.start)}": b for b in oracle.balances(end) if b.start >= start}
    return {**quarters, **balances}


def wrong(line: Stack, heard: Iterable[Said], expected: dict[str, Quarter | Balance]) -> dict[Any, Any]:
    """Whatever is not as it must be once everything has had time to come through; empty if all is right.

    Rows that differ or are missing, telegrams that are not one reading each, and rows whose revisions do not rise.
    """
    end = time.monotonic() + SETTLING_S
    while (found := differences(line, expected)) and time.monotonic() < end:
        time.sleep(0.5)
    return {**found, **uneven(heard, line), **repeated_revisions(line)}


def differences(line: Stack, expected: dict[str, Quarter | Balance]) -> dict[str, tuple[Any, Any]]:
    """(expected, published) by key, of every row that differs or is missing."""
    published: dict[str, Any] = {
        **line.newest(line.topics.quarter_hours, line.codecs.quarter_hours),
        **line.newest(line.topics.balances, line.codecs.balances),
    }
    return {
        key: (row, published.get(key))
        for key, row in expected.items()
        if key not in published or _told(row) != _told(published[key])
    }


def uneven(heard: Iterable[Said], line: Stack) -> dict[tuple[str, int], tuple[int, int]]:
    """(telegrams heard, readings) by title and counter, where that is not one and one."""
    sent = Counter((said.title, said.counter) for said in heard)
    read = Counter((reading.system_title, reading.frame_counter) for reading in readings(line))
    return {key: (sent[key], read[key]) for key in sent | read if (sent[key], read[key]) != (1, 1)}


def readings(line: Stack) -> list[Any]:
    """All of them, as a ``read_committed`` consumer gets them."""
    return [line.codecs.readings.decode(record.value()) for record in line.read(line.topics.readings)]


def repeated_revisions(line: Stack) -> dict[str, list[int]]:
    """The revisions by key of the quarter-hours and balances in which they do not rise from record to record."""
    revisions: defaultdict[str, list[int]] = defaultdict(list)
    for topic, codec in (
        (line.topics.quarter_hours, line.codecs.quarter_hours),
        (line.topics.balances, line.codecs.balances),
    ):
        for record in line.read(topic):
            if record.value() is not None:
                revisions[record.key().decode()].append(codec.decode(record.value()).revision)
    return {key: told for key, told in revisions.items() if sorted(set(told)) != told}


def rejects(line: Stack) -> Counter[tuple[str, str]]:
    """How many by (title, error)."""
    return Counter((record.key().decode(), headers_of(record)["error"]) for record in line.read(line.topics.rejects))


def _told(row: Any) -> list[Any]:
    return [getattr(row, field, None) for field in COMPARED]
