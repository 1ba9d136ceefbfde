from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from stream_app.lane.transactions import MARKER, NOTHING, Position


@given(st.integers(-1, 2**62), st.text(st.characters(codec="utf-8")))
def test_a_marker_gives_back_its_position(offset: int, token: str) -> None:
    assert Position(offset, token) == Position.unpack(Position(offset, token).pack())


def test_two_commits_at_one_offset_differ_by_their_token() -> None:
    assert Position(5, "a:1") != Position(5, "a:2")


def test_nothing_committed_is_no_position_of_a_commit() -> None:
    assert Position(0, "") != NOTHING


def test_no_title_can_be_mistaken_for_the_marker() -> None:
    assert not MARKER.decode().isprintable()
