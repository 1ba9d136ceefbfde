from __future__ import annotations

from edge_agent.backoff import Backoff


def test_pauses_grow_to_a_limit_and_are_never_quite_alike() -> None:
    first, second = Backoff(1, 60), Backoff(1, 60)
    pauses = [first.pause() for _ in range(12)]

    assert all(
        bound / 2 <= pause <= bound for pause, bound in zip(pauses, [1, 2, 4, 8, 16, 32, *[60] * 6], strict=True)
    )
    assert pauses != [second.pause() for _ in range(12)]


def test_after_a_success_the_pause_is_short_again() -> None:
    backoff = Backoff(1, 60)
    for _ in range(5):
        backoff.pause()
    backoff.succeeded()

    assert backoff.pause() <= 1
