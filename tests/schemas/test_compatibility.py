"""Every schema is readable by, and can read, every version of itself there ever was."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from avro.compatibility import ReaderWriterCompatibilityChecker, SchemaCompatibilityType
from avro.schema import parse

from stream_app.avro import SCHEMAS, Schema, fingerprint, read_schema, subjects
from stream_app.topics import Topics

NAMES = sorted(subjects(Topics()))
HISTORY = sorted((SCHEMAS / "history").glob("*.avsc"))


def unreadable(reader: Schema, writer: Schema) -> set[str]:
    """Why ``reader`` cannot read what ``writer`` wrote; empty if it can."""
    checker = ReaderWriterCompatibilityChecker()
    result = checker.get_compatibility(parse(json.dumps(reader)), parse(json.dumps(writer)))
    if result.compatibility is SchemaCompatibilityType.compatible:
        return set()
    return set(result.messages) | {f"at {place}" for place in result.locations}


def named(schema: Schema, field: str) -> Schema:
    """The field, for a test to change."""
    found: Schema = next(f for f in schema["fields"] if f["name"] == field)
    return found


def logical_types(schema: Schema) -> dict[str, object]:
    """Avro's rules let a timestamp become any long; ours do not."""
    return {f["name"]: f["type"].get("logicalType") for f in schema["fields"] if isinstance(f["type"], dict)}


@pytest.mark.parametrize("old", HISTORY, ids=lambda path: path.stem)
def test_every_schema_reads_and_is_read_by_each_of_its_versions(old: Path) -> None:
    before = json.loads(old.read_text("utf-8"))
    now = read_schema(old.stem.partition(".")[0])
    both = logical_types(before).keys() & logical_types(now).keys()

    assert set() == unreadable(reader=now, writer=before) | unreadable(reader=before, writer=now)
    assert all(logical_types(before)[name] == logical_types(now)[name] for name in both)


@pytest.mark.parametrize("name", NAMES)
def test_every_schema_stands_in_the_history_under_the_id_made_from_its_content(name: str) -> None:
    now = fingerprint(read_schema(name))
    ids = json.loads((SCHEMAS / "schema-ids.json").read_text("utf-8"))
    subject = subjects(Topics())[name]

    assert ids[subject] == now, f"write {now} for {subject} into schema-ids.json"
    assert (SCHEMAS / "history" / f"{name}.{now}.avsc").exists(), f"copy {name}.avsc to history/{name}.{now}.avsc"


@pytest.mark.parametrize("old", HISTORY, ids=lambda path: path.stem)
def test_no_file_of_the_history_was_edited(old: Path) -> None:
    name, _, written_id = old.stem.partition(".")
    schema = json.loads(old.read_text("utf-8"))

    assert (name, int(written_id)) == (schema["name"], fingerprint(schema))


@pytest.mark.parametrize("name", NAMES)
def test_every_field_is_documented_and_every_enum_and_nullable_has_a_default(name: str) -> None:
    for field in read_schema(name)["fields"]:
        kind = field["type"]

        assert field["doc"], field["name"]
        if isinstance(kind, list):
            assert kind[0] == "null", field["name"]
            assert field["default"] is None, field["name"]
        if isinstance(kind, dict) and kind["type"] == "enum":
            assert kind["default"] in kind["symbols"], field["name"]


def test_a_field_without_a_default_is_caught() -> None:
    """The check itself must fail on what it is there for."""
    now, changed = read_schema("Balance"), read_schema("Balance")
    changed["fields"].append({"name": "zone", "type": "string"})

    assert unreadable(reader=changed, writer=now)
    assert not unreadable(reader=now, writer=changed)


def test_a_changed_type_is_caught() -> None:
    now, changed = read_schema("Balance"), read_schema("Balance")
    named(changed, "points")["type"] = "string"

    assert unreadable(reader=changed, writer=now)


def test_a_new_enum_symbol_is_allowed_because_readers_have_a_default() -> None:
    now, changed = read_schema("Balance"), read_schema("Balance")
    named(changed, "quality")["type"]["symbols"].append("PROVISIONAL")

    assert not unreadable(reader=now, writer=changed)
