"""The link octets of a telegram, annotated. The judge is ``edge_agent.link``; this only names what lies where."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from edge_agent.link import mbus
from edge_agent.link.frame import More
from stream_app.explain.notes import Note, Notebook

FLAG: Final = 0x7E
BLOCK: Final = 0xE0
LLC: Final = (b"\xe6\xe7\x00", b"\xe6\xe6\x00")

HDLC, MBUS, BLOCKS, WRAPPER = "ISO/IEC 13239", "EN 13757-2", "Green Book 9.4.6.13", "IEC 62056-47 4.4"


def link_notes(link: str, captured: bytes) -> list[Note]:
    """Annotate captured octets of this link."""
    book = Notebook(captured)
    read_frame = FRAMES.get(link)
    while read_frame is not None and book.left:
        read_frame(book)
    book.take(book.left, "the APDU")
    return book.notes


def _hdlc(book: Notebook) -> None:
    if book.data[book.at] == FLAG:
        book.take(1, "flag", f"{HDLC} 4.3")
        if not book.left or book.data[book.at] == FLAG:
            return
    start = book.at
    format_field = int.from_bytes(book.data[start : start + 2], "big")
    length, segmented = format_field & 0x7FF, bool(format_field & 0x800)
    book.take(
        2, f"frame format: type {format_field >> 12:X}, {length} octets{', segmented' * segmented}", f"{HDLC} 4.9.3"
    )
    end = start + length
    for name in ("destination", "source"):
        book.take(_address_octets(book), f"{name} address", f"{HDLC} 4.7.1")
    book.take(1, "control", f"{HDLC} 5.3")
    book.take(2, "header check sequence", f"{HDLC} 4.9.3")
    if book.data[book.at : book.at + 3] in LLC:
        book.take(3, "LLC: destination, source, quality", "IEC 62056-46 6.4.3.2")
    if book.left and book.at < end - 2:
        if book.data[book.at] == BLOCK:
            _block(book, end - 2)
        else:
            book.take(end - 2 - book.at, "part of the APDU" if segmented else "APDU, or its last part")
    book.take(2, "frame check sequence", f"{HDLC} 4.2.5")


def _address_octets(book: Notebook) -> int:
    """The last octet of an address has its lowest bit set."""
    for count in (1, 2, 3, 4):
        if book.data[book.at + count - 1 : book.at + count] and book.data[book.at + count - 1] & 1:
            return count
    return 1


def _block(book: Notebook, end: int) -> None:
    book.take(1, "general-block-transfer", BLOCKS)
    control = book.data[book.at] if book.left else 0
    book.take(1, f"block control: {'last block' if control & 0x80 else 'more follow'}, window {control & 0x3F}", BLOCKS)
    book.number(2, "block number {}", BLOCKS)
    book.number(2, "block acknowledged {}", BLOCKS)
    octets = 1 + (book.data[book.at] & 0x7F if book.left and book.data[book.at] & 0x80 else 0)
    book.take(octets, "length of the block data", BLOCKS)
    book.until(end, "part of the APDU", BLOCKS)


def _mbus(book: Notebook) -> None:
    start = book.at
    verdict = mbus.cut(bytearray(book.data), start)
    frame = verdict.otherwise if isinstance(verdict, More) else verdict
    if frame is None:
        book.take(book.left, "no M-Bus frame")
        return
    octet = book.data[start + 1]
    length = octet + 256 * (frame.end > start + octet + mbus.ENVELOPE)
    wrapped = f", wrapped from {length}" if length > octet else ""
    book.take(4, f"start, length {octet} twice{wrapped}, start", f"{MBUS} 5.4")
    book.take(1, "C field", f"{MBUS} 5.5")
    book.take(1, "A field: FF is broadcast", f"{MBUS} 5.6")
    _transport(book, start + length + mbus.ENVELOPE - 2)
    book.take(1, "checksum", f"{MBUS} 5.4")
    book.take(1, "stop", f"{MBUS} 5.4")


def _transport(book: Notebook, end: int) -> None:
    control = book.data[book.at] if book.left else 0
    if control in mbus.DATA_HEADERS:
        book.take(1, "CI field: an M-Bus data header follows", "EN 13757-1 10")
        book.take(mbus.DATA_HEADERS[control], "M-Bus data header", "EN 13757-3")
    elif control <= 0x1F:
        last = ", the last" if control & mbus.FIN else ""
        book.take(1, f"CI field: segment {control & 15}{last}", "EN 13757-1 10")
    else:
        book.take(1, "CI field: carries no DLMS", "EN 13757-1 10")
        book.until(end, "not read")
        return
    book.take(2, "source and destination SAP", "EN 13757-1 10")
    book.until(end, "part of the APDU")


def _wrapper(book: Notebook) -> None:
    book.number(2, "version {}", WRAPPER)
    book.number(2, "source wPort {}", WRAPPER)
    book.number(2, "destination wPort {}", WRAPPER)
    length = book.number(2, "length {}", WRAPPER)
    book.take(length, "the APDU", WRAPPER)


FRAMES: Final[dict[str, Callable[[Notebook], None]]] = {"hdlc": _hdlc, "mbus": _mbus, "wpdu": _wrapper}
