from __future__ import annotations

import pytest

from edge_agent.link.delimiter import Delimiter
from edge_agent.link.telegram import Refused, Telegram, reread
from tests.edge_agent.link import encoder

APDU = encoder.sealed(b"~\x16" + bytes(range(60)))
CLEAR = b"\x0f\0\0\0\1\0\x02\x01\x12\x00\x07"
ADDRESSES = [
    b"\x03\x05",
    b"\xce\xff\x03",
    b"\xcf\x02\x23",
    b"\xce\xff\x02\x23",
    b"\xcf\x00\x02\x00\x23",
    b"\0\2\0\5" * 2,
]


def read(*frames: bytes, link: str = "hdlc") -> list[Telegram | Refused]:
    delimiter = Delimiter(link)
    return delimiter.feed(b"".join(frames)) + delimiter.idle()


def reasons(done: list[Telegram | Refused]) -> list[str]:
    return [str(one.error) if isinstance(one, Refused) else "telegram" for one in done]


@pytest.mark.parametrize("addresses", ADDRESSES, ids=bytes.hex)
@pytest.mark.parametrize("control", [0x03, 0x13, 0x10])
@pytest.mark.parametrize("llc", [b"\xe6\xe7\x00", b"\xe6\xe6\x00"], ids=bytes.hex)
def test_addresses_of_one_two_and_four_octets_and_both_llc_are_read(addresses: bytes, control: int, llc: bytes) -> None:
    frame = encoder.hdlc(APDU, addresses=addresses, control=control, llc=llc)

    assert [Telegram("hdlc", frame, APDU, APDU[2:10])] == read(frame)


def test_consecutive_frames_may_share_their_flag() -> None:
    one, two = encoder.hdlc(APDU, llc=encoder.LLC), encoder.hdlc(CLEAR, llc=encoder.LLC)

    assert [one, two] == [telegram.captured for telegram in read(one, two[1:])]


def test_frames_of_one_telegram_that_share_flags_are_captured_as_they_came() -> None:
    frames = encoder.hdlc_segments(APDU, 30)
    stream = frames[0] + b"".join(frame[1:] for frame in frames[1:])

    (telegram,) = read(stream)

    assert isinstance(telegram, Telegram)
    assert (stream, APDU) == (telegram.captured, telegram.apdu)


def test_several_apdus_in_one_frame_become_telegrams_of_their_own() -> None:
    """No part of the frame but its own bytes belongs to one of them alone, so these are what is captured."""
    frame = encoder.hdlc(APDU + encoder.LLC + CLEAR + encoder.LLC + APDU, llc=encoder.LLC)

    done = read(frame)

    assert [
        Telegram("apdu", apdu, apdu, t) for apdu, t in ((APDU, APDU[2:10]), (CLEAR, None), (APDU, APDU[2:10]))
    ] == done
    assert done == [reread(telegram.captured, "apdu") for telegram in done]


def test_an_llc_inside_a_ciphered_apdu_is_data() -> None:
    apdu = encoder.sealed(b"xxx\xe6\xe7\x00\x0fyyy")

    assert [apdu] == [one.apdu for one in read(encoder.hdlc(apdu, llc=encoder.LLC)) if isinstance(one, Telegram)]


@pytest.mark.parametrize(
    ("at", "reason"),
    [
        (3, "hdlc: header check sequence does not fit at byte 7"),
        (6, "hdlc: header check sequence does not fit at byte 7"),
        (7, "hdlc: header check sequence does not fit at byte 7"),
        (2, "hdlc: header check sequence does not fit at byte 7"),
        (30, "hdlc: frame check sequence does not fit at byte 90"),
        (-2, "hdlc: frame check sequence does not fit at byte 90"),
        (-1, "hdlc: 7C where the closing flag is due at byte 92"),
    ],
)
def test_damage_is_named_with_its_byte(at: int, reason: str) -> None:
    frame = bytearray(encoder.hdlc(APDU, llc=encoder.LLC))
    frame[at] ^= 2

    assert [reason] == reasons(read(bytes(frame)))


