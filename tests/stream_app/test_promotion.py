from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from stream_app.promotion import Promotion
from stream_app.records import Event


@given(st.integers(0, 2**31 - 1), st.integers(0, 2**41), st.booleans())
def test_a_promotion_comes_back_out_of_its_event(version: int, at: int, with_tag: bool) -> None:
    promotion = Promotion("4C475A1030A1B2C3", version, at, with_tag)

    assert promotion == Promotion.of(promotion.event())


def test_another_event_is_no_promotion() -> None:
    assert Promotion.of(Event("T", 0, "clock.drift", "WARNING", "version 1 verified with a tag")) is None
