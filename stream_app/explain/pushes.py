"""APDU and plaintext, annotated. The judges are ``dlms.cipher`` and ``dlms.notification``; what the careful reader made
of a value stands beside it, as far as it came.
"""

from __future__ import annotations

from typing import Final

from edge_agent.link.errors import MeterDataError
from stream_app.dlms import axdr
from stream_app.dlms.axdr import Cursor, Node
from stream_app.dlms.body import read_body
from stream_app.dlms.cipher import Sealed
from stream_app.dlms.clock import DATE_TIME_OCTETS, date_time
from stream_app.dlms.definitions import Profile
from stream_app.dlms.identity import text
from stream_app.dlms.layout import Sketch
from stream_app.dlms.notification import check_times, read_notification_header
from stream_app.dlms.obis import obis
from stream_app.dlms.units import COSEM
from stream_app.explain.notes import Note, Notebook

CIPHERING, NOTIFICATION, DATA = "Green Book 9.2.7", "Green Book 9.3.15", "Blue Book 4.1.5"

PROTECTION: Final = {0x10: "authenticated", 0x20: "encrypted, no tag", 0x30: "encrypted and authenticated"}


def apdu_notes(sealed: Sealed) -> list[Note]:
    """Annotate a ciphered APDU whose header can be read."""
    book = Notebook(sealed.apdu)
    control = sealed.security_control
    body = sealed.start
    book.take(1, "ciphering service", CIPHERING)
    named = sealed.apdu.find(sealed.title, 0, body)
    if named > 0:
        book.take(named - 1, "length of the system title", CIPHERING)
        maker = text(sealed.title[:3])
        book.take(len(sealed.title), f"system title: maker {maker}, serial {sealed.title[3:].hex().upper()}", CIPHERING)
    book.take(body - 5 - book.at, f"length: {len(sealed.apdu) - body + 5} octets", CIPHERING)
    book.take(1, f"security control: {PROTECTION[control & 0x30]}, suite {control & 0x0F}", CIPHERING)
    book.number(4, "frame counter {}", CIPHERING)
    book.take(sealed.end - body, "ciphertext" if sealed.encrypted else "body in clear", CIPHERING)
    book.take(len(sealed.apdu) - sealed.end, "tag", CIPHERING)
    return book.notes


def plaintext_notes(plaintext: bytes, profile: Profile) -> tuple[list[Note], tuple[int, str] | None]:
    """Annotate a data-notification, and say where and why the careful reader stopped, if it did."""
    sketch = Sketch()
    stop = None
    try:
        read_body(read_notification_header(plaintext, sketch), profile, sketch)
        check_times(plaintext, sketch)
    except MeterDataError as error:
        stop = (error.offset or 0, error.reason)
    return _walk(plaintext, _meanings(plaintext, sketch)), stop


def _walk(plaintext: bytes, meanings: dict[int, str]) -> list[Note]:
    book = Notebook(plaintext)
    if book.number(1, "APDU tag {:02X}", NOTIFICATION) != 0x0F:
        book.take(book.left, "not read further")
        return book.notes
    book.number(4, "long invoke id and priority {:08X}", NOTIFICATION)
    length = book.data[book.at] if book.left else 0
    if length == axdr.OCTET_STRING:
        book.take(1, "octet-string tag in front of the date-time", NOTIFICATION)
        length = book.data[book.at] if book.left else 0
    book.take(1, f"length of the date-time: {length}" if length else "no date-time", NOTIFICATION)
    if length == DATE_TIME_OCTETS:
        book.take(length, _time(plaintext[book.at : book.at + length]), "Blue Book 4.1.6.1")
    cursor = Cursor(plaintext, book.at)
    try:
        while cursor.at < len(plaintext):
            _value(book, cursor, meanings, 0)
    except MeterDataError:
        pass  # the careful reader has said why
    book.take(book.left, "not read")
    return book.notes


def _value(book: Notebook, cursor: Cursor, meanings: dict[int, str], depth: int) -> None:
    """Note the value at the cursor, then what is in it."""
    indent = "  " * depth
    start = cursor.at
    tag = cursor.octet()
    if tag not in (axdr.ARRAY, axdr.STRUCTURE):
        cursor.at = start
        node = cursor.node(depth)
        meaning = meanings.get(node.start) or _contents(cursor.data, node)
        book.take(node.end - node.at, f"{indent}{node.type_name}: {meaning}", DATA)
        return
    count = cursor.count()
    book.take(cursor.at - start, f"{indent}{axdr.TYPE_NAMES[tag]} of {count}", DATA)
    if depth == axdr.MAX_DEPTH:
        return
    for _ in range(count):
        _value(book, cursor, meanings, depth + 1)


def _contents(data: bytes, node: Node) -> str:
    octets = data[node.start : node.end]
    if node.tag in axdr.INTEGERS:
        return str(int.from_bytes(octets, "big", signed=axdr.INTEGERS[node.tag].islower()))
    if node.tag == axdr.ENUM:
        unit = COSEM.get(octets[0])  # what enums in pushes are, but for a few
        return f"{octets[0]}, as a unit {unit}" if unit else str(octets[0])
    if node.tag == axdr.OCTET_STRING and node.size == 6 and octets[5] == 255:
        return f"OBIS {obis(octets).name}"
    if node.tag == axdr.OCTET_STRING and node.size == DATE_TIME_OCTETS and octets[0] == 7:
        return _time(octets)
    if node.tag in axdr.STRINGS:
        return repr(text(octets))
    return f"0x{octets.hex().upper()}" if octets else "nothing"


def _time(octets: bytes) -> str:
    if len(octets) < DATE_TIME_OCTETS:
        return "date-time, cut short"
    try:
        time = date_time(octets, None)
    except MeterDataError as error:
        return error.reason
    if time is None:
        return "time left open"
    deviation = int.from_bytes(octets[9:11], "big", signed=True)
    zone = "deviation unspecified" if deviation == -0x8000 else f"{deviation:+} min to UTC"
    return f"{time.local} local, {zone}, status {octets[11]:02X}"


def _meanings(plaintext: bytes, sketch: Sketch) -> dict[int, str]:
    """What the careful reader made of the octets at these places."""
    found = {
        start: f"{what}: {_time(plaintext[start:end])}"
        for what, (start, end) in sketch.times.items()
        if what == "clock"
    }
    for (start, end, code), register in zip(sketch.numbers, sketch.registers, strict=True):
        raw = int.from_bytes(plaintext[start:end], "big", signed=code.islower())
        scale = "scale unknown" if register.scale is None else f"× 10^{register.scale} {register.unit}".rstrip()
        found[start] = f"register {register.obis} = {raw} {scale}"
    for (start, end, _), one in zip(sketch.strings, sketch.ids, strict=True):
        found[start] = f"id {one.obis} = {text(plaintext[start:end])!r}"
    for (start, end), name in zip(sketch.captured, sketch.captures, strict=True):
        found[start] = f"capture time of {name}: {_time(plaintext[start:end])}"
    return found
