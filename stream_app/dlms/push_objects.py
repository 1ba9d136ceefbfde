"""The object list at the head of a push (layout a): which attribute of which object each value is (Blue Book 4.4.8)."""

from __future__ import annotations

from struct import Struct
from typing import Final

from stream_app.dlms.axdr import ARRAY, INTEGER, LONG_UNSIGNED, OCTET_STRING, STRUCTURE, Cursor, Node
from stream_app.dlms.obis import Obis, obis

# An entry in class version 0: structure of four; class, logical name, attribute, data index. All are of one size.
ENTRY: Final = Struct(">3xH2x6sxb3x")
ENTRY_TAGS: Final = [
    (at, bytes((octet,)))
    for at, octet in {
        0: STRUCTURE, 1: 4, 2: LONG_UNSIGNED, 5: OCTET_STRING, 6: 6, 13: INTEGER, 15: LONG_UNSIGNED,
    }.items()
]  # fmt: skip
FIRST_TAGS: Final = (LONG_UNSIGNED, OCTET_STRING, INTEGER, LONG_UNSIGNED)  # later versions add fields behind these

PushObject = tuple[int, Obis, int]  # class, code, attribute


def read_object_list(cursor: Cursor) -> list[PushObject] | None:
    """The object list if the next value is one, else None and the cursor where it was.

    Newer push setups (class version 1 and 2) add fields to an entry; those of version 0 are all of one size.
    """
    start, data = cursor.at, cursor.data
    if data[start] != ARRAY:
        return None
    cursor.take(1)
    count = cursor.count()
    entries = data[cursor.at : cursor.at + count * ENTRY.size]
    if count and len(entries) == count * ENTRY.size and _all_of_version_0(entries):
        cursor.take(len(entries))
        return [(class_id, obis(code), attribute) for class_id, code, attribute in ENTRY.iter_unpack(entries)]
    cursor.at = start
    objects = [_push_object(data, item) for item in cursor.node(1).items]
    if objects and None not in objects:
        return [one for one in objects if one is not None]
    cursor.at = start
    return None


def _all_of_version_0(entries: bytes) -> bool:
    return not any(entries[at :: ENTRY.size].strip(octet) for at, octet in ENTRY_TAGS)


def _push_object(data: bytes, node: Node) -> PushObject | None:
    if node.tag != STRUCTURE or tuple([item.tag for item in node.items[:4]]) != FIRST_TAGS or node.items[1].size != 6:
        return None
    class_id, name, attribute, _ = node.items[:4]
    number = int.from_bytes(data[class_id.start : class_id.end], "big")
    return number, obis(data[name.start : name.end]), data[attribute.start]
