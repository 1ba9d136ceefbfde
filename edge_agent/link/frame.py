"""What passes between the rooms of the link layer: frames going in, telegrams and refusals coming out.

Every link has one function ``cut(buffer, start)`` that looks at the bytes from ``start`` on and says one of three
things: a ``Frame`` (sound, or begun rightly and damaged), ``More`` (too early to say) or None (nothing begins here, it
is noise). A verdict depends on the bytes alone, never on how they were sliced.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from edge_agent.link.errors import LinkError, MeterDataError, ReassemblyError

MAX_TELEGRAM = 8_192  # the longest seen has 1 423 bytes; a port must not buy unbounded memory with a length field


class Frame(NamedTuple):
    """One frame of a link: ``buffer[start:end]``, and what it carries for the telegram."""

    link: str
    start: int
    end: int
    data: bytes = b""  # application bytes without LLC, SAPs and headers
    first: bool = True  # a telegram begins in it
    last: bool = True  # the link announces no continuation
    number: int | None = None  # segment number 0..15 where the link counts (wired M-Bus)
    error: MeterDataError | None = None  # why it is damaged; the other fields are then a guess
    likely: bool = False  # its data look as if a telegram began in it, but nothing of the link says so


class More(NamedTuple):
    """Undecided until the buffer holds ``need`` bytes; if the line falls silent first, ``otherwise`` is the verdict."""

    need: int
    otherwise: Frame | None = None


Cutter = Callable[[bytearray, int], Frame | More | None]


class Telegram(NamedTuple):
    """One whole telegram, every check of its link passed."""

    link: str  # mbus, hdlc, p1, wpdu or apdu: what it was, also when detected
    captured: bytes  # the link bytes of exactly this telegram, verbatim
    apdu: bytes  # reassembled application bytes without LLC; clear P1: the text; ciphered P1: the envelope DB …
    title: bytes | None  # system title of the clear ciphering header; empty if it names none; None where not ciphered


class Refused(NamedTuple):
    """Bytes that began as a telegram and are none; ``error.offset`` counts from the start of ``captured``."""

    error: MeterDataError
    captured: bytes


def cut_short(layer: str, start: int, have: int, due: int) -> LinkError:
    """The line fell silent inside a frame of ``due`` bytes after ``have`` of them."""
    return LinkError(f"cut short: {have - start} of {due - start} bytes", offset=have - start, layer=layer)


def unchecked(buffer: bytearray, frame: Frame, opening: int) -> Frame | More:
    """The verdict on a frame known by its length alone: whole at ``frame.end``, unless the next one begins before.

    Where bytes are lost, the next telegram fills what is missing, and without a tag nobody would notice.
    ``opening``: how many octets all telegrams of a meter begin with; 0 where these say too little.
    """
    start, end, have = frame.start, frame.end, len(buffer)
    first = bytes(buffer[start : start + opening])
    again = buffer.find(first, start + opening, end + opening - 1) if first else -1
    if again >= 0:
        reason = "cut short: the next telegram begins inside this one"
        return frame._replace(end=again, error=LinkError(reason, offset=again - start, layer=frame.link))
    if have < end:
        reason = f"cut short: {have - start} of {end - start} bytes"
        error = frame.error or ReassemblyError(reason, offset=have - start, layer=frame.link)
        return More(end, frame._replace(end=have, error=error))
    if any(first.startswith(buffer[at:]) for at in range(max(start, have - opening) + 1, end)):
        return More(end + opening - 1, frame)
    return frame
