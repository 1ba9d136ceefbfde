from __future__ import annotations

import pytest

from edge_agent.link.delimiter import Delimiter
from edge_agent.link.telegram import Refused, Telegram
from tests.edge_agent.link import encoder

SEALED = encoder.sealed(bytes(range(30)))
CLEAR = b"\x0f\0\0\0\1\0\x02\x01\x12\x00\x07"


def read(stream: bytes, link: str = "wpdu") -> list[Telegram | Refused]:
    delimiter = Delimiter(link)
    return delimiter.feed(stream) + delimiter.idle()


@pytest.mark.parametrize("link", ["wpdu", "auto"])
@pytest.mark.parametrize("apdu", [SEALED, CLEAR], ids=["ciphered", "clear"])
def test_wrappers_follow_one_another(link: str, apdu: bytes) -> None:
    stream = encoder.wrapper(apdu)

    assert [("wpdu", stream, apdu)] * 2 == [one[:3] for one in read(stream + stream, link)]


@pytest.mark.parametrize("change", [1, -1, 8, -20])
def test_a_wrapper_that_disagrees_with_the_apdu_in_it_is_refused(change: int) -> None:
    stream = bytearray(encoder.wrapper(SEALED))
    stream[7] += change

    broken, sound = read(bytes(stream) + encoder.wrapper(SEALED))

    assert isinstance(broken, Refused)
    assert "link" == broken.error.kind
    assert isinstance(sound, Telegram)


def test_a_wrapper_cut_short_is_refused() -> None:
    (refused,) = read(encoder.wrapper(SEALED)[:20])

    assert isinstance(refused, Refused)
    assert "wpdu: cut short: 20 of 54 bytes at byte 20" == str(refused.error)


def test_two_octets_of_version_in_a_block_header_are_no_wrapper() -> None:
    """E0 40 [00 01 00 00 70 0F 00 14] 0F: where somebody may join a line in the middle of a first block."""
    block = encoder.block(1, b"\x0f\x00\x14\x0f\xe5\x0c\x07\xe4" + bytes(100), last=False)

    assert b"\0\1" == block[2:4]
    assert [] == read(block[2:], "auto")
