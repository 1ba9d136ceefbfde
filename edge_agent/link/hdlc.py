"""HDLC frames as meters push them (IEC 62056-46, frame format type 3):

    7E | A·S·length (2) | destination | source | control | HCS (2) | information | FCS (2) | 7E

The length delimits; nothing is byte-stuffed, a 7E inside is data. Addresses have 1, 2 or 4 octets, the last with its
low bit set. S: the next frame continues this one. The first (or only) information field begins with LLC E6 E6/E7 00.
Frames may share a flag. Frames without information (links being set up) are of no interest and pass as noise.
"""

from __future__ import annotations

import re

from edge_agent.link import apdu, crc, gbt
from edge_agent.link.errors import LinkError
from edge_agent.link.frame import Frame, More, cut_short

FLAG, SEGMENTED = 0x7E, 0x08
ODD, EVEN = (b"[" + b"".join(b"\\x%02x" % octet for octet in range(low, 256, 2)) + b"]" for low in (1, 0))
ADDRESS = b"(?:" + ODD + b"|" + EVEN + ODD + b"|" + EVEN + b"{3}" + ODD + b")"
HEADER = re.compile(b"\x7e([\xa0-\xaf].)" + ADDRESS + ADDRESS + b"(.)..", re.DOTALL)
LONGEST_HEADER = 14
USUAL_CONTROL = frozenset((0x03, 0x13, 0x10))  # UI without and with final bit, I: what meters push with
TRAILER = 3  # FCS and closing flag


def cut(buffer: bytearray, start: int) -> Frame | More | None:
    """The frame whose opening flag is at ``start``."""
    have = len(buffer)
    header = HEADER.match(buffer, start)
    if header is None:
        due = start + LONGEST_HEADER
        return More(due) if have < due and not _hopeless(buffer, start) else None
    end = start + (int.from_bytes(header[1], "big") & 0x7FF) + 2
    info = header.end()
    if end <= info + TRAILER:
        return None
    head_holds = crc.x25_holds(buffer[start + 1 : info])
    begun = head_holds or _looks_like_one(buffer, header, end)
    if have < end:
        return More(end, _frame(buffer, header, have, cut_short("hdlc", start, have, end)) if begun else None)
    return _frame(buffer, header, end, _fault(buffer, header, end, head_holds)) if begun else None


def _hopeless(buffer: bytearray, start: int) -> bool:
    return len(buffer) > start + 1 and buffer[start + 1] & 0xF0 != 0xA0


def _looks_like_one(buffer: bytearray, header: re.Match[bytes], end: int) -> bool:
    """Whether a frame with a wrong header check is one at all, and not two octets of noise."""
    info = header.end()
    usual = header[2][0] in USUAL_CONTROL
    opened = apdu.LLC.match(buffer, info) or gbt.is_block(buffer[info : info + 1])
    closed = buffer[end - 1 : end] == b"\x7e"
    return usual + bool(opened) + closed >= 2 or crc.x25_holds(buffer[header.start() + 1 : end - 1])


def _fault(buffer: bytearray, header: re.Match[bytes], end: int, head_holds: bool) -> LinkError | None:
    start, info = header.span()
    if not head_holds:
        return LinkError("header check sequence does not fit", offset=info - 2 - start, layer="hdlc")
    if buffer[end - 1] != FLAG:
        return LinkError(f"{buffer[end - 1]:02X} where the closing flag is due", offset=end - 1 - start, layer="hdlc")
    if not crc.x25_holds(buffer[start + 1 : end - 1]):
        return LinkError("frame check sequence does not fit", offset=end - TRAILER - start, layer="hdlc")
    return None


def _frame(buffer: bytearray, header: re.Match[bytes], end: int, error: LinkError | None = None) -> Frame:
    llc = apdu.LLC.match(buffer, header.end())
    data = bytes(buffer[llc.end() if llc else header.end() : end - TRAILER])
    first, last = bool(llc or apdu.ENVELOPE.match(data)), not header[1][0] & SEGMENTED
    likely = bool(apdu.PUSH.match(data))
    return Frame("hdlc", header.start(), end, data, first, last, likely=likely, error=error)
