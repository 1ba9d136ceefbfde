"""The check sequences of HDLC headers and frames: CRC-16/X-25, which catalogues also call IBM-SDLC."""

from __future__ import annotations

from fastcrc.crc16 import ibm_sdlc

X25_RESIDUE = 0x0F47  # the check over data that end in their own (F0B8, before its bits are turned over)


def x25_holds(data: bytes | bytearray, after: int | None = None) -> bool:
    """Whether ``data`` ends in its own frame or header check sequence (ISO/IEC 13239 4.2.5).

    ``after``: the check over what lies before ``data`` and counts too.
    """
    return ibm_sdlc(data, after) == X25_RESIDUE
