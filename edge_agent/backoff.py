"""Growing, jittered pauses between attempts at something that is away."""

from __future__ import annotations

import random


class Backoff:
    """Pauses in seconds: each about twice the one before, at most ``longest``; half of each is chance.

    Chance keeps a hundred agents from knocking at the same instant when a broker or a gateway returns.
    """

    def __init__(self, first: float = 1.0, longest: float = 60.0) -> None:
        self._first = first
        self._longest = longest
        self._next = first

    def pause(self) -> float:
        """How long to wait before the next attempt."""
        bound = self._next
        self._next = min(2 * bound, self._longest)
        return random.uniform(bound / 2, bound)

    def succeeded(self) -> None:
        """It works again: the next pause is a short one."""
        self._next = self._first
