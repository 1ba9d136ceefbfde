"""A register's open history as bytes: whole numbers of variable length, times and values as differences.

This is how it sleeps in memory between two boundaries as well, so that its size in memory is its size in the changelog.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from stream_app.energy.bracket import Bracket, Mark
from stream_app.energy.quality import METHODS
from stream_app.energy.rollover import Suspects

SETTLED: Final = 1
LEFT_AUTHENTICATED: Final = 2
RIGHT_AUTHENTICATED: Final = 4
VALUED: Final = 8
BROKEN: Final = 16
STALE: Final = 32
EXACT: Final = 64
METHOD: Final = 128

Next = Callable[[], int]


def encode(numbers: list[int]) -> bytes:
    """Signed numbers, seven bits a byte, least significant first, the sign in the lowest bit (Avro's ``long``)."""
    out = bytearray()
    for number in numbers:
        rest = number << 1 if number >= 0 else (-number << 1) - 1
        while rest > 127:
            out.append(rest & 127 | 128)
            rest >>= 7
        out.append(rest)
    return bytes(out)


def decode(data: bytes) -> list[int]:
    """What ``encode`` wrote."""
    numbers: list[int] = []
    number = shift = 0
    for byte in data:
        number |= (byte & 127) << shift
        if byte > 127:
            shift += 7
            continue
        numbers.append(-(number >> 1) - 1 if number & 1 else number >> 1)
        number = shift = 0
    return numbers


def pack_history(base: int, stale: int, suspects: Suspects | None, brackets: list[Bracket]) -> bytes:
    """Everything of a register that changes with the quarter."""
    numbers = [base, stale, suspects.length if suspects else 0]
    if suspects:
        numbers += [*suspects.first, *suspects.newest]
    at = value = 0
    for bracket in brackets:
        _pack_bracket(numbers, bracket, at, value)
        at, value = bracket.right.at, bracket.right.value
    return encode(numbers)


def unpack_history(data: bytes) -> tuple[int, int, Suspects | None, list[Bracket]]:
    """What ``pack_history`` wrote."""
    numbers = decode(data)
    numbers.reverse()
    take = numbers.pop
    base, stale, count = take(), take(), take()
    suspects = Suspects(_mark(take), _mark(take), count) if count else None
    brackets: list[Bracket] = []
    at = value = 0
    while numbers:
        bracket = _unpack_bracket(take, at, value)
        brackets.append(bracket)
        at, value = bracket.right.at, bracket.right.value
    return base, stale, suspects, brackets


def _short(milliseconds: int) -> int:
    """Most times are whole seconds: those are even numbers of them, the rest odd ones."""
    seconds, rest = divmod(milliseconds, 1000)
    return milliseconds * 2 + 1 if rest else seconds * 2


def _long(number: int) -> int:
    return number >> 1 if number & 1 else (number >> 1) * 1000


def _mark(take: Next) -> Mark:
    return Mark(take(), take(), bool(take()))


def _pack_bracket(numbers: list[int], bracket: Bracket, at: int, value: int) -> None:
    left, right = bracket.left, bracket.right
    flags = METHOD * METHODS.index(bracket.method)
    for flag, holds in (
        (SETTLED, bracket.settled),
        (LEFT_AUTHENTICATED, left.authenticated),
        (RIGHT_AUTHENTICATED, right.authenticated),
        (VALUED, bracket.first is not None),
        (BROKEN, bracket.broken),
        (STALE, bracket.was is not None),
        (EXACT, bracket.exact),
    ):
        flags += flag * holds
    numbers += (flags, _short(left.at - at), left.value - value, bracket.telegrams, _short(bracket.coverage))
    if bracket.exact:
        numbers.append(_short(bracket.span))
    else:
        numbers += (_short(right.at - left.at), right.value - left.value)
    if bracket.first is not None and bracket.last is not None and not bracket.exact:
        numbers += (bracket.first - left.value, right.value - bracket.last)
    if not bracket.settled:
        numbers.append(bracket.since - right.at)
    if bracket.was is not None:
        for mark in bracket.was:
            numbers += (_short(mark.at - left.at), mark.value - left.value, mark.authenticated)


def _unpack_bracket(take: Next, at: int, value: int) -> Bracket:
    flags = take()
    method = METHODS[flags // METHOD]
    left = Mark(_long(take()) + at, take() + value, bool(flags & LEFT_AUTHENTICATED))
    telegrams, coverage = take(), _long(take())
    right, authenticated = left, bool(flags & RIGHT_AUTHENTICATED)
    if flags & EXACT:
        span = _long(take())
    else:
        right = Mark(_long(take()) + left.at, take() + left.value, authenticated)
        span = 0 if method == "NONE" else right.at - left.at
    bracket = Bracket(left, right, 0, span=span, telegrams=telegrams, coverage=coverage)
    if flags & VALUED:
        bracket.first, bracket.last = left.value, right.value
        if not flags & EXACT:
            bracket.first += take()
            bracket.last -= take()
    if not (settled := bool(flags & SETTLED)):
        bracket.since = take() + right.at
    if flags & STALE:
        was = [Mark(_long(take()) + left.at, take() + left.value, bool(take())) for _ in range(2)]
        bracket.was = was[0], was[1]
    bracket.settled, bracket.broken, bracket.method = settled, bool(flags & BROKEN), method
    return bracket
