from __future__ import annotations

import pytest

from edge_agent.link import apdu
from edge_agent.link.delimiter import Delimiter
from edge_agent.link.telegram import Refused, Telegram
from tests.edge_agent.link import encoder

SEALED = encoder.sealed(bytes(range(30)))
CLEAR = b"\x0f\0\0\0\1\0\x02\x01\x12\x00\x07"


def read(stream: bytes, link: str) -> list[Telegram | Refused]:
    delimiter = Delimiter(link)
    return delimiter.feed(stream) + delimiter.idle()


@pytest.mark.parametrize(
    ("data", "title"),
    [
        pytest.param(SEALED, SEALED[2:10], id="general-glo"),
        pytest.param(b"\xdc" + SEALED[1:], SEALED[2:10], id="general-ded"),
        pytest.param(b"\xdb\x00\x05\x20\0\0\0\1", b"", id="empty"),
        pytest.param(b"\xdb\x09\x08" + SEALED[2:], SEALED[2:10], id="length-repeated"),
        pytest.param(b"\xdd\x02\x00\x01" + SEALED[1:], SEALED[2:10], id="general-ciphering"),
        pytest.param(b"\xca\x05\x20\0\0\0\1", b"", id="service-specific"),
        pytest.param(b"\xdb\x08LGZ", b"", id="cut"),
        pytest.param(b"\xdb", b"", id="nothing"),
        pytest.param(CLEAR, None, id="clear"),
    ],
)
def test_the_title_is_read_from_the_clear_header(data: bytes, title: bytes | None) -> None:
    assert title == apdu.title_of(data)


@pytest.mark.parametrize("link", ["apdu", "auto"])
@pytest.mark.parametrize("llc", [b"", b"\xe6\xe7\x00", b"\xe6\xe6\x00"], ids=["none", "e7", "e6"])
@pytest.mark.parametrize(
    "data",
    [SEALED, CLEAR, b"\x0f\0\0\0\1\x09\0\x02\x01\x11\x05"],
    ids=["ciphered", "clear", "clear-without-time-but-its-tag"],
)
def test_a_bare_apdu_is_a_telegram_with_and_without_llc(link: str, llc: bytes, data: bytes) -> None:
    assert [Telegram("apdu", llc + data, data, apdu.title_of(data))] == read(llc + data, link)


def test_ciphered_apdus_follow_one_another_amid_noise() -> None:
    done = read(b"\xff\x00" + SEALED + b"\xff\x00" + SEALED, "apdu")

    assert [SEALED, SEALED] == [one.captured for one in done]


@pytest.mark.parametrize("length", [b"\x27", b"\x81\x27", b"\x82\x00\x27", b"\x83\x00\x00\x27"], ids=bytes.hex)
def test_lengths_need_not_be_minimal(length: bytes) -> None:
    envelope = SEALED[:10] + length + b"\x30\0\0\0\1" + bytes(34)

    assert [envelope] == [one.captured for one in read(envelope + b"\xff", "apdu")]


def test_on_a_line_of_bare_apdus_the_decoder_gets_whatever_has_an_apdu_tag() -> None:
    """It is the one to say what is wrong with a ciphering header or a service."""
    for data in (b"\xdb\x05short", b"\xc4\x01\x00", b"\x0f\0\0\0\1\xff"):
        assert [data] == [one.captured for one in read(data, "apdu")]


@pytest.mark.parametrize("data", [CLEAR, encoder.wrapper(CLEAR)], ids=["bare", "wrapper"])
def test_on_a_line_of_unknown_link_what_is_clear_and_has_no_checksum_must_follow_silence(data: bytes) -> None:
    delimiter = Delimiter()

    assert [] == delimiter.feed(b"\xff" + data) + delimiter.idle()
    assert [data] == [one.captured for one in delimiter.feed(data) + delimiter.idle()]


@pytest.mark.parametrize("data", [SEALED, encoder.wrapper(SEALED)], ids=["bare", "wrapper"])
def test_amid_noise_what_is_ciphered_is_confirmed_by_the_next_or_by_silence_and_by_nothing_else(data: bytes) -> None:
    """What would follow the inside of another frame: a checksum and a stop byte, an LLC header, a closing flag."""
    for end in (b"", b"\r\n"):
        assert [data] == [one.captured for one in read(b"\xff" + data + end, "auto")]
    for trailer in (b"\x37\x16", b"\xe6\xe7\x00" + data, b"\x01\x02\x7e"):
        assert [] == read(b"\xff" + data + trailer + b"\xff", "auto")
    delimiter = Delimiter()
    assert [] == delimiter.feed(b"\xff" + data)
    assert [data] == [one.captured for one in delimiter.feed(b"\r\n" + data[:10])]


@pytest.mark.parametrize("data", [SEALED + b"\x37\x16", CLEAR], ids=["ciphered", "clear"])
def test_what_follows_a_broken_frame_may_be_its_inside(data: bytes) -> None:
    broken = bytearray(encoder.mbus(0x10, SEALED))
    broken[-2] ^= 1

    (refused,) = read(bytes(broken) + data, "auto")

    assert isinstance(refused, Refused)
    assert "link" == refused.error.kind


def test_an_envelope_that_holds_a_sound_frame_is_the_inside_of_another() -> None:
    """Somebody joins the line where the first of two segments shows the ciphering header."""
    frames = b"".join(encoder.mbus_segments(encoder.sealed(bytes(200)), 150))

    (orphan,) = read(frames[9:], "auto")

    assert isinstance(orphan, Refused)
    assert "segment 1 where 0 is due" == orphan.error.reason


def test_an_envelope_beyond_any_telegram_is_not_waited_for() -> None:
    bomb = SEALED[:10] + b"\x83\x00\xff\xff\x30\0\0\0\1"

    assert [SEALED] == [one.captured for one in Delimiter("p1").feed(bomb + SEALED)]


def test_what_ends_as_its_meter_begins_is_whole_once_the_line_is_silent_or_goes_on_otherwise() -> None:
    whole = encoder.sealed(b"x" * 30 + SEALED[:5])
    delimiter = Delimiter("apdu")

    assert [] == delimiter.feed(whole)
    assert [whole] == [one.captured for one in delimiter.idle()]
    assert [whole] == [one.captured for one in delimiter.feed(whole + b"\xff" * 9)]


def test_an_apdu_cut_short_never_completes() -> None:
    (refused,) = read(SEALED[:30], "apdu")

    assert isinstance(refused, Refused)
    assert ("reassembly", "apdu: cut short: 30 of 46 bytes at byte 30") == (refused.error.kind, str(refused.error))
