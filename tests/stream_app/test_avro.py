"""Records survive the way to Kafka and back, and what is no record of ours is refused."""

from __future__ import annotations

import io
import json
from datetime import UTC, datetime
from typing import Any

import fastavro
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stream_app import records
from stream_app.avro import SCHEMAS, AvroError, Codec, committed_ids, fingerprint, load_codecs, read_schema, subjects
from stream_app.reading_columns import COLUMNS
from stream_app.topics import Topics

CODECS = load_codecs()
RECORDS: list[type[Any]] = [
    records.Reading,
    records.MeterQuarter,
    records.QuarterHour,
    records.Balance,
    records.Allocation,
    records.Event,
    records.RegistryEntry,
]
VALUES: dict[str, st.SearchStrategy[Any]] = {
    "string": st.text(max_size=8),
    "boolean": st.booleans(),
    "int": st.integers(-(2**31), 2**31 - 1),
    "long": st.integers(-(2**63), 2**63 - 1),
    "null": st.none(),
}
BALANCE = records.Balance("zev-1", 1_774_746_000_000, 1_774_746_900_000, 7, 3, 4, 3, 4, 0, 2, 0, "MEASURED", 1)


def values_of(kind: Any) -> st.SearchStrategy[Any]:
    """Any value of an Avro type, as our records hold it."""
    if isinstance(kind, list):
        return st.one_of(*map(values_of, kind))
    if isinstance(kind, str):
        return VALUES[kind]
    if kind["type"] == "enum":
        return st.sampled_from(kind["symbols"])
    if kind["type"] == "array":
        fields = [values_of(field["type"]) for field in kind["items"]["fields"]]
        return st.lists(st.builds(records.OtherValue, *fields), max_size=3).map(tuple)
    return VALUES[kind["type"]]


def any_record() -> st.SearchStrategy[Any]:
    """Any record of any topic."""
    return st.one_of(
        [
            st.builds(record, *(values_of(f["type"]) for f in read_schema(record.__name__)["fields"]))
            for record in RECORDS
        ]
    )


def codec_of(record: Any) -> Codec[Any]:
    return CODECS[RECORDS.index(type(record))]


@pytest.mark.parametrize("record", RECORDS)
def test_a_record_has_the_fields_of_its_schema_in_their_order(record: type[Any]) -> None:
    assert [field["name"] for field in read_schema(record.__name__)["fields"]] == list(record._fields)


def test_the_quantity_columns_of_a_reading_stand_together_in_the_order_of_the_table() -> None:
    first = records.Reading._fields.index("import_wh")

    assert [column.field for column in COLUMNS.values()] == list(records.Reading._fields[first:-1])


@given(any_record())
def test_what_was_encoded_decodes_to_the_same_record(record: Any) -> None:
    codec = codec_of(record)

    assert record == codec.decode(codec.encode(record))


def test_a_value_starts_with_the_confluent_header_of_its_schema() -> None:
    value = CODECS.balances.encode(BALANCE)

    assert b"\x00" + fingerprint(read_schema("Balance")).to_bytes(4, "big") == value[:5]


def test_a_reader_of_the_published_schema_sees_times_as_utc_timestamps() -> None:
    body = io.BytesIO(CODECS.balances.encode(BALANCE)[5:])
    seen: Any = fastavro.schemaless_reader(body, fastavro.parse_schema(read_schema("Balance")), None)

    assert datetime(2026, 3, 29, 1, 0, tzinfo=UTC) == seen["start"]


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        pytest.param(b"", "no Confluent header", id="empty"),
        pytest.param(b"\x00\x00\x00", "no Confluent header", id="shorter-than-the-header"),
        pytest.param(b"\x01" + CODECS.balances.encode(BALANCE)[1:], "no Confluent header", id="other-magic-byte"),
        pytest.param(CODECS.balances.encode(BALANCE)[:-3], "body does not fit", id="cut"),
        pytest.param(CODECS.balances.encode(BALANCE) + b"\x00", "1 bytes after the body", id="tail"),
        pytest.param(b"\x00\x00\x00\x00\x07" + b"\x00" * 40, "schema id 7 is unknown", id="unknown-id"),
    ],
)
def test_what_is_no_record_of_this_topic_is_refused_with_its_reason(value: bytes, reason: str) -> None:
    with pytest.raises(AvroError, match=reason):
        CODECS.balances.decode(value)


@given(st.binary(max_size=120))
def test_any_bytes_behind_the_header_decode_or_are_refused(body: bytes) -> None:
    for codec in CODECS:
        try:
            codec.decode(codec.header + body)
        except AvroError:
            continue


def test_a_record_of_an_older_schema_is_read_with_todays_defaults() -> None:
    older = read_schema("Event")
    older["fields"] = [field for field in older["fields"] if field["name"] != "metering_point"]
    out = io.BytesIO()
    event = {"source": "a", "at": 5, "type": "data.gap", "severity": "INFO", "detail": "", "system_title": None}
    fastavro.schemaless_writer(out, fastavro.parse_schema(older), event)

    codec = Codec(records.Event, 9, {8: older})

    assert records.Event("a", 5, "data.gap", "INFO", "") == codec.decode(b"\x00\x00\x00\x00\x08" + out.getvalue())


def test_the_committed_ids_name_every_subject_and_only_these() -> None:
    committed = json.loads((SCHEMAS / "schema-ids.json").read_text("utf-8"))

    assert set(subjects(Topics()).values()) == set(committed)
    assert {record.__name__ for record in RECORDS} == set(committed_ids().written)
