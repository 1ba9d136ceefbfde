"""From an APDU to the bytes on the wire, the way each family cuts it.

| family | link | cut |
|---|---|---|
| E450 | HDLC, general block transfer | information fields of 129 octets; what fits into one goes without blocks |
| AM550 | HDLC, segmentation bit | information fields of 154 octets, LLC in the first only |
| KSMW H1 | wired M-Bus long frames | 245 octets a segment, CI counts from 0, bit 4 marks the last |
"""

from __future__ import annotations

import binascii
import itertools
from collections.abc import Callable, Iterator

Framing = Callable[[bytes], bytes]

FLAG = b"\x7e"
LLC = b"\xe6\xe7\x00"
FORMAT = 0xA000  # HDLC frame format type 3 (ISO 13239)
SEGMENTED = 0x0800

E450_ADDRESS = bytes.fromhex("CEFF03")
E450_INFORMATION = 129
GBT_HEADER = 7
GBT_STREAMING = 0x40
GBT_LAST = 0x80

AM550_ADDRESS = bytes.fromhex("CF0223")
AM550_INFORMATION = 154

UI = 0x03  # unnumbered information (control octet), without and with the final bit
UI_FINAL = 0x13

MBUS_HEADER = bytes.fromhex("53FF")  # C: SND_UD, A: broadcast
MBUS_SAPS = bytes.fromhex("0167")  # STSAP: the meter, DTSAP: client 103
MBUS_DATA = 245
MBUS_LAST = 0x10

REVERSED = bytes(int(f"{octet:08b}"[::-1], 2) for octet in range(256))


def fcs(data: bytes) -> bytes:
    """The frame check sequence of HDLC, low octet first: CRC-16/X-25 as the mirror image of CRC-CCITT.

    >>> fcs(b"123456789").hex()
    '6e90'
    """
    return (binascii.crc_hqx(data.translate(REVERSED), 0xFFFF) ^ 0xFFFF).to_bytes(2, "big").translate(REVERSED)


def hdlc_frame(address: bytes, control: int, information: bytes, segmented: bool = False) -> bytes:
    """One frame with its flags; the length counts everything between them."""
    octets = 2 + len(address) + 1 + 2 + len(information) + 2
    head = (FORMAT | (SEGMENTED if segmented else 0) | octets).to_bytes(2, "big") + address + bytes([control])
    frame = head + fcs(head) + information
    return FLAG + frame + fcs(frame) + FLAG


def general_block_transfer(apdu: bytes) -> Iterator[bytes]:
    """E450: information fields; the first block is shorter by the LLC octets."""
    first = E450_INFORMATION - GBT_HEADER - len(LLC)
    cuts = [0, *range(first, len(apdu), E450_INFORMATION - GBT_HEADER), len(apdu)]
    for number, (start, end) in enumerate(itertools.pairwise(cuts), 1):
        control = GBT_STREAMING | (GBT_LAST if end == len(apdu) else 0)
        head = bytes([0xE0, control]) + number.to_bytes(2, "big") + b"\0\0" + bytes([end - start])
        yield (LLC if number == 1 else b"") + head + apdu[start:end]


def e450(apdu: bytes) -> bytes:
    """One frame, or blocks."""
    whole = LLC + apdu
    fields = [whole] if len(whole) <= E450_INFORMATION else general_block_transfer(apdu)
    return b"".join(hdlc_frame(E450_ADDRESS, UI_FINAL, field) for field in fields)


def am550(apdu: bytes) -> bytes:
    """Frames of one unnumbered information sequence."""
    whole = LLC + apdu
    fields = [whole[at : at + AM550_INFORMATION] for at in range(0, len(whole), AM550_INFORMATION)]
    frames = [hdlc_frame(AM550_ADDRESS, UI, field, segmented=True) for field in fields[:-1]]
    return b"".join(frames) + hdlc_frame(AM550_ADDRESS, UI_FINAL, fields[-1])


def ksmw(apdu: bytes) -> bytes:
    """Segments of EN 13757-3 long frames without data header."""
    pieces = [apdu[at : at + MBUS_DATA] for at in range(0, len(apdu), MBUS_DATA)]
    frames = []
    for number, piece in enumerate(pieces):
        last = MBUS_LAST if number == len(pieces) - 1 else 0
        user_data = MBUS_HEADER + bytes([last | number & 0x0F]) + MBUS_SAPS + piece
        size = bytes([len(user_data)])
        frames.append(b"\x68" + size + size + b"\x68" + user_data + bytes([sum(user_data) & 0xFF, 0x16]))
    return b"".join(frames)
