from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_agent.link.delimiter import Delimiter
from edge_agent.link.telegram import Refused, Telegram
from tests.edge_agent.link import encoder

APDU = encoder.sealed(bytes(range(40)))


def read(*frames: bytes) -> list[Telegram | Refused]:
    delimiter = Delimiter("mbus")
    return delimiter.feed(b"".join(frames)) + delimiter.idle()


def reasons(done: list[Telegram | Refused]) -> list[str]:
    return [str(one.error) if isinstance(one, Refused) else "telegram" for one in done]


def test_a_single_frame_is_a_telegram() -> None:
    frame = encoder.mbus(0x10, APDU)

    assert [Telegram("mbus", frame, APDU, b"LGZ\x67\x71\x97\xc0\x9d")] == read(frame)


@given(st.integers(1, 40), st.integers(0, 60))
def test_segment_numbers_roll_over(count: int, rest: int) -> None:
    apdu = encoder.sealed(bytes(20 * count + rest))

    assert [apdu] == [one.apdu for one in read(*encoder.mbus_segments(apdu, 20)) if isinstance(one, Telegram)]


@pytest.mark.parametrize(("ci", "header"), [(0x60, 12), (0x7C, 12), (0x61, 4), (0x7D, 4)])
def test_a_data_header_is_passed_over(ci: int, header: int) -> None:
    (telegram,) = read(encoder.mbus(ci, APDU, header=bytes(range(header))))

    assert isinstance(telegram, Telegram)
    assert APDU == telegram.apdu


@pytest.mark.parametrize("octets", range(250, 262))
def test_a_length_beyond_255_wraps(octets: int) -> None:
    apdu = encoder.sealed(bytes(octets + 20))
    frames = encoder.mbus_segments(apdu, octets - 5)

    assert octets & 0xFF == frames[0][1]
    assert ["telegram"] * 2 == reasons(read(*frames, *frames))


def test_a_damaged_last_segment_does_not_take_the_next_frame_for_its_wrapped_rest() -> None:
    """n + 256 octets end on the stop byte of the next frame, and a sum of one octet fits every 256th time."""
    apdu = encoder.sealed(bytes(270))
    first, last = encoder.mbus_segments(apdu, 245)
    for octet in range(256):
        damaged = last[:-5] + bytes((octet,)) + last[-4:]

        assert "telegram" == reasons(read(first, damaged, first, last))[-1]


@pytest.mark.parametrize(
    ("order", "reason"),
    [
        ((0, 2), "mbus: segment 2 where 1 is due at byte 56"),
        ((1, 2), "mbus: segment 1 where 0 is due at byte 0"),
        ((0, 1), "mbus: segment 2 is missing at byte 112"),
        ((0, 1, 1, 2), "mbus: segment 1 where 2 is due at byte 112"),
        ((2,), "mbus: segment 2 where 0 is due at byte 0"),
    ],
)
def test_a_segment_that_is_not_due_refuses_the_telegram_once(order: tuple[int, ...], reason: str) -> None:
    frames = encoder.mbus_segments(encoder.sealed(bytes(120)), 45)

    done = read(*(frames[number] for number in order))

    assert [reason] == reasons(done)
    assert b"".join(frames[number] for number in order) == done[0].captured


@pytest.mark.parametrize(
    ("at", "reason"),
    [
        (-1, "mbus: 17 where the stop byte is due at byte 66"),
        (-2, "mbus: checksum C7, the octets add up to C6 at byte 65"),
        (20, "mbus: checksum C6, the octets add up to C7 at byte 65"),
        (6, "mbus: checksum C6, the octets add up to C7 at byte 65"),
    ],
)
def test_damage_is_named_with_its_byte(at: int, reason: str) -> None:
    frame = bytearray(encoder.mbus(0x10, APDU))
    frame[at] ^= 1

    assert [reason] == reasons(read(bytes(frame)))


def test_a_frame_of_another_application_is_refused_as_such() -> None:
    assert ["mbus: CI 72 carries no DLMS at byte 6"] == reasons(read(encoder.mbus(0x72, b"heat meter")))


def test_a_new_first_segment_ends_the_telegram_before() -> None:
    frames = encoder.mbus_segments(encoder.sealed(bytes(120)), 45)

    assert ["mbus: segment 2 is missing at byte 112", "telegram"] == reasons(read(*frames[:2], *frames))
