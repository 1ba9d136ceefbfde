"""Records to bytes and back: Avro in the Confluent wire format, ``00``, four bytes of schema id, the body.

The schemas are the files of ``schemas/``. Times stay epoch milliseconds on both sides: logical types are for readers of
the schema, here they would only cost datetime objects.

``Codec`` serves every record; ``reading_encoder`` writes the one that is on the hot path, to the same bytes.
"""

from __future__ import annotations

import hashlib
import io
import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Generic, NamedTuple, TypeVar

import fastavro

from stream_app import records
from stream_app.topics import Topics

SCHEMAS = Path(__file__).resolve().parent.parent / "schemas"
HEADER = 5  # magic byte and schema id

Record = TypeVar("Record")
Schema = dict[str, Any]


class AvroError(ValueError):
    """Not a record of this topic: framing, schema id or body is wrong."""


class SchemaIds(NamedTuple):
    """Which id each record is written with, by record name, and which older schemas may be met, by id."""

    written: Mapping[str, int]
    older: Mapping[int, Schema]


def read_schema(name: str) -> Schema:
    """The schema of the record ``name``, as in ``schemas/``."""
    schema: Schema = json.loads((SCHEMAS / f"{name}.avsc").read_text("utf-8"))
    return schema


def subjects(topics: Topics) -> dict[str, str]:
    """Record name to subject (TopicNameStrategy), for every topic whose values are Avro."""
    return {
        "Reading": f"{topics.readings}-value",
        "MeterQuarter": f"{topics.meter_quarters}-value",
        "QuarterHour": f"{topics.quarter_hours}-value",
        "Balance": f"{topics.balances}-value",
        "Allocation": f"{topics.allocations}-value",
        "Event": f"{topics.events}-value",
        "RegistryEntry": f"{topics.registry}-value",
    }


def fingerprint(schema: Schema) -> int:
    """The id of a schema where no registry gives one: 31 bits of what it says, doc strings aside.

    An id made from the content cannot stand for two schemas, whoever edits what in which branch.
    """
    text = json.dumps(_without(schema, "doc"), sort_keys=True, separators=(",", ":"))
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:4], "big") & 0x7FFFFFFF


def committed_ids() -> SchemaIds:
    """The ids of ``schemas/schema-ids.json``, whatever the prefix of the topics, and every schema of ``history/``."""
    by_subject = json.loads((SCHEMAS / "schema-ids.json").read_text("utf-8"))
    older = (json.loads(path.read_text("utf-8")) for path in (SCHEMAS / "history").glob("*.avsc"))
    return SchemaIds(
        written={name: by_subject[subject] for name, subject in subjects(Topics()).items()},
        older={fingerprint(schema): schema for schema in older},
    )


class Codec(Generic[Record]):
    """One record type under one schema id.

    >>> codec.decode(codec.encode(balance)) == balance
    """

    def __init__(self, record: type[Record], schema_id: int, older: Mapping[int, Schema] | None = None) -> None:
        self.schema_id = schema_id
        self.header = b"\x00" + schema_id.to_bytes(4, "big")
        self._name = record.__name__
        self._make: Callable[..., Record] = record
        self._schema = _parse(read_schema(self._name))
        self._writers = {
            writer_id: _parse(schema)
            for writer_id, schema in (older or {}).items()
            if schema["name"] == self._name and writer_id != schema_id
        }

    def encode(self, record: Record) -> bytes:
        """The record as a Kafka value. A value that does not fit its field is a defect of ours."""
        out = io.BytesIO()
        out.write(self.header)
        fastavro.schemaless_writer(out, self._schema, _datum(record))
        return out.getvalue()

    def decode(self, value: bytes) -> Record:
        """The record in a Kafka value, also one written with an older schema. Raises ``AvroError``."""
        if len(value) < HEADER or value[0] != 0:
            raise AvroError(f"{self._name}: no Confluent header in {value[:HEADER].hex(' ') or 'no bytes'}")
        writer_id = int.from_bytes(value[1:HEADER], "big")
        writer = self._schema if writer_id == self.schema_id else self._writers.get(writer_id)
        if writer is None:
            raise AvroError(f"{self._name}: schema id {writer_id} is unknown, {self.schema_id} is ours")
        body = io.BytesIO(value)
        body.seek(HEADER)
        try:
            datum: Any = fastavro.schemaless_reader(body, writer, None if writer is self._schema else self._schema)
        except (EOFError, IndexError, ValueError, OverflowError) as error:
            raise AvroError(f"{self._name}: body does not fit schema id {writer_id}: {error}") from error
        if body.tell() != len(value):
            raise AvroError(f"{self._name}: {len(value) - body.tell()} bytes after the body")
        if "other" in datum:
            datum["other"] = tuple(records.OtherValue(**value) for value in datum["other"])
        return self._make(**datum)


class Codecs(NamedTuple):
    """One codec per topic of Avro values."""

    readings: Codec[records.Reading]
    meter_quarters: Codec[records.MeterQuarter]
    quarter_hours: Codec[records.QuarterHour]
    balances: Codec[records.Balance]
    allocations: Codec[records.Allocation]
    events: Codec[records.Event]
    registry: Codec[records.RegistryEntry]


def load_codecs(ids: SchemaIds | None = None) -> Codecs:
    """All codecs; without ``ids`` those of the committed ids."""
    written, older = ids or committed_ids()

    def codec(record: type[Record]) -> Codec[Record]:
        return Codec(record, written[record.__name__], older)

    return Codecs(
        readings=codec(records.Reading),
        meter_quarters=codec(records.MeterQuarter),
        quarter_hours=codec(records.QuarterHour),
        balances=codec(records.Balance),
        allocations=codec(records.Allocation),
        events=codec(records.Event),
        registry=codec(records.RegistryEntry),
    )


def _parse(schema: Schema) -> Any:
    return fastavro.parse_schema(_without(schema, "logicalType"))


def _without(schema: Any, key: str) -> Any:
    if isinstance(schema, dict):
        return {name: _without(value, key) for name, value in schema.items() if name != key}
    return [_without(item, key) for item in schema] if isinstance(schema, list) else schema


def _datum(record: Any) -> dict[str, Any]:
    datum: dict[str, Any] = record._asdict()
    if isinstance(record, records.Reading):
        datum["other"] = [value._asdict() for value in record.other]
    return datum
