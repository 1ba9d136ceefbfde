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
from tests.edge_agent.link.encoder import LLC, blocks, hdlc, hdlc_segments, mbus, p1, sealed, wrapper
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


BLOCK = [
    "general-block-transfer",
    "block control: more follow, window 0",
    "block number 1",
    "block acknowledged 0",
    "length of the block data: 20",
    "part of the APDU",
]
LAST_BLOCK = [BLOCK[0], "block control: last block, window 0", "block number 2", *BLOCK[3:]]
LLC_NOTE = "LLC: destination, source, quality"
APDU = sealed(bytes(24))


@pytest.mark.parametrize("between", [b"", LLC])
def test_blocks_are_noted_one_by_one_whatever_carries_them(between: bytes) -> None:
    """In one HDLC frame, in a wrapper, bare; with their own LLC or without."""
    both = between.join(blocks(APDU, 20))
    expected = [*BLOCK, *[LLC_NOTE] * bool(between), *LAST_BLOCK]

    assert [LLC_NOTE, *expected] == meanings("apdu", LLC + both)
    assert [LLC_NOTE, *expected] == meanings("hdlc", hdlc(both, llc=LLC))[6:-2]
    assert expected == meanings("wpdu", wrapper(both))[4:]


def test_octets_behind_a_block_are_none_of_it() -> None:
    assert [*BLOCK, "no block"] == meanings("apdu", blocks(APDU, 20)[0] + b"behind")


def test_a_segment_that_looks_like_a_block_is_part_of_the_apdu() -> None:
    """Ciphertext begins with E0 as often as with anything."""
    first, second, third = hdlc_segments(b"\xdb" + b"\xe0" * 50, 20)
    found = [meaning for meaning in meanings("hdlc", first + second + third) if "APDU" in meaning]

    assert ["part of the APDU", "part of the APDU", "last part of the APDU"] == found


@pytest.mark.parametrize(
    ("body", "note"), [(APDU, "the APDU"), (sealed(bytes(24), b"")[1:], "the APDU without its tag DB")]
)
def test_a_ciphered_p1_body_stands_behind_its_ident_line(body: bytes, note: str) -> None:
    captured = b"/LGF5E360\r\n\r\n" + body + b"!1234\r\n"

    assert ["ident line", "empty line", note, "CRC line, not checked"] == meanings("p1", captured)


def test_a_p1_telegram_is_one_text_or_one_apdu() -> None:
    assert ["the text"] == meanings("p1", p1(["1-0:1.8.0(000123.456*kWh)"]))
    assert ["the APDU"] == meanings("p1", APDU)


def test_octets_of_no_known_link_are_no_telegram() -> None:
    assert ["no telegram"] == meanings("", b"noise")
