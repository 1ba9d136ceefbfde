"""Remembered framing: how the HDLC frames of a telegram lie in its capture, so that the next of its kind is cut in C.

Telegrams of one length from meters of one configuration have the same flags, lengths, addresses, control octets, header
checks and block headers in the same places. ``Framing`` keeps these as constants and picks what lies between. What does
not fit goes the long way; a frame check is never skipped.

The register of the check is in the same state after every header and after every good frame, so the fields of all
frames are checked in one go: what is wrong in one of them stays wrong to the end.
"""

from __future__ import annotations

from collections.abc import Iterable
from itertools import chain, pairwise
from struct import Struct

from edge_agent.link.crc import X25_RESIDUE, x25_holds

MAX_FRAMINGS = 512  # 2 KB each
MAX_OF_A_SIZE = 8  # tried one after the other


class Framing:
    """One kind of capture.

    ``fields``: the spans of information and FCS of each frame; ``parts``: what is picked; ``fixed``: what of the first
    part is the same in all of the kind.
    """

    __slots__ = ("_constants", "_expected", "_fields", "_parts")

    def __init__(
        self, captured: bytes, fields: list[tuple[int, int]], parts: list[tuple[int, int]], fixed: tuple[int, int]
    ) -> None:
        size = len(captured)
        begin, end = parts[0][0], fields[0][1]
        others = ((start, end) for (start, _), (_, end) in zip(parts[1:], fields[1:], strict=True))
        free = ((begin, fixed[0]), (fixed[1], end), *others)  # with the two octets of each FCS
        self._constants = _picture(size, pairwise(chain((0,), chain.from_iterable(free), (size,))), every_other=True)
        self._expected = self._constants.unpack(captured)
        self._fields = _picture(size, fields)
        self._parts = _picture(size, parts)

    def take(self, captured: bytes) -> tuple[bytes, ...] | None:
        """The parts of a capture of this size; None where constants or checks do not hold."""
        if self._constants.unpack(captured) != self._expected:
            return None
        fields = b"".join(self._fields.unpack(captured))
        if not x25_holds(fields, X25_RESIDUE):
            return None
        return self._parts.unpack(captured)


class Framings:
    """The framings met lately, by size."""

    def __init__(self) -> None:
        self._of_size: dict[int, list[tuple[Framing, int]]] = {}
        self._count = 0

    def find(self, captured: bytes) -> tuple[tuple[bytes, ...], int] | None:
        """The parts of a capture that one of them fits, and the note made with it."""
        for framing, note in self._of_size.get(len(captured), ()):
            if parts := framing.take(captured):
                return parts, note
        return None

    def keep(self, captured: bytes, framing: Framing, note: int) -> None:
        """Remember one for captures as long as this."""
        if self._count >= MAX_FRAMINGS:
            self._of_size.clear()
            self._count = 0
        same = self._of_size.setdefault(len(captured), [])
        same.insert(0, (framing, note))
        self._count += 1
        if len(same) > MAX_OF_A_SIZE:
            same.pop()
            self._count -= 1


def _picture(size: int, spans: Iterable[tuple[int, int]], *, every_other: bool = False) -> Struct:
    """A struct of ``size`` octets that reads the spans and skips what is between them."""
    parts, at = [">"], 0
    for start, end in list(spans)[:: 2 if every_other else 1]:
        parts.append(f"{start - at}x{end - start}s")
        at = end
    return Struct("".join(parts) + f"{size - at}x")
