"""A-XDR, the encoding of COSEM data (IEC 61334-6; the tags: Blue Book 4.1.5): octets in, a tree of nodes out.

The tree says where everything lies; contents are not interpreted here. Every length and count is checked against what
is left before anything is made of it, so that a claim of 2³² elements costs nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from stream_app.dlms.errors import EncodingError

MAX_DEPTH: Final = 16  # the deepest push seen is 4; refuses nesting bombs

NULL, ARRAY, STRUCTURE, BIT_STRING = 0, 1, 2, 4
OCTET_STRING, VISIBLE_STRING, UTF8_STRING = 9, 10, 12
DOUBLE_LONG_UNSIGNED, INTEGER, UNSIGNED, LONG_UNSIGNED, ENUM = 6, 15, 17, 18, 22
DATE_TIME, DATE, TIME = 25, 26, 27

TYPE_NAMES: Final = {
    0: "null-data", 1: "array", 2: "structure", 3: "boolean", 4: "bit-string", 5: "double-long",
    6: "double-long-unsigned", 9: "octet-string", 10: "visible-string", 12: "utf8-string", 13: "bcd", 15: "integer",
    16: "long", 17: "unsigned", 18: "long-unsigned", 19: "compact-array", 20: "long64", 21: "long64-unsigned",
    22: "enum", 23: "float32", 24: "float64", 25: "date-time", 26: "date", 27: "time",
}  # fmt: skip
FIXED: Final = {
    0: 0, 3: 1, 5: 4, 6: 4, 13: 1, 15: 1, 16: 2, 17: 1, 18: 2, 20: 8, 21: 8, 22: 1, 23: 4, 24: 8, 25: 12, 26: 5, 27: 4,
}  # fmt: skip
INTEGERS: Final = {5: "i", 6: "I", 15: "b", 16: "h", 17: "B", 18: "H", 20: "q", 21: "Q"}  # struct format characters
FLOATS: Final = frozenset({23, 24})
STRINGS: Final = frozenset({OCTET_STRING, VISIBLE_STRING, UTF8_STRING})


class Node:
    """One value: its tag at ``at``, its contents in ``start:end``; ``items`` of an array or structure, else empty."""

    __slots__ = ("at", "end", "items", "start", "tag")

    def __init__(self, tag: int, at: int, start: int, end: int, items: tuple[Node, ...] = ()) -> None:
        self.tag = tag
        self.at = at
        self.start = start
        self.end = end
        self.items = items

    @property
    def size(self) -> int:
        """Octets of contents."""
        return self.end - self.start

    @property
    def type_name(self) -> str:
        """The type's name in the Blue Book."""
        return TYPE_NAMES[self.tag]


class Cursor:
    """A place in A-XDR octets. Every reader advances through ``take``, and ``take`` refuses to overrun."""

    __slots__ = ("at", "data")

    def __init__(self, data: bytes, at: int = 0) -> None:
        self.data = data
        self.at = at

    def take(self, count: int) -> int:
        """Advance over ``count`` octets; where they begin."""
        start = self.at
        if count > len(self.data) - start:
            raise EncodingError(f"wants {count} octets, {len(self.data) - start} are left", offset=start)
        self.at = start + count
        return start

    def octet(self) -> int:
        """The next octet."""
        return self.data[self.take(1)]

    def length(self) -> int:
        """A length or count (IEC 61334-6 6.10): one octet below 128, else that many octets of big-endian number."""
        first = self.octet()
        if first < 0x80:
            return first
        count = first & 0x7F
        if not 0 < count <= 4:
            raise EncodingError(f"length octet {first:02X} cannot be", offset=self.at - 1)
        start = self.take(count)
        return int.from_bytes(self.data[start : self.at], "big")

    def count(self) -> int:
        """The number of elements that follow, each of at least one octet."""
        at = self.at
        count = self.length()
        if count > len(self.data) - self.at:
            raise EncodingError(f"claims {count} elements in {len(self.data) - self.at} octets", offset=at)
        return count

    def node(self, depth: int = 0) -> Node:
        """The next value, whatever it is."""
        at, data = self.at, self.data
        tag = data[at] if at < len(data) else self.octet()
        size = FIXED.get(tag)
        if size is not None and at + size < len(data):  # nine in ten, without another call
            self.at = end = at + 1 + size
            return Node(tag, at, at + 1, end)
        self.at = at + 1
        reader = READERS.get(tag)
        if reader is None:
            raise EncodingError(f"tag {tag:02X} ({TYPE_NAMES.get(tag, 'no A-XDR type')}) is not read", offset=at)
        return reader(self, tag, at, depth)

    def _fixed(self, tag: int, at: int, depth: int) -> Node:
        start = self.take(FIXED[tag])
        return Node(tag, at, start, self.at)

    def _string(self, tag: int, at: int, depth: int) -> Node:
        start = self.take(self.length())
        return Node(tag, at, start, self.at)

    def _bits(self, tag: int, at: int, depth: int) -> Node:
        start = self.take((self.length() + 7) // 8)
        return Node(tag, at, start, self.at)

    def _group(self, tag: int, at: int, depth: int) -> Node:
        if depth == MAX_DEPTH:
            raise EncodingError(f"nested deeper than {MAX_DEPTH}", offset=at)
        count = self.count()
        start = self.at
        items = tuple([self.node(depth + 1) for _ in range(count)])
        return Node(tag, at, start, self.at, items)


READERS: Final[dict[int, Callable[[Cursor, int, int, int], Node]]] = {
    **dict.fromkeys(FIXED, Cursor._fixed),
    ARRAY: Cursor._group,
    STRUCTURE: Cursor._group,
    BIT_STRING: Cursor._bits,
    OCTET_STRING: Cursor._string,
    VISIBLE_STRING: Cursor._string,
    UTF8_STRING: Cursor._string,
}
