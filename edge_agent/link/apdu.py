"""What can be told of an xDLMS APDU without a key (IEC 62056-5-3): where it ends, whose it is, whether one begins here.

Also the link that is no link: bare APDUs, an LLC header in front or not. A ciphered one tells its length; a clear one
ends where the line falls silent, because nothing but the whole decoder knows where A-XDR ends.
"""

from __future__ import annotations

import re
from typing import Final

from edge_agent.link import gbt
from edge_agent.link.errors import LinkError
from edge_agent.link.frame import MAX_TELEGRAM, Frame, More, unchecked

LLC = re.compile(b"\xe6[\xe6\xe7]\x00")  # IEC 62056-46 6.4.3.2: destination, source E6 or E7, quality 00
NOTIFICATION, GENERAL_GLO, GENERAL_DED, GENERAL_CIPHERING = 0x0F, 0xDB, 0xDC, 0xDD
GLO_OR_DED = frozenset(range(0xC8, 0xD8))  # service-specific ciphering: no title in the header
TAGS = frozenset((NOTIFICATION, *range(0xC0, 0xE1)))

# Title of 0 or 8 bytes (one maker repeats the length in it), BER length, security control that names a protection.
SEALED: Final[bytes] = (
    rb"(?:\x00|\x08.{8}|\x09\x08.{8})"
    rb"(?:([\x05-\x7f])|\x81(.)|\x82(..)|\x83\x00(..))"
    rb"[\x10-\x12\x20-\x22\x30-\x32\x50-\x52\x60-\x62\x70-\x72\x90-\x92\xa0-\xa2\xb0-\xb2\xd0-\xd2\xe0-\xe2\xf0-\xf2]"
)
ENVELOPE = re.compile(rb"[\xdb\xdc]" + SEALED, re.DOTALL)
LONGEST_ENVELOPE_HEADER = 16
OPENING = 10  # tag and usual title, the same in all telegrams of a meter
# Long invoke id, date-time absent or present, its tag written or not, then the body's array, structure or string.
PUSH = re.compile(rb"\x0f.{4}\x09?(?:\x00|\x0c.{12})[\x01\x02\x09\x0a]", re.DOTALL)
LONGEST_PUSH_HEADER = 20
NEXT_IN_FRAME = re.compile(rb"\xe6[\xe6\xe7]\x00(?=[\x0f\xc2\xdb\xdc])")


def sealed_end(header: re.Match[bytes]) -> int:
    """Index after the ciphered part whose header matched ``SEALED``; the length counts from the security control on."""
    return header.end() - 1 + int.from_bytes(header[header.lastindex or 0], "big")


def begins(data: bytes | bytearray) -> bool:
    """Whether a push or a ciphered APDU plausibly begins here."""
    return bool(ENVELOPE.match(data) or PUSH.match(data))


def title_of(apdu: bytes) -> bytes | None:
    """System title in the clear ciphering header; empty where the header has none, None where nothing is ciphered."""
    tag, at = apdu[0], 1
    if tag in GLO_OR_DED:
        return b""
    if tag == GENERAL_CIPHERING:
        at += 1 + int.from_bytes(apdu[1:2], "big")  # transaction id first
    elif tag not in (GENERAL_GLO, GENERAL_DED):
        return None
    length = int.from_bytes(apdu[at : at + 1], "big")
    title = apdu[at + 1 : at + 1 + length]
    if len(title) != length:
        return b""
    return title[1:] if length == 9 and title[0] == 8 else title  # one maker repeats the length in it


def split(data: bytes) -> list[bytes]:
    """The APDUs of one HDLC information field: LLC APDU, or LLC APDU LLC APDU …; the first LLC is gone already."""
    cuts = [0]
    while cut := NEXT_IN_FRAME.search(data, _inside(data, cuts[-1])):
        cuts.append(cut.end())
    ends = [start - 3 for start in cuts[1:]] + [len(data)]
    return [data[start:end] for start, end in zip(cuts, ends, strict=True)]


def _inside(data: bytes, start: int) -> int:
    """Where to look for the next APDU: behind a ciphered one, whose bytes may look like anything."""
    header = ENVELOPE.match(data, start)
    return sealed_end(header) if header else start + 1


def cut_envelope(buffer: bytearray, start: int, link: str = "apdu", lead: int = 0) -> Frame | More | None:
    """A ciphered APDU ``lead`` bytes after ``start``, delimited by its own length."""
    header = ENVELOPE.match(buffer, start + lead)
    if header is None:
        due = start + lead + LONGEST_ENVELOPE_HEADER
        return More(due) if len(buffer) < due else None
    end = sealed_end(header)
    if end - start > MAX_TELEGRAM:
        return None
    frame = Frame(link, start, end, bytes(buffer[start + lead : end]))
    return unchecked(buffer, frame, opening(buffer, start, lead))


def opening(buffer: bytes | bytearray, start: int, lead: int = 0) -> int:
    """How many octets of an envelope its meter's others begin with, too: up to the title, where there is one."""
    title = buffer[start + lead + 1]
    return lead + 2 + title if title else 0


def cut_push(buffer: bytearray, start: int) -> Frame | More | None:
    """A clear push that looks like one; it lasts until the line falls silent."""
    llc = LLC.match(buffer, start)
    lead = 3 if llc else 0
    if ENVELOPE.match(buffer, start + lead):
        return cut_envelope(buffer, start, lead=lead)
    if PUSH.match(buffer, start + lead):
        return _until_silence(buffer, start, lead)
    due = start + lead + LONGEST_PUSH_HEADER
    return More(due) if len(buffer) < due else None


def cut_any(buffer: bytearray, start: int) -> Frame | More | None:
    """Any APDU, on a line that is configured to carry nothing else."""
    lead = 3 if LLC.match(buffer, start) else 0
    if buffer[start + lead : start + lead + 1] == b"\xe0":
        return gbt.cut(buffer, start, lead)
    verdict = cut_envelope(buffer, start, lead=lead)
    if verdict is None:
        return _until_silence(buffer, start, lead)
    if isinstance(verdict, More) and verdict.otherwise is None:
        return _until_silence(buffer, start, lead)
    return verdict


def _until_silence(buffer: bytearray, start: int, lead: int) -> Frame | More | None:
    end = len(buffer)
    if end == start + lead:
        return More(end + 1)
    whole = Frame("apdu", start, end, bytes(buffer[start + lead :]))
    if end - start <= MAX_TELEGRAM:
        return More(end + 1, whole)
    return whole._replace(end=start + MAX_TELEGRAM, error=LinkError("no end within the limit", layer="apdu"))
