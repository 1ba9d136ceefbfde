from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from stream_app.replay import MAX_RANGES, ReplayGuard, Verdict

COUNTERS = st.lists(st.integers(0, 40) | st.integers(0, 2**32 - 1), max_size=60)
MAY_PASS = (Verdict.NEW, Verdict.LATE)


def offer(guard: ReplayGuard, counter: int, fingerprint: int = 7, *, strict: bool = False) -> Verdict:
    verdict = guard.judge(counter, fingerprint, strict=strict)
    if verdict in MAY_PASS:
        guard.accept(counter, fingerprint)
    return verdict


@given(COUNTERS)
def test_every_counter_passes_exactly_once_in_any_order(counters: list[int]) -> None:
    guard = ReplayGuard()

    passed = [c for c in counters if offer(guard, c) in MAY_PASS]

    assert list(dict.fromkeys(counters)) == passed


@given(COUNTERS)
def test_the_newest_counter_never_moves_back(counters: list[int]) -> None:
    guard = ReplayGuard()
    for seen in range(len(counters)):
        offer(guard, counters[seen])

        assert max(counters[: seen + 1]) == guard.newest


@given(COUNTERS, COUNTERS)
def test_a_restored_guard_judges_like_the_original(before: list[int], after: list[int]) -> None:
    guard = ReplayGuard()
    for counter in before:
        offer(guard, counter, counter & 0xFFFF)
    packed = b"xx" + guard.pack() + b"yy"
    restored, end = ReplayGuard.unpack(packed, 2)

    assert len(packed) - 2 == end
    assert [guard.judge(c, c & 0xFFFF) for c in before + after] == [
        restored.judge(c, c & 0xFFFF) for c in before + after
    ]


def test_strict_refuses_a_counter_in_a_hole() -> None:
    guard = ReplayGuard()
    offer(guard, 5)
    offer(guard, 9)

    assert Verdict.OLD == guard.judge(7, 0, strict=True)
    assert Verdict.LATE == guard.judge(7, 0)


def test_the_same_bytes_again_are_told_from_other_bytes_under_a_used_counter() -> None:
    guard = ReplayGuard()
    offer(guard, 5, fingerprint=1)
    offer(guard, 6, fingerprint=2)

    assert Verdict.SAME_TELEGRAM == guard.judge(5, 1)
    assert Verdict.SEEN == guard.judge(5, 2)


def test_judging_moves_nothing() -> None:
    guard = ReplayGuard()
    offer(guard, 5)
    guard.judge(2**32 - 1, 0)

    assert Verdict.NEW == guard.judge(6, 0)


def test_beyond_256_ranges_the_oldest_hole_closes_for_good() -> None:
    guard = ReplayGuard()
    for counter in range(0, 2 * MAX_RANGES + 2, 2):
        offer(guard, counter)

    assert Verdict.SEEN == guard.judge(1, 0)
    assert Verdict.LATE == guard.judge(3, 0)
    assert len(guard.pack()) <= 26 + 8 * (MAX_RANGES - 1)


def test_an_ordinary_guard_packs_into_26_bytes() -> None:
    guard = ReplayGuard()
    for counter in range(1000, 5000):
        offer(guard, counter)

    assert 26 == len(guard.pack())
