"""The tables of an export: long, wide, and the completeness report.

Long: one row per record, all its fields, and the local time before them. Wide: one row per quarter-hour of the period,
also where nothing is known, and two columns per series: the measure and its quality. Completeness: per series and local
day, month and whole period, how many of its quarter-hours have a measure, and their sum. Boundary values are shared
between quarters, so the sum of what was counted in a complete row is the difference of the register at its ends, to the
watt-hour. Where there are substitutes the report has that sum beside the one of the amounts, and their number.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from heapq import merge
from itertools import groupby
from operator import itemgetter
from typing import Any, Final, NamedTuple

from stream_app.energy.quality import QUALITIES, QUARTER_MS, quality_of_sum
from stream_app.export.kinds import Column, Source
from stream_app.export.period import Day, Period
from stream_app.export.store import Store
from stream_app.records import Quality

Row = list[Any]

LOCAL: Final = [Column("local_date", "text"), Column("local_start", "text")]


class Table(NamedTuple):
    """Columns, and rows that are made while they are read."""

    columns: list[Column]
    rows: Iterator[Row]


def long(store: Store, source: Source, period: Period) -> Table:
    """One row per record, sorted by series and time."""
    rows = ([*_local(period, record.start), *record] for _, record in store.by_series())
    return Table([*LOCAL, *source.columns()], rows)


def wide(store: Store, source: Source, period: Period) -> Table:
    """One row per quarter-hour, the measure and quality of every series side by side."""
    names = store.series()
    columns = [Column("start", "time"), *LOCAL]
    for name in names:
        columns += [Column(f"{name} {source.measure}", "whole"), Column(f"{name} quality", "text")]
    return Table(columns, _wide_rows(store, source, period, {name: 2 * n for n, name in enumerate(names)}))


def _wide_rows(store: Store, source: Source, period: Period, places: dict[str, int]) -> Iterator[Row]:
    quarters = groupby(store.by_time(), key=lambda item: item[1].start)
    start, group = next(quarters, (None, iter(())))
    for at in range(period.start, period.end, QUARTER_MS):
        cells: Row = [None] * (2 * len(places))
        if at == start:
            for name, record in group:
                place = places[name]
                cells[place : place + 2] = getattr(record, source.measure), record.quality
            start, group = next(quarters, (None, iter(())))
        yield [at, *_local(period, at), *cells]


class _Count:
    """What a stretch of a series amounts to. An incomplete sum is no measure: it lacks a member."""

    def __init__(self, expected: int) -> None:
        self.expected = expected
        self.present = 0
        self.amount = 0
        self.qualities: defaultdict[Quality, int] = defaultdict(int)
        self.counted: int | None = None
        self.substituted = 0

    def add(self, record: Any, source: Source) -> None:
        self.qualities[record.quality] += 1
        amount = counted = getattr(record, source.measure)
        if amount is not None and record.quality != "INCOMPLETE":
            self.present += 1
            self.amount += amount
        if source.original and record.substitute != "NONE":
            self.substituted += 1
            counted = getattr(record, source.original)
        if counted is not None:
            self.counted = (self.counted or 0) + counted

    def cells(self) -> Row:
        seen = dict(self.qualities)
        if sum(seen.values()) < self.expected:
            seen["MISSING"] = seen.get("MISSING", 0) + self.expected - sum(seen.values())
        counts = [seen.get(quality, 0) for quality in QUALITIES]
        return [self.present, self.expected, self.amount if self.present else None, quality_of_sum(seen), *counts]


def completeness(store: Store, source: Source, period: Period, expected: Iterable[str] = ()) -> Table:
    """Per series: every day, every month and the whole period. ``expected`` are told of also without any record."""
    columns = [
        Column("series", "text"),
        Column("period", "text"),
        Column("present", "whole"),
        Column("expected", "whole"),
        Column(source.measure, "whole"),
        Column("quality", "text"),
        *(Column(quality.lower(), "whole") for quality in QUALITIES),
        *([Column(source.original, "whole"), Column("substituted", "whole")] if source.original else []),
    ]
    named = merge(store.by_series(), ((name, None) for name in sorted(expected)), key=itemgetter(0))
    return Table(columns, _completeness_rows(named, source, period))


def _completeness_rows(named: Iterable[tuple[str, Any]], source: Source, period: Period) -> Iterator[Row]:
    days = list(period.days())
    for name, items in groupby(named, key=itemgetter(0)):
        counts = _counts(days)
        for record in (record for _, record in items if record is not None):
            day = period.local(record.start).date().isoformat()
            for label in (day, day[:7], "total"):
                counts[label].add(record, source)
        for label, count in counts.items():
            yield [name, label, *count.cells(), *([count.counted, count.substituted] if source.original else [])]


def _counts(days: list[Day]) -> dict[str, _Count]:
    expected: dict[str, int] = {}
    for day in days:
        for label in (day.date.isoformat(), day.date.isoformat()[:7], "total"):
            expected[label] = expected.get(label, 0) + day.quarters
    return {label: _Count(expected[label]) for label in sorted(expected)}


def _local(period: Period, start: int) -> tuple[str, str]:
    local = period.local(start)
    return local.date().isoformat(), local.isoformat()
