"""What is said of a value is told from its octets, beside what the careful reader made of it."""

from __future__ import annotations

import pytest

from stream_app.dlms.definitions import packaged
from stream_app.explain.pushes import plaintext_notes
from tests.stream_app.dlms.encoder import code, integer, notification, octets, structure


@pytest.mark.parametrize(
    ("value", "meaning"),
    [
        pytest.param(b"\x16\x1e", "enum: 30, as a unit Wh", id="unit"),
        pytest.param(b"\x16\xfe", "enum: 254", id="enum-that-is-no-unit"),
        pytest.param(b"\x0f\xfe", "integer: -2", id="integer"),
        pytest.param(b"\x03\x01", "boolean: 0x01", id="boolean"),
        pytest.param(b"\x04\x0a\xa5\x40", "bit-string: 0xA540", id="bits"),
        pytest.param(b"\x00", "null-data: nothing", id="null"),
    ],
)
def test_numbers_are_decimal_and_other_octets_marked_as_hex(value: bytes, meaning: str) -> None:
    body = structure(octets(code("0-0:96.3.10")), value, octets(code("1-0:1.8.0")), integer("u32", 7))
    notes, _ = plaintext_notes(notification(body), packaged().profile())

    assert meaning in [note.meaning.strip() for note in notes]
