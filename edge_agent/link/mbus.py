"""Wired M-Bus long frames (EN 13757-2): 68 L L 68 | C A CI … | CS 16, with the DLMS transport layer (EN 13757-1).

L counts C to the last data octet, CS is the sum of these octets. CI 00–1F: STSAP, DTSAP, data; bit 4 is FIN, bits 3–0
number the segments and roll over. CI 60/7C and 61/7D: a long or short M-Bus data header first, no segmentation.
Some firmware sends 257 octets under L = 01, so checksum and stop byte say whether L or L + 256 is meant; where the
next frame begins right behind L octets, it was L.
A, C and the SAPs are not interpreted: a customer port has one meter and one client.
"""

from __future__ import annotations

import re

from edge_agent.link.errors import LinkError
from edge_agent.link.frame import Frame, More, cut_short

START, STOP = 0x68, 0x16
ENVELOPE = 6  # 68 L L 68 and CS 16
SHORTEST = 3  # C, A, CI
DATA_HEADERS = {0x60: 12, 0x7C: 12, 0x61: 4, 0x7D: 4}  # octets between CI and STSAP
HEADER = re.compile(rb"\x68(.)\1\x68", re.DOTALL)
FIN = 0x10


def cut(buffer: bytearray, start: int) -> Frame | More | None:
    """The long frame that begins at ``start``."""
    have = len(buffer)
    if have < start + 4:
        return More(start + 4)
    length = buffer[start + 1]
    if buffer[start + 2] != length or buffer[start + 3] != START:
        return None
    damage: Frame | None = None
    for octets in (length, length + 256):
        if octets < SHORTEST:
            continue
        if damage and HEADER.match(buffer, damage.end):
            break
        end = start + octets + ENVELOPE
        if have < end:
            error = cut_short("mbus", start, have, end)
            return More(end, damage or _frame(buffer, start, have, error))
        fault = _fault(buffer, start, end)
        if fault is None:
            return _frame(buffer, start, end)
        damage = damage or _frame(buffer, start, end, fault)
    return damage


def _fault(buffer: bytearray, start: int, end: int) -> LinkError | None:
    checksum, stop = buffer[end - 2 : end]
    total = sum(buffer[start + 4 : end - 2]) & 0xFF
    if stop != STOP:
        return LinkError(f"{stop:02X} where the stop byte is due", offset=end - 1 - start, layer="mbus")
    if checksum != total:
        reason = f"checksum {checksum:02X}, the octets add up to {total:02X}"
        return LinkError(reason, offset=end - 2 - start, layer="mbus")
    return None


def _frame(buffer: bytearray, start: int, end: int, error: LinkError | None = None) -> Frame:
    """The transport layer of a frame; of a damaged one as far as it can be read."""
    ci = buffer[start + 6] if start + 6 < end else FIN
    if ci <= 0x1F:
        header, number, last = 0, ci & 0x0F, bool(ci & FIN)
    else:
        header, number, last = DATA_HEADERS.get(ci, 0), 0, True
        if ci not in DATA_HEADERS:
            error = error or LinkError(f"CI {ci:02X} carries no DLMS", offset=6, layer="mbus")
    data = bytes(buffer[start + 9 + header : end - 2])
    if not data:
        error = error or LinkError("no data", offset=end - 2 - start, layer="mbus")
    return Frame("mbus", start, end, data, number == 0, last, number, error)
