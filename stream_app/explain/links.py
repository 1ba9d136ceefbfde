"""The link octets of a telegram, annotated. The judge is ``edge_agent.link``; this only names what lies where."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from edge_agent.link import apdu, gbt, hdlc, mbus, p1
from edge_agent.link.frame import More
from stream_app.explain.notes import Note, Notebook

HDLC, MBUS, BLOCKS, WRAPPER = "ISO/IEC 13239", "EN 13757-2", "Green Book 9.4.6.13", "IEC 62056-47 4.4"
P1 = "IEC 62056-21 mode D"


def link_notes(link: str, captured: bytes) -> list[Note]:
    """Annotate captured octets of this link."""
    book = Notebook(captured)
    read = FRAMES.get(link)
    while read is not None and book.left:
        read(book)
    book.take(book.left, "no telegram")
    return book.notes


def _hdlc(book: Notebook) -> None:
    continues = False
    while book.left:
        if book.data[book.at] == hdlc.FLAG:
            book.take(1, "flag", f"{HDLC} 4.3")
        else:
            continues = _hdlc_frame(book, continues)


def _hdlc_frame(book: Notebook, continues: bool) -> bool:
    """Note a frame that continues the one before or does not; whether the next continues it."""
    start = book.at
    format_field = int.from_bytes(book.data[start : start + 2], "big")
    length, segmented = format_field & 0x7FF, bool(format_field & 0x800)
    book.take(
        2, f"frame format: type {format_field >> 12:X}, {length} octets{', segmented' * segmented}", f"{HDLC} 4.9.3"
    )
    for name in ("destination", "source"):
        book.take(_address_octets(book), f"{name} address", f"{HDLC} 4.7.1")
    book.take(1, "control", f"{HDLC} 5.3")
    book.take(2, "header check sequence", f"{HDLC} 4.9.3")
    end = start + length - 2
    if continues and not apdu.LLC.match(book.data, book.at):
        book.until(end, "part of the APDU" if segmented else "last part of the APDU")
    else:
        _information(book, end, "part of the APDU" if segmented else "the APDU")
    book.take(2, "frame check sequence", f"{HDLC} 4.2.5")
    return segmented


def _information(book: Notebook, end: int, whole: str) -> None:
    """What a frame carries: an APDU, or blocks of one; LLC in front, and between blocks."""
    _llc(book, end)
    if book.data[book.at : book.at + 1] != bytes((gbt.TAG,)):
        book.until(end, whole)
    while book.at < end and book.data[book.at : book.at + 1] == bytes((gbt.TAG,)):
        _block(book, end)
        _llc(book, end)
    book.until(end, "no block")


def _llc(book: Notebook, end: int) -> None:
    if book.at < end and apdu.LLC.match(book.data, book.at):
        book.take(3, "LLC: destination, source, quality", "IEC 62056-46 6.4.3.2")


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
    field = book.data[book.at : book.at + octets]
    length = int.from_bytes(field[octets > 1 :], "big")
    book.take(octets, f"length of the block data: {length}", BLOCKS)
    book.until(min(end, book.at + length), "part of the APDU", BLOCKS)


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
    _information(book, book.at + length, "the APDU")


def _p1(book: Notebook) -> None:
    ident = p1.IDENT.match(book.data, book.at)
    sealed = p1.SEALED_BODY.match(book.data, ident.end()) if ident else None
    if ident and sealed:
        book.until(ident.end(), "ident line", P1)
        book.until(sealed.start() + sealed[0].index(b"\n") + 1, "empty line", P1)
        named = book.data[book.at] == apdu.GENERAL_GLO
        book.until(apdu.sealed_end(sealed), "the APDU" if named else "the APDU without its tag DB")
        book.take(book.left, "CRC line, not checked")
    else:
        book.take(book.left, "the APDU" if book.data[book.at] == apdu.GENERAL_GLO else "the text", P1)


def _bare(book: Notebook) -> None:
    _information(book, len(book.data), "the APDU")


FRAMES: Final[dict[str, Callable[[Notebook], None]]] = {
    "hdlc": _hdlc,
    "mbus": _mbus,
    "wpdu": _wrapper,
    "p1": _p1,
    "apdu": _bare,
}
