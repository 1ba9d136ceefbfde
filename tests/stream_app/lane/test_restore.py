from __future__ import annotations

import pytest
from aiokafka import TopicPartition

from stream_app.lane.errors import StateMismatchError
from stream_app.lane.restore import Span, agree, start_offset
from stream_app.lane.transactions import NOTHING, Position

SOURCE = TopicPartition("in", 3)


@pytest.mark.parametrize(
    ("committed", "expected"),
    [
        pytest.param(NOTHING, (10, 0), id="never-committed-begins-at-the-beginning"),
        pytest.param(Position(15, "t"), (15, 0), id="goes-on-at-the-committed-offset"),
        pytest.param(Position(20, "t"), (20, 0), id="all-is-read"),
        pytest.param(Position(4, "t"), (10, 6), id="what-the-retention-deleted-is-counted"),
    ],
)
def test_processing_goes_on_where_it_was_committed(committed: Position, expected: tuple[int, int]) -> None:
    assert expected == start_offset(SOURCE, Span(10, 20), committed)


def test_a_committed_offset_beyond_the_end_is_refused() -> None:
    """The topic was made anew: other records stand, or will stand, at these offsets."""
    with pytest.raises(StateMismatchError, match="in/3 ends at 20, before the committed offset 21"):
        start_offset(SOURCE, Span(10, 20), Position(21, "t"))


def test_the_state_of_the_committed_offset_is_accepted() -> None:
    agree(SOURCE, Position(7, "t"), Position(7, "t"))
    agree(SOURCE, NOTHING, NOTHING)


@pytest.mark.parametrize(
    ("committed", "marker"),
    [
        pytest.param(Position(7, "t"), Position(8, "t"), id="state-ahead"),
        pytest.param(Position(8, "t"), Position(7, "t"), id="state-behind"),
        pytest.param(Position(7, "t"), Position(7, "u"), id="same-offset-of-another-commit"),
        pytest.param(NOTHING, Position(7, "t"), id="offsets-expired"),
        pytest.param(Position(7, "t"), NOTHING, id="changelog-emptied"),
    ],
)
def test_any_other_state_is_refused(committed: Position, marker: Position) -> None:
    with pytest.raises(StateMismatchError, match="in/3: committed is"):
        agree(SOURCE, committed, marker)
