from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_agent.link.delimiter import Delimiter
from edge_agent.link.errors import MeterDataError
from edge_agent.link.telegram import Refused, Telegram, reread
from tests.edge_agent.link import encoder

APDU = encoder.sealed(bytes(range(200)))
OTHER = encoder.sealed(bytes(range(200, 0, -1)), counter=8)


def read(*frames: bytes, link: str = "hdlc") -> list[Telegram | Refused]:
    delimiter = Delimiter(link)
    return delimiter.feed(b"".join(frames)) + delimiter.idle()


def reasons(done: list[Telegram | Refused]) -> list[str]:
    return [str(one.error) if isinstance(one, Refused) else one.apdu.hex() for one in done]


@given(st.binary(min_size=1, max_size=600), st.integers(1, 300))
def test_an_apdu_cut_anywhere_comes_out_whole(body: bytes, size: int) -> None:
    apdu = encoder.sealed(body)

    assert [apdu.hex()] == reasons(read(*encoder.hdlc_blocks(apdu, size)))


@given(st.permutations(range(1, 6)), st.lists(st.integers(0, 5), max_size=3))
def test_blocks_behind_the_first_may_come_in_any_order_and_twice(order: list[int], twice: list[int]) -> None:
    frames = encoder.hdlc_blocks(APDU, 37)
    sent = [frames[0], *(frames[number] for number in order)]
    for number in twice:
        sent.insert(sent.index(frames[number]) + 1, frames[number])

    assert [APDU.hex()] == reasons(read(*sent))
    assert [OTHER.hex()] == reasons(read(*sent, *encoder.hdlc_blocks(OTHER, 37)))[1:]


def test_a_new_first_block_abandons_the_transfer() -> None:
    frames, others = encoder.hdlc_blocks(APDU, 60), encoder.hdlc_blocks(OTHER, 60)

    assert ["gbt: block 3 is missing at byte 161", OTHER.hex()] == reasons(read(*frames[:2], *others))


def test_missing_blocks_are_named() -> None:
    frames = encoder.hdlc_blocks(APDU, 40)

    assert ["gbt: block 2, 4 is missing at byte 216"] == reasons(read(frames[0], frames[2], *frames[4:]))


def test_a_block_of_another_transfer_is_not_mixed_in() -> None:
    frames, others = encoder.hdlc_blocks(APDU, 60), encoder.hdlc_blocks(OTHER, 60)

    done = read(*frames[:2], *others[1:])

    assert ["gbt: block 3 is missing at byte 161", "gbt: the transfer begins with block 2 at byte 0"] == reasons(done)


def test_joining_in_the_middle_is_one_refusal() -> None:
    frames = encoder.hdlc_blocks(APDU, 40)

    assert ["gbt: the transfer begins with block 3 at byte 0", APDU.hex()] == reasons(read(*frames[2:], *frames))


def test_a_damaged_block_is_one_refusal_with_the_damage_as_reason() -> None:
    frames = encoder.hdlc_blocks(APDU, 40)
    damaged = bytearray(frames[2])
    damaged[30] ^= 1

    done = read(*frames[:2], bytes(damaged), *frames[3:], *encoder.hdlc_blocks(OTHER, 40))

    assert ["hdlc: frame check sequence does not fit at byte 177", OTHER.hex()] == reasons(done)


def test_blocks_behind_the_last_are_refused() -> None:
    first, second, third = (encoder.hdlc(encoder.block(n, b"x", last=n == 2), llc=encoder.LLC) for n in (1, 2, 3))

    assert ["gbt: blocks after the last one, 2 at byte 46"] == reasons(read(first, third, second))


def test_several_blocks_may_share_a_frame_with_and_without_llc() -> None:
    first, second, third = encoder.blocks(APDU, 80)

    assert [APDU.hex()] == reasons(read(encoder.hdlc(first + second + encoder.LLC + third, llc=encoder.LLC)))


def test_a_block_that_is_not_as_long_as_it_says_is_refused() -> None:
    cheat = bytearray(encoder.block(1, APDU[:50], last=True))
    cheat[6] += 1

    assert ["gbt: a block is not as long as it says at byte 0"] == reasons(
        read(encoder.hdlc(bytes(cheat), llc=encoder.LLC))
    )


def test_blocks_travel_over_every_link() -> None:
    cut = encoder.blocks(APDU, 60)

    assert [APDU.hex()] == reasons(read(*(encoder.mbus(0x10, one) for one in cut), link="mbus"))
    assert [APDU.hex()] == reasons(read(*map(encoder.wrapper, cut), link="wpdu"))
    assert [APDU.hex()] == reasons(read(*cut, link="apdu"))
    assert APDU == reread(b"".join(cut), "apdu").apdu


def test_a_bare_block_beyond_any_telegram_is_not_waited_for() -> None:
    bomb = b"\xe0\xc0\0\1\0\0\x82\xff\xff"
    done = Delimiter("apdu").feed(bomb + b"".join(encoder.blocks(APDU, 60)))

    assert [APDU] == [one.apdu for one in done if isinstance(one, Telegram)]


def test_blocks_of_two_transfers_that_do_not_make_the_apdu_they_announce_are_refused() -> None:
    """The first transfer is abandoned behind its first block, and the first block of the next one is lost."""
    longer = encoder.sealed(bytes(range(230)), counter=8)
    first, others = encoder.hdlc_blocks(APDU, 60)[0], encoder.hdlc_blocks(longer, 60)[1:]
    captured = first + b"".join(others)

    reason = "gbt: the blocks hold 247 bytes, the APDU in them has 217 at byte"
    assert [reason] == [one.rstrip(" 0123456789") for one in reasons(read(captured))]
    for _ in range(2):
        reread(b"".join(encoder.hdlc_blocks(longer, 60)), "hdlc")
        with pytest.raises(MeterDataError, match=reason):
            reread(captured, "hdlc")
