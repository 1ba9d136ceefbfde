"""What can be exported: a compacted topic each, its columns taken from its schema."""

from __future__ import annotations

from collections.abc import Iterable
from enum import Enum
from typing import Any, Final, Literal, NamedTuple

from stream_app.avro import Codec, Codecs, read_schema
from stream_app.export.period import Period
from stream_app.registry.model import Point
from stream_app.topics import Topics

ColumnType = Literal["text", "whole", "flag", "time"]

_TYPES: Final[dict[str, ColumnType]] = {
    "string": "text",
    "enum": "text",
    "int": "whole",
    "long": "whole",
    "boolean": "flag",
}


class Column(NamedTuple):
    """A column of an exported table. Times are epoch milliseconds."""

    name: str
    type: ColumnType


class Kind(Enum):
    """A topic to export; the value is its name on the command line."""

    QUARTER_HOURS = "quarter-hours"
    BALANCES = "balances"
    ALLOCATIONS = "allocations"


class Source(NamedTuple):
    """How to read a kind: ``measure`` is the field that is summed, and shown in the wide layout.

    ``original``: the field with what was counted where the measure is a substitute, if the kind has substitutes.
    """

    topic: str
    codec: Codec[Any]
    record: str
    measure: str
    original: str | None = None

    def columns(self) -> list[Column]:
        """One per field, in the order of the schema."""
        return [Column(field["name"], _column_type(field["type"])) for field in read_schema(self.record)["fields"]]


def source_of(kind: Kind, topics: Topics, codecs: Codecs) -> Source:
    """Where records of a kind lie."""
    return {
        Kind.QUARTER_HOURS: Source(
            topics.quarter_hours, codecs.quarter_hours, "QuarterHour", "amount", "original_amount"
        ),
        Kind.BALANCES: Source(topics.balances, codecs.balances, "Balance", "net_wh"),
        Kind.ALLOCATIONS: Source(topics.allocations, codecs.allocations, "Allocation", "allocated_wh"),
    }[kind]


def series_of(points: Iterable[Point], period: Period) -> set[str]:
    """The series of quarter-hours that points ought to have in a period."""
    return {
        f"{point.metering_point}|{quantity}"
        for point in points
        if point.valid_from < period.end and (point.valid_to is None or period.start < point.valid_to)
        for quantity in point.measured_quantities()
    }


def _column_type(schema: Any) -> ColumnType:
    if isinstance(schema, list):
        return _column_type(next(branch for branch in schema if branch != "null"))
    if isinstance(schema, dict):
        return "time" if schema.get("logicalType") == "timestamp-millis" else _column_type(schema["type"])
    return _TYPES[schema]
