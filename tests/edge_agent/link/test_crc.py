from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from edge_agent.link import crc
from tests.edge_agent.link.encoder import crc16, fcs


def test_arc_gives_the_catalogue_check_value() -> None:
    assert crc.arc(b"123456789") == 0xBB3D


@given(st.binary(max_size=300))
def test_arc_is_what_the_shift_register_gives(data: bytes) -> None:
    assert crc16(data, 0, 0xA001) == crc.arc(data)


def test_arc_holds_beyond_its_first_fold() -> None:
    data = bytes(range(256)) * 160

    assert crc16(data, 0, 0xA001) == crc.arc(data)


@given(st.binary(max_size=300))
def test_data_followed_by_its_check_sequence_holds(data: bytes) -> None:
    assert crc.x25_holds(data + fcs(data))


@given(st.binary(max_size=100), st.integers(0, 1 << 20), st.integers(1, 255))
def test_a_changed_octet_does_not_hold(data: bytes, at: int, change: int) -> None:
    """A burst of up to 16 bits never escapes a CRC-16."""
    frame = bytearray(data + fcs(data))
    frame[at % len(frame)] ^= change

    assert not crc.x25_holds(frame)
