"""General block transfer (IEC 62056-5-3, general-block-transfer APDU): E0 | control | number | acknowledged | octets.

Control: 80 = last block, 40 = streaming, low bits = window; number and acknowledged are two octets each. Blocks are cut
anywhere, an OBIS code included. Meters abandon transfers, send blocks twice and out of order, so blocks are put in
their places by number. Block 1 always starts over; streaming, window and acknowledgement mean nothing one-way.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from edge_agent.link.errors import ReassemblyError
from edge_agent.link.frame import MAX_TELEGRAM, Frame, More

TAG = 0xE0
HEADER = re.compile(rb"\xe0(.)(..)..(?:([\x00-\x7f])|\x81(.)|\x82(..))", re.DOTALL)
LONGEST_HEADER = 9
LLC = re.compile(b"(?:\xe6[\xe6\xe7]\x00)?")


class Block(NamedTuple):
    """One block: its number from 1 on, whether it is the last, its octets and where its successor may begin."""

    number: int
    last: bool
    octets: bytes
    end: int


def is_block(data: bytes | bytearray) -> bool:
    """Whether an APDU is a block."""
    return data[:1] == b"\xe0"


def blocks(data: bytes) -> list[Block] | None:
    """The blocks of one frame, mostly one; each may have its own LLC header. None where it holds anything else."""
    found = []
    at = 0
    while header := HEADER.match(data, at):
        block = _block(data, header)
        if block.end > len(data):
            return None
        found.append(block)
        at = LLC.match(data, block.end).end()  # type: ignore[union-attr]  # it matches nothing, too
    return found if found and at == len(data) else None


def _block(data: bytes | bytearray, header: re.Match[bytes]) -> Block:
    control, number, *lengths = header.groups()
    start = header.end()
    end = start + int.from_bytes(next(octets for octets in lengths if octets is not None), "big")
    return Block(int.from_bytes(number, "big"), control[0] >= 0x80, bytes(data[start:end]), end)


def cut(buffer: bytearray, start: int, lead: int = 0) -> Frame | More | None:
    """A bare block ``lead`` bytes after ``start``, on a line without any link."""
    header = HEADER.match(buffer, start + lead)
    if header is None:
        due = start + lead + LONGEST_HEADER
        return More(due) if len(buffer) < due else None
    end = _block(buffer, header).end
    if end - start > MAX_TELEGRAM:
        return None
    data = bytes(buffer[start + lead : end])
    if end > len(buffer):
        error = ReassemblyError("block cut short", offset=len(buffer) - start, layer="gbt")
        return More(end, Frame("apdu", start, len(buffer), data, error=error))
    return Frame("apdu", start, end, data)


class Transfer:
    """The blocks of one transfer so far."""

    def __init__(self) -> None:
        self._octets: dict[int, bytes] = {}
        self._count: int | None = None

    def __bool__(self) -> bool:
        return bool(self._octets)

    def add(self, data: bytes) -> bytes | None:
        """Take the blocks of a frame; the APDU once every block is there."""
        found = blocks(data)
        if found is None:
            raise ReassemblyError("a block is not as long as it says", offset=0, layer="gbt")
        if not self._octets and found[0].number != 1:
            raise ReassemblyError(f"the transfer begins with block {found[0].number}", offset=0, layer="gbt")
        for block in found:
            self._octets[block.number] = block.octets
            if block.last:
                self._count = block.number
        if self._count is None or self.missing:
            return None
        if max(self._octets) > self._count:
            raise ReassemblyError(f"blocks after the last one, {self._count}", offset=0, layer="gbt")
        return b"".join(self._octets[number] for number in range(1, self._count + 1))

    def holds(self, found: list[Block]) -> bool:
        """Whether these blocks are known already: sent twice."""
        return all(self._octets.get(block.number) == block.octets for block in found)

    def contradicts(self, found: list[Block]) -> bool:
        """Whether these blocks are of another transfer: other octets under a number that is taken."""
        return any(self._octets.get(block.number, block.octets) != block.octets for block in found)

    @property
    def missing(self) -> list[int]:
        """Numbers of the blocks still to come, as far as is known."""
        top = self._count or max(self._octets, default=0) + 1
        return [number for number in range(1, top + 1) if number not in self._octets]
