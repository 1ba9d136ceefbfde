from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from edge_agent.link import crc
from tests.edge_agent.link.encoder import fcs


@given(st.binary(max_size=300))
def test_data_followed_by_its_check_sequence_holds(data: bytes) -> None:
    assert crc.x25_holds(data + fcs(data))


@given(st.binary(max_size=20), st.binary(max_size=300))
def test_what_follows_a_header_that_holds_is_checked_without_it(head: bytes, data: bytes) -> None:
    header = head + fcs(head)

    assert crc.x25_holds(data + fcs(header + data), crc.X25_RESIDUE)


@given(st.binary(max_size=100), st.integers(0, 1 << 20), st.integers(1, 255))
def test_a_changed_octet_does_not_hold(data: bytes, at: int, change: int) -> None:
    """A burst of up to 16 bits never escapes a CRC-16."""
    frame = bytearray(data + fcs(data))
    frame[at % len(frame)] ^= change

    assert not crc.x25_holds(frame)
