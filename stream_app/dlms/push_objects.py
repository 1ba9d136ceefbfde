"""The object list at the head of a push (layout a): which attribute of which object each value is (Blue Book 4.4.8)."""

from __future__ import annotations

from struct import Struct
from typing import Final, NamedTuple

from stream_app.dlms.axdr import ARRAY, INTEGER, LONG_UNSIGNED, OCTET_STRING, STRUCTURE, Cursor, Node
from stream_app.dlms.obis import Obis, obis

# An entry in class version 0: structure of four; class, logical name, attribute, data index. All are of one size.
ENTRY: Final = Struct(">3sH2s6sBbBH")
ENTRY_SHAPE: Final = (b"\x02\x04\x12", b"\x09\x06", INTEGER, LONG_UNSIGNED)
FIRST_TAGS: Final = (LONG_UNSIGNED, OCTET_STRING, INTEGER, LONG_UNSIGNED)  # later versions add fields behind these


class PushObject(NamedTuple):
    """An entry of the object list."""

    class_id: int
    obis: Obis
    attribute: int


def read_object_list(cursor: Cursor) -> list[PushObject] | None:
    """The object list if the next value is one, else None and the cursor where it was.

    Newer push setups (class version 1 and 2) add fields to an entry; those of version 0 are all of one size.
    """
    start, data = cursor.at, cursor.data
    if data[start] != ARRAY:
        return None
    cursor.take(1)
    count = cursor.count()
    end = cursor.at + count * ENTRY.size
    if count and end <= len(data):
        objects = [
            PushObject(class_id, obis(code), attribute)
            for head, class_id, name, code, third, attribute, fourth, _ in ENTRY.iter_unpack(data[cursor.at : end])
            if (head, name, third, fourth) == ENTRY_SHAPE
        ]
        if len(objects) == count:
            cursor.at = end
            return objects
    cursor.at = start
    entries = [_push_object(data, item) for item in cursor.node(1).items]
    if entries and None not in entries:
        return [entry for entry in entries if entry is not None]
    cursor.at = start
    return None


def _push_object(data: bytes, node: Node) -> PushObject | None:
    if node.tag != STRUCTURE or tuple(item.tag for item in node.items[:4]) != FIRST_TAGS or node.items[1].size != 6:
        return None
    class_id, name, attribute, _ = node.items[:4]
    number = int.from_bytes(data[class_id.start : class_id.end], "big")
    return PushObject(number, obis(data[name.start : name.end]), data[attribute.start])
