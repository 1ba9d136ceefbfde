from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from stream_app.energy.bracket import Bracket, Mark, between, exactly, lost, settled_at
from stream_app.energy.packing import decode, encode, pack_history, unpack_history
from stream_app.energy.rollover import Suspects

MARKS = st.builds(Mark, st.integers(0, 2**42), st.integers(-(2**33), 2**40), st.booleans())


@st.composite
def brackets(draw: st.DrawFn) -> Bracket:
    left = draw(MARKS)
    right = Mark(left.at + draw(st.integers(1, 2**36)), left.value + draw(st.integers(0, 2**30)), draw(st.booleans()))
    since = draw(st.integers(0, 2**42))
    kind = draw(st.sampled_from(["between", "exactly", "lost", "settled", "stale"]))
    bracket = between(left, right, since)
    bracket.first, bracket.last = left.value + draw(st.integers(0, 99)), right.value - draw(st.integers(0, 99))
    if kind == "exactly":
        bracket = exactly(left, since)
    elif kind == "lost":
        bracket = lost(left, right, since)
    elif kind == "settled":
        bracket.method = draw(st.sampled_from(["INTERPOLATED", "COMPARABLE_DAY", "NONE"]))
        bracket = settled_at(left.at, None if bracket.method == "NONE" else left.value, bracket)
    elif kind == "stale":
        bracket.was = draw(MARKS), draw(MARKS)
    bracket.telegrams, bracket.coverage = draw(st.integers(0, 999)), draw(st.integers(0, 900_000))
    bracket.broken = draw(st.booleans())
    return bracket


@given(st.lists(st.integers(-(2**63), 2**63)))
def test_numbers_come_back(numbers: list[int]) -> None:
    assert numbers == decode(encode(numbers))


@given(
    st.integers(-(2**40), 2**40),
    st.integers(0, 2**42),
    st.none() | st.builds(Suspects, MARKS, MARKS, st.integers(1, 99)),
    st.lists(brackets(), max_size=20),
)
def test_a_history_comes_back(base: int, stale: int, suspects: Suspects | None, history: list[Bracket]) -> None:
    assert (base, stale, suspects, history) == unpack_history(pack_history(base, stale, suspects, history))
