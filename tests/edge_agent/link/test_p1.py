from __future__ import annotations

import pytest

from edge_agent.link.delimiter import Delimiter
from edge_agent.link.telegram import Refused, Telegram
from tests.edge_agent.link import encoder

LINES = ["1-0:1.8.0(000123.456*kWh)", "0-0:96.13.0()", "1-0:32.7.0(230.1*V)"]
TEXT = encoder.p1(LINES)
BARE = encoder.p1(LINES, crc=False)
IDENT = b"/KFM5KAIFA-METER\r\n\r\n"
BODY = encoder.sealed(bytes(300), title=b"", control=0x30, counter=0)


def read(stream: bytes, link: str = "p1") -> list[Telegram | Refused]:
    delimiter = Delimiter(link)
    return delimiter.feed(stream) + delimiter.idle()


def reasons(done: list[Telegram | Refused]) -> list[str]:
    return [str(one.error) if isinstance(one, Refused) else "telegram" for one in done]


@pytest.mark.parametrize("text", [TEXT, BARE], ids=["crc", "no-crc"])
@pytest.mark.parametrize("tail", [b"", b"\0" * 20], ids=["clean", "zero-tail"])
def test_a_text_with_and_without_crc_is_a_telegram(text: bytes, tail: bytes) -> None:
    assert [Telegram("p1", text, text, None)] == read(text + tail)


@pytest.mark.parametrize("text", [TEXT, BARE], ids=["crc", "no-crc"])
@pytest.mark.parametrize("missing", [1, 2])
def test_the_last_line_end_may_be_missing(text: bytes, missing: int) -> None:
    assert ["telegram"] == reasons(read(text[:-missing]))
    assert ["telegram"] * 2 == reasons(read(text[:-2] + text))


def test_a_cut_crc_is_not_taken_for_none() -> None:
    for missing in (3, 4, 5):
        assert ["p1: neither a CRC nor the end of the line behind ! at byte 85"] == reasons(read(TEXT[:-missing]))


def test_a_changed_digit_fails_the_crc() -> None:
    (reason,) = reasons(read(TEXT.replace(b"230.1", b"231.1")))

    assert reason.startswith("p1: CRC ")


def test_a_telegram_without_end_does_not_swallow_the_next() -> None:
    done = read(TEXT[:60] + TEXT)

    assert ["p1: the next telegram begins before this one has ended at byte 60", "telegram"] == reasons(done)


@pytest.mark.parametrize("step", [1, 7, 1000])
def test_the_next_telegram_is_seen_however_short_it_is_and_however_the_line_is_sliced(step: int) -> None:
    data = TEXT[:60] + b"/KFM5X\r\n\r\n!\r\n"
    delimiter = Delimiter("p1")
    done = [one for at in range(0, len(data), step) for one in delimiter.feed(data[at : at + step])] + delimiter.idle()

    assert ["p1: the next telegram begins before this one has ended at byte 60", "telegram"] == reasons(done)


def test_without_crc_the_text_must_be_text() -> None:
    assert ["p1: a text without CRC has octets above 7F at byte 85"] == reasons(read(BARE.replace(b"230", b"2\xb30")))


@pytest.mark.parametrize("text", [TEXT, BARE], ids=["crc", "no-crc"])
def test_a_line_of_seven_data_bits_and_even_parity_is_read_with_eight(text: bytes) -> None:
    captured = encoder.even_parity(text)

    assert [Telegram("p1", captured, text, None)] == read(captured)
    assert [Telegram("p1", captured, text, None)] == read(captured, "auto")


def test_parity_stands_in_for_the_crc() -> None:
    damaged = bytearray(encoder.even_parity(BARE))
    damaged[40] ^= 0x01

    assert ["p1: an octet fails its parity at byte 40"] == reasons(read(bytes(damaged)))


@pytest.mark.parametrize("body", [BODY, BODY[1:]], ids=["with-tag", "without-tag"])
@pytest.mark.parametrize("end", [b"", b"!A1B2\r\n", b"!\r\n"], ids=["nothing", "crc", "no-crc"])
def test_a_ciphered_body_behind_a_clear_ident_becomes_an_envelope(body: bytes, end: bytes) -> None:
    stream = IDENT + body + end

    assert [Telegram("p1", stream, BODY, b"")] == read(stream)
    assert [Telegram("p1", stream, BODY, b"")] == read(stream, "auto")


def test_a_ciphered_body_cut_short_is_a_telegram_that_never_completes() -> None:
    (refused,) = read((IDENT + BODY)[:200])

    assert isinstance(refused, Refused)
    assert ("reassembly", "cut short: 200 of 330 bytes") == (refused.error.kind, refused.error.reason)


def test_a_text_that_is_ciphered_whole_is_delimited_by_its_length() -> None:
    envelope = encoder.sealed(bytes(497), control=0x30)

    assert [Telegram("p1", envelope, envelope, envelope[2:10])] * 2 == read(envelope + envelope)