def test_a_frame_cut_short_is_refused_when_the_line_falls_silent() -> None:
    frame = encoder.hdlc(APDU, llc=encoder.LLC)

    assert ["hdlc: cut short: 50 of 93 bytes at byte 50"] == reasons(read(frame[:50]))
    assert ["hdlc: another frame begins inside this one at byte 50", "telegram"] == reasons(read(frame[:50], frame))


def test_frames_without_information_are_noise() -> None:
    disconnect = bytes((0x21, 0x93))
    head = b"\xa0\x07\x03" + disconnect
    delimiter = Delimiter("hdlc")

    done = delimiter.feed(b"~" + head + encoder.fcs(head) + encoder.hdlc(APDU, llc=encoder.LLC))

    assert [APDU] == [one.apdu for one in done if isinstance(one, Telegram)]
    assert 7 == delimiter.discarded


def test_a_flag_at_the_right_place_does_not_make_a_frame_of_noise() -> None:
    noise = b"\x7e\xa0\x0f\x41\x55\xaa" + bytes(10)

    assert ["telegram"] == reasons(read(noise, encoder.hdlc(APDU, llc=encoder.LLC)))


def test_a_continuation_without_beginning_is_refused() -> None:
    frames = encoder.hdlc_segments(APDU, 30)

    assert ["hdlc: the beginning is missing at byte 0"] == reasons(read(*frames[1:]))


def test_noise_that_may_have_been_a_segment_refuses_the_telegram() -> None:
    first, second, third = encoder.hdlc_segments(CLEAR + bytes(60), 30)
    unreadable = b"\0" + second[1:]

    assert ["hdlc: a segment may be among 41 bytes of noise at byte 42"] == reasons(read(first, unreadable, third))
    assert ["telegram"] == reasons(read(first, b"\0\xff", second, third))


def test_segments_must_hold_what_the_ciphered_apdu_in_them_says() -> None:
    """HDLC segments carry no number; the length in the ciphering header still tells that one is gone."""
    first, _, third = encoder.hdlc_segments(APDU, 30)

    assert ["hdlc: the segments hold 48 bytes, the APDU in them has 78 at byte 42"] == reasons(read(first, third))


@pytest.mark.parametrize("cut", range(1, 40))
def test_a_clear_body_in_an_envelope_may_be_cut_where_it_looks_like_a_beginning(cut: int) -> None:
    """With authentication only, what follows the counter is the notification as it is."""
    apdu = encoder.sealed(CLEAR + bytes(30), control=0x10)
    frames = [encoder.hdlc(apdu[:cut], llc=encoder.LLC, more=True), encoder.hdlc(apdu[cut:])]

    assert [apdu] == [one.apdu for one in read(*frames) if isinstance(one, Telegram)]
    assert [apdu] * 2 == [one.apdu for one in read(*frames * 2) if isinstance(one, Telegram)]


@pytest.mark.parametrize("llc", [b"", encoder.LLC], ids=["without-llc", "with-llc"])
def test_a_clear_beginning_abandons_a_clear_telegram_with_or_without_llc(llc: bytes) -> None:
    abandoned = encoder.hdlc(CLEAR, llc=llc, more=True)

    assert ["hdlc: segment 1 is missing at byte", "telegram"] == [
        reason.rstrip(" 0123456789") for reason in reasons(read(abandoned, encoder.hdlc(CLEAR, llc=llc)))
    ]


def test_noise_between_the_segments_of_a_ciphered_apdu_is_judged_by_what_they_hold() -> None:
    """Its length tells afterwards that none is missing, unless the noise may hide an end and the next beginning."""
    frames, next_frames = (encoder.hdlc_segments(encoder.sealed(bytes(60), counter=number), 30) for number in (1, 2))

    assert ["telegram"] * 2 == reasons(read((b"\0" * 75).join(frames), *next_frames))
    assert ["hdlc: a segment may be among 76 bytes of noise at byte 42"] == reasons(
        read(frames[0], b"\0" * 76, *next_frames[1:])
    )
