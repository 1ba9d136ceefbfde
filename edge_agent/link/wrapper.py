"""The TCP/UDP wrapper (IEC 62056-47): version 0001 | source wPort | destination wPort | length | APDU.

It has no checksum. The APDU's tag must be one that meters push; where the APDU tells its own length the two must agree.
Where the same version and wPorts begin again inside, bytes are lost.
"""

from __future__ import annotations

import re

from edge_agent.link import apdu
from edge_agent.link.errors import LinkError
from edge_agent.link.frame import MAX_TELEGRAM, Frame, More, cut_short, unchecked

HEADER = re.compile(rb"\x00\x01....(..)(?=[\x0f\xc2\xca\xd2\xdb\xdc\xdd\xe0])", re.DOTALL)
VERSION = b"\x00\x01"
HEADER_LENGTH = 8
OPENING = 6  # version and wPorts, the same in all telegrams of a meter


def cut(buffer: bytearray, start: int) -> Frame | More | None:
    """The wrapper that begins at ``start``."""
    have = len(buffer)
    header = HEADER.match(buffer, start)
    if header is None:
        possible = have <= start + HEADER_LENGTH and VERSION.startswith(buffer[start : start + 2])
        return More(start + HEADER_LENGTH + 1) if possible else None
    info = header.end()
    end = info + int.from_bytes(header[1], "big")
    if end == info or end - start > MAX_TELEGRAM:
        return None
    sealed = apdu.ENVELOPE.match(buffer, info)
    error = None
    if sealed and (due := apdu.sealed_end(sealed)) != end:
        reason = f"the wrapper holds {end - info} bytes, the APDU in it has {due - info}"
        error = LinkError(reason, offset=6, layer="wpdu")
    if have < end:
        error = error or cut_short("wpdu", start, have, end)
    return unchecked(buffer, Frame("wpdu", start, end, bytes(buffer[info:end]), error=error), OPENING)
