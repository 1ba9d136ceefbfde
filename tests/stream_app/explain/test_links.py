"""Annotations account for every octet, once and in order, whatever the octets are."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stream_app.dlms.definitions import packaged
from stream_app.explain.links import FRAMES, link_notes
from stream_app.explain.notes import Note, rendered
from stream_app.explain.pushes import plaintext_notes
from tests.edge_agent.link.encoder import mbus
from tests.stream_app.dlms.telegrams import plaintexts
from tests.vectors.loader import load_vectors

STREAMS = [(vector.link, vector.stream) for vector in load_vectors()]
PLAINTEXTS = [plaintext for _, plaintext in plaintexts() if plaintext[:1] == b"\x0f"]


def noted(notes: list[Note]) -> bytes:
    for note, following in pairwise(notes):
        assert note.offset + len(note.octets) == following.offset
    return b"".join(note.octets for note in notes)


@pytest.mark.parametrize(("link", "stream"), STREAMS)
def test_every_octet_of_a_capture_is_noted_once(link: str, stream: bytes) -> None:
    assert stream == noted(link_notes(link, stream))


@given(st.sampled_from(sorted(FRAMES)), st.sampled_from(STREAMS), st.data())
def test_damaged_captures_are_noted_too(link: str, entry: tuple[str, bytes], data: st.DataObject) -> None:
    stream = bytearray(entry[1][: data.draw(st.integers(1, 300))])
    stream[data.draw(st.integers(0, len(stream) - 1))] = data.draw(st.integers(0, 255))

    assert bytes(stream) == noted(link_notes(link, bytes(stream)))


@given(st.sampled_from(PLAINTEXTS), st.data())
def test_damaged_plaintexts_are_noted_too(plaintext: bytes, data: st.DataObject) -> None:
    damaged = bytearray(plaintext[: data.draw(st.integers(1, len(plaintext)))])
    damaged[data.draw(st.integers(0, len(damaged) - 1))] = data.draw(st.integers(0, 255))
    notes, stop = plaintext_notes(bytes(damaged), packaged().profile())

    assert bytes(damaged) == noted(notes)
    assert stop is None or any("▶" in line for line in rendered("plaintext", notes, stop))


def test_the_mark_stands_in_front_of_the_octet_to_blame() -> None:
    notes = [Note(0, b"\x01", "one"), Note(1, b"\x02\x03", "two")]
    marks = [[line.startswith("  ▶") for line in rendered("x", notes, (at, "why"))].index(True) for at in (0, 1, 2, 3)]

    assert [1, 2, 2, 3] == marks


def meanings(link: str, captured: bytes) -> list[str]:
    return [note.meaning for note in link_notes(link, captured)]


@pytest.mark.parametrize("octets", [250, 251, 266, 267, 400])
def test_a_wrapped_m_bus_length_is_read_as_the_reader_reads_it(octets: int) -> None:
    """L + 256 octets under any L, as checksum and stop byte decide."""
    frame = mbus(0x00, bytes(octets))
    notes = link_notes("mbus", frame + mbus(0x11, b"next"))

    assert (len(frame) - 2, "checksum") == next(
        (note.offset, note.meaning) for note in notes if "check" in note.meaning
    )
    assert 2 == sum(note.meaning.startswith("start, length") for note in notes)


def test_an_m_bus_frame_that_carries_no_dlms_is_no_segment() -> None:
    """CI 72 is a variable data respond; its low bits are no segment number."""
    assert ["CI field: carries no DLMS", "not read", "checksum", "stop"] == meanings("mbus", mbus(0x72, bytes(20)))[3:]
