"""What passes between the rooms of the link layer: frames going in, telegrams and refusals coming out.

Every link has one function ``cut(buffer, start)`` that looks at the bytes from ``start`` on and says one of three
things: a ``Frame`` (sound, or begun rightly and damaged), ``More`` (too early to say) or None (nothing begins here, it
is noise). A verdict depends on the bytes alone, never on how they were sliced.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from edge_agent.link.errors import LinkError, MeterDataError

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
