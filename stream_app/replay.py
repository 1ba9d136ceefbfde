"""The replay guard: every frame counter of a key is accepted at most once (KSMW §3.5.4; ``strict``: its letter).

Accepted counters are kept as ranges, in normal life one. A counter in a hole is late data and welcome, once; it never
moves the newest counter back. ``judge`` asks, ``accept`` moves: between the two lies the verification of the telegram,
so that a forged one cannot burn a counter.
"""

from __future__ import annotations

import struct
from bisect import bisect_right
from enum import Enum
from typing import Final

MAX_RANGES: Final = 256  # 2 KB at worst; a meter that loses every other telegram for an hour stays below
MAX_COUNTER: Final = 0xFFFFFFFF  # the counter has 32 bits; after it the meter sends no more (KSMW §3.5.4)
REMEMBERED: Final = 4  # telegrams whose fingerprint tells a second gateway from a forger
_HEAD: Final = struct.Struct(">4IH")
_RANGE: Final = struct.Struct(">II")
_ORDINARY: Final = struct.Struct(">4IHII")  # both of them, where there is one range


class Verdict(Enum):
    """What the guard says of a counter. Only NEW and LATE may be accepted."""

    NEW = "newer than all before"
    LATE = "fills a hole"
    SAME_TELEGRAM = "the same telegram once more"
    SEEN = "this counter was accepted before"
    OLD = "counter is not above the newest one"


class ReplayGuard:
    """The accepted counters of one meter under one encryption key; ``newest`` is the highest, -1 before the first."""

    __slots__ = ("_first", "_last", "_recent", "newest")

    def __init__(self) -> None:
        self._first: list[int] = []  # where each range begins, ascending
        self._last: list[int] = []  # and ends, inclusive
        self._recent = [0] * REMEMBERED  # fingerprint of counter c at c % REMEMBERED
        self.newest = -1

    def judge(self, counter: int, fingerprint: int, *, strict: bool = False) -> Verdict:
        """May this counter be accepted? ``fingerprint`` (32 bits of a checksum) is that of the telegram's bytes."""
        newest = self.newest
        if counter > newest:
            return Verdict.NEW
        at = bisect_right(self._first, counter) - 1
        if at >= 0 and counter <= self._last[at]:
            known = counter > newest - REMEMBERED and self._recent[counter % REMEMBERED] == fingerprint
            return Verdict.SAME_TELEGRAM if known else Verdict.SEEN
        return Verdict.OLD if strict else Verdict.LATE

    def accept(self, counter: int, fingerprint: int) -> None:
        """Take a counter that was judged NEW or LATE and whose telegram has been verified."""
        newest = self.newest
        if counter > newest - REMEMBERED:
            self._recent[counter % REMEMBERED] = fingerprint
        if counter == newest + 1 and newest >= 0:
            self._last[-1] = self.newest = counter
            return
        self._insert(counter)
        self.newest = self._last[-1]

    def _insert(self, counter: int) -> None:
        first, last = self._first, self._last
        at = bisect_right(first, counter)
        joins_left = at > 0 and last[at - 1] == counter - 1
        joins_right = at < len(first) and first[at] == counter + 1
        if joins_left and joins_right:
            last[at - 1] = last.pop(at)
            del first[at]
        elif joins_left:
            last[at - 1] = counter
        elif joins_right:
            first[at] = counter
        else:
            first.insert(at, counter)
            last.insert(at, counter)
        if len(first) > MAX_RANGES:  # the oldest hole closes: what is still missing there is refused from now on
            del first[1], last[0]

    def pack(self) -> bytes:
        """The guard as bytes for the changelog: 26 in normal life."""
        if len(self._first) == 1:
            return _ORDINARY.pack(*self._recent, 1, self._first[0], self.newest)
        ranges = b"".join(map(_RANGE.pack, self._first, self._last))
        return _HEAD.pack(*self._recent, len(self._first)) + ranges

    @classmethod
    def unpack(cls, data: bytes, at: int = 0) -> tuple[ReplayGuard, int]:
        """The guard packed at ``at``, and where the next item begins."""
        *recent, count = _HEAD.unpack_from(data, at)
        end = at + _HEAD.size + count * _RANGE.size
        guard = cls()
        guard._recent = recent
        for first, last in _RANGE.iter_unpack(data[at + _HEAD.size : end]):
            guard._first.append(first)
            guard._last.append(last)
            guard.newest = last
        return guard, end
