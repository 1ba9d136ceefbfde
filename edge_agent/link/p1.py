"""P1 telegrams (DSMR P1 companion standard; IEC 62056-21 mode D) in the four forms that customer ports send:

    /ident CRLF CRLF lines ! CRC CRLF      text; CRC-16/ARC from / to ! in four hex digits, or none
    the same with even parity in bit 7     a 7E1 line read with eight data bits: parity is checked and taken off
    /ident CRLF CRLF 00 82 LLLL SC …       clear ident line, ciphered body with an empty title and no DB tag
    DB 08 title 82 LLLL SC …               the whole text ciphered: ``apdu.cut_envelope``

The CRC behind a ciphered body is not checked: what it covers is not published, and it does not fit the bytes sent.
"""

from __future__ import annotations

import re

from fastcrc.crc16 import arc

from edge_agent.link import apdu
from edge_agent.link.errors import LinkError
from edge_agent.link.frame import MAX_TELEGRAM, Frame, More, unchecked

IDENT = re.compile(rb"/[A-Za-z]{3}[ -~]{1,60}\r?\n")
BEGUN_IDENT = re.compile(rb"/(?:[A-Za-z]{0,3}|[A-Za-z]{3}[ -~]{1,60}\r?)\Z")
NEXT_TELEGRAM = re.compile(IDENT.pattern + rb"\r?\n")
SEALED_BODY = re.compile(rb"\r?\n(?:\xdb|(?=\x00))" + apdu.SEALED, re.DOTALL)
BEGUN_SEALED_BODY = re.compile(rb"\r?(?:\n(?:\xdb|\x00).{0,13})?\Z", re.DOTALL)
TAIL = re.compile(rb"\n!([0-9A-Fa-f]{0,5})(\r?\n|\r\Z)?")
BEGUN_TAIL = re.compile(rb"\n![0-9A-Fa-f]{0,5}\r?\Z")
CRC_LINE = re.compile(rb"!(?:[0-9A-Fa-f]{4})?\r?\n")
BEGUN_CRC_LINE = re.compile(rb"(?:!(?:[0-9A-Fa-f]{0,4}|(?:[0-9A-Fa-f]{4})?\r))?\Z")
LONGEST_TAIL = 8
TEXT_GOES_ON = (b"", b"/", b"\x00")  # right behind "!": the next telegram, or the zero bytes some meters append

SLASH_WITH_PARITY = 0xAF
WITHOUT_PARITY = bytes(octet & 0x7F for octet in range(256))
EVEN_OCTETS = bytes(octet for octet in range(256) if not octet.bit_count() & 1)


def cut(buffer: bytearray, start: int) -> Frame | More | None:
    """The telegram whose ident line begins at ``start``."""
    ident = IDENT.match(buffer, start)
    if ident is None:
        return More(len(buffer) + 1) if BEGUN_IDENT.match(buffer, start) else None
    body = ident.end()
    if sealed := SEALED_BODY.match(buffer, body):
        return _cut_sealed(buffer, start, sealed)
    if BEGUN_SEALED_BODY.match(buffer, body):
        return More(len(buffer) + 1, _damaged(buffer, start, len(buffer), "cut short"))
    return _cut_text(buffer, start, body)


def _cut_text(buffer: bytearray, start: int, body: int) -> Frame | More:
    limit = start + MAX_TELEGRAM
    tail = TAIL.search(buffer, body - 1, limit)
    following = NEXT_TELEGRAM.search(buffer, body, tail.start() + 1 if tail else limit)
    if following:
        return _damaged(buffer, start, following.start(), "the next telegram begins before this one has ended")
    if tail:
        error = _tail_error(buffer, start, tail)
        frame = Frame("p1", start, tail.end(), bytes(buffer[start : tail.end()]), error=error)
        return More(len(buffer) + 1, frame) if BEGUN_TAIL.match(buffer, tail.start()) else frame
    if len(buffer) >= limit:
        return _damaged(buffer, start, limit, "no end within the limit")
    return More(len(buffer) + 1, _damaged(buffer, start, len(buffer), "cut short"))


def _tail_error(buffer: bytearray, start: int, tail: re.Match[bytes]) -> LinkError | None:
    digits, newline = tail.groups()
    behind = buffer[tail.end() : tail.end() + 1]
    reason = None
    if len(digits) == 4:
        found = arc(buffer[start : tail.start(1)])
        if found != int(digits, 16):
            reason = f"CRC {digits.decode()}, the text has {found:04X}"
    elif digits or not (newline or behind in TEXT_GOES_ON):
        reason = "neither a CRC nor the end of the line behind !"
    elif not buffer[start : tail.start()].isascii():
        reason = "a text without CRC has octets above 7F"
    return LinkError(reason, offset=tail.start(1) - start, layer="p1") if reason else None


def _cut_sealed(buffer: bytearray, start: int, sealed: re.Match[bytes]) -> Frame | More:
    end = apdu.sealed_end(sealed)
    header = sealed.start() + sealed[0].index(b"\n") + 1
    tag = b"" if buffer[header] == apdu.GENERAL_GLO else bytes((apdu.GENERAL_GLO,))
    data = tag + bytes(buffer[header:end])
    if end - start > MAX_TELEGRAM:
        return _damaged(buffer, start, sealed.end(), "the ciphered body is longer than the limit")
    verdict = unchecked(buffer, Frame("p1", start, end, data), sealed.start() - start)
    if isinstance(verdict, More) or verdict.error:
        return verdict
    line = CRC_LINE.match(buffer, end)
    frame = verdict._replace(end=line.end()) if line else verdict
    return More(len(buffer) + 1, frame) if BEGUN_CRC_LINE.match(buffer, end) else frame


def _damaged(buffer: bytearray, start: int, end: int, reason: str) -> Frame:
    error = LinkError(reason, offset=end - start, layer="p1")
    return Frame("p1", start, end, bytes(buffer[start:end]), error=error)


def cut_with_parity(buffer: bytearray, start: int) -> Frame | More | None:
    """The text that begins with AF, ``/`` with its parity bit."""
    window = buffer[start : start + MAX_TELEGRAM + LONGEST_TAIL]
    verdict = cut(window.translate(WITHOUT_PARITY), 0)
    if isinstance(verdict, More):
        otherwise = verdict.otherwise and _checked(window, verdict.otherwise, start)
        return More(len(buffer) + 1, otherwise)
    return verdict and _checked(window, verdict, start)


def _checked(window: bytearray, frame: Frame, start: int) -> Frame:
    octets = window[: frame.end]
    error = frame.error
    if wrong := octets.translate(None, EVEN_OCTETS):
        error = LinkError("an octet fails its parity", offset=octets.index(wrong[0]), layer="p1")
    return frame._replace(start=start, end=start + frame.end, error=error)
