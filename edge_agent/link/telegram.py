"""One telegram back from its captured bytes, as the worker needs it for every record.

The ``Delimiter`` defines what a telegram is. ``reread`` knows a short way through captures in which every frame,
segment and block is in its place, and hands all others to it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from edge_agent.link import apdu, gbt, hdlc, mbus, wrapper
from edge_agent.link.crc import X25_RESIDUE, x25_holds
from edge_agent.link.delimiter import STARTS, Delimiter
from edge_agent.link.errors import LinkError
from edge_agent.link.frame import MAX_TELEGRAM, Refused, Telegram
from edge_agent.link.remembered import Framing, Framings

LLC = (b"\xe6\xe7\x00", b"\xe6\xe6\x00")
BLOCKS = -1  # instead of segmentation bits: the parts are the blocks of a general block transfer
FRAMINGS = Framings()
NEW_TUPLE = tuple.__new__  # half of what a named tuple's own constructor costs
__all__ = ["Refused", "Telegram", "reread"]


def reread(captured: bytes, link: str = "auto") -> Telegram:
    """The one telegram in ``captured``. Raises the error family where there is none, a broken one or more."""
    short_way = SHORT_WAYS.get((link, captured[:1]))
    if short_way and len(captured) <= MAX_TELEGRAM and (whole := short_way[1](captured)):
        title = whole[2:10] if whole.startswith(b"\xdb\x08") and len(whole) > 9 else apdu.title_of(whole)
        return NEW_TUPLE(Telegram, (short_way[0], captured, whole, title))
    return _careful(captured, link)


def _careful(captured: bytes, link: str) -> Telegram:
    if link not in STARTS:
        raise LinkError(f"no link is called {link!r}")
    if len(captured) > MAX_TELEGRAM:
        raise LinkError(f"{len(captured)} bytes are no single telegram", offset=MAX_TELEGRAM, layer=link)
    delimiter = Delimiter(link)
    found = delimiter.feed(captured) + delimiter.idle()
    for one in found:
        if isinstance(one, Refused):
            raise one.error
    match found:
        case [Telegram() as telegram]:
            return telegram
        case []:
            raise nothing_in(captured, link)
    raise LinkError(f"{len(found)} telegrams in one record", offset=len(found[0].captured), layer=link)


def nothing_in(data: bytes, link: str) -> LinkError:
    """The refusal of bytes in which no telegram begins anywhere."""
    hint = "; all are below 80: is it text, or a line read with seven data bits?" if data.isascii() else ""
    return LinkError(f"no telegram begins in {len(data)} bytes{hint}", offset=0, layer=link)


def _hdlc(captured: bytes) -> bytes | None:
    """The APDU of HDLC frames of one kind, one after the other up to the last byte."""
    if known := FRAMINGS.find(captured):
        parts, more = known
        return b"".join(parts) if more == BLOCKS else _joined(parts, more)
    cut = _cut(captured)
    if cut is None:
        return None
    spans, more = cut
    fields = [captured[start : end - 2] for start, end in spans]
    starts = [start for start, _ in spans]
    starts[0] += 3
    fields[0] = fields[0][3:]
    if fields[0][0] == gbt.TAG:
        heads = None if more else _blocks(fields)
        if heads is None:
            return None
        starts = [start + head for start, head in zip(starts, heads, strict=True)]
        fields, more = [field[head:] for field, head in zip(fields, heads, strict=True)], BLOCKS
        if len(fields[0]) < apdu.LONGEST_ENVELOPE_HEADER or _complete(b"".join(fields)) is False:
            return None
    picked = [(start, end - 2) for start, (_, end) in zip(starts, spans, strict=True)]
    begin, end = _telling_length(fields[0])
    FRAMINGS.keep(captured, Framing(captured, spans, picked, (starts[0] + begin, starts[0] + end)), more)
    return b"".join(fields) if more == BLOCKS else _joined(fields, more)


def _telling_length(field: bytes) -> tuple[int, int]:
    """The octets that say how long the APDU is; in a clear one the tag, which says that nothing does."""
    header = apdu.ENVELOPE.match(field)
    return (apdu.opening(field, 0), header.end() - 1) if header else (0, 1)


def _cut(captured: bytes) -> tuple[list[tuple[int, int]], int] | None:
    """The spans of information and FCS of every frame, and the segmentation bits, the first frame's highest."""
    first = hdlc.HEADER.match(captured)
    if first is None:
        return None
    # Control and length differ between the frames of a telegram, the addresses do not.
    size, header_size, addresses = len(captured), first.end(), captured[3 : first.end() - 3]
    spans: list[tuple[int, int]] = []
    at, more = 0, 0
    while at < size - header_size - hdlc.TRAILER:
        info = at + header_size
        end = at + ((captured[at + 1] & 7) << 8 | captured[at + 2]) + 2
        if not info + hdlc.TRAILER < end <= size or captured[end - 1] != hdlc.FLAG:
            return None
        header = captured[at:info]
        if header[0] != hdlc.FLAG or header[1] & 0xF0 != 0xA0 or header[3:-3] != addresses:
            return None
        if not x25_holds(captured[at + 1 : info]) or not x25_holds(captured[info : end - 1], X25_RESIDUE):
            return None
        spans.append((info, end - 1))
        more = more << 1 | (header[1] >> 3 & 1)
        at = end if end < size and captured[end] == hdlc.FLAG else end - 1
    if at != size - 1:
        return None
    start, end = spans[0]
    return (spans, more) if captured[start : start + 3] in LLC and end - start > 5 else None


def _joined(fields: Sequence[bytes], more: int) -> bytes | None:
    """Segments → APDU; ``more`` holds their segmentation bits."""
    whole = fields[0]
    if whole[0] == gbt.TAG:  # of another kind than the telegram this framing was made from
        return None
    if len(fields) > 1:
        if any(apdu.LLC.match(field) or apdu.begins(field) for field in fields[1:]):
            return None
        whole = b"".join(fields)
    if more != (1 << len(fields)) - 2:
        return None
    complete = _complete(whole)
    if complete is None:  # behind an LLC header in it may be another one
        complete = LLC[0] not in whole and LLC[1] not in whole
    return whole if complete else None


def _complete(whole: bytes) -> bool | None:
    """Whether joined segments hold what a ciphered APDU in them says; None for a clear one, which says nothing."""
    header = apdu.ENVELOPE.match(whole)
    return None if header is None else apdu.sealed_end(header) == len(whole)


def _blocks(fields: Sequence[bytes]) -> list[int] | None:
    """The sizes of the headers of blocks 1, 2, 3 … n, one in each field, the last marked as such."""
    heads = []
    for number, field in enumerate(fields, 1):
        size, start = (field[6], 7) if len(field) > 7 and field[6] < 0x80 else (len(field) - 8, 8)
        if len(field) != start + size or (start == 8 and field[6:8] != bytes((0x81, size & 0xFF))):
            return None
        if field[0] != gbt.TAG or field[2] << 8 | field[3] != number or (field[1] >= 0x80) != (number == len(fields)):
            return None
        heads.append(start)
    return heads


def _mbus(captured: bytes) -> bytes | None:
    """The APDU of M-Bus segments 0, 1, 2 …, one after the other up to the last byte."""
    size = len(captured)
    parts: list[bytes] = []
    at = 0
    while at < size - 9:
        octets = captured[at + 1]
        end = at + octets + mbus.ENVELOPE + (256 if octets < mbus.SHORTEST else 0)
        ci = captured[at + 6]
        if captured[at] != mbus.START or captured[at + 2] != octets or captured[at + 3] != mbus.START:
            return None
        if not at + 11 < end <= size or captured[end - 1] != mbus.STOP or ci & 0xEF != len(parts):
            return None
        if sum(captured[at + 4 : end - 2]) & 0xFF != captured[end - 2]:
            return None
        parts.append(captured[at + 9 : end - 2])
        at = end
        if ci & mbus.FIN:
            break
    whole = b"".join(parts)
    if not parts or at != size or not ci & mbus.FIN or whole[0] == gbt.TAG:
        return None
    return whole if len(parts) == 1 or _complete(whole) is not False else None


def _envelope(captured: bytes) -> bytes | None:
    """A ciphered APDU that is as long as it says, and in which none of the same meter begins."""
    header = apdu.ENVELOPE.match(captured)
    fits = header and apdu.sealed_end(header) == len(captured)
    return captured if fits and captured.find(captured[: apdu.OPENING], apdu.OPENING) < 0 else None


def _wrapped(captured: bytes) -> bytes | None:
    """The ciphered APDU of a wrapper that is as long as both say, and in which none of the same meter begins."""
    header = wrapper.HEADER.match(captured)
    fits = header and int.from_bytes(header[1], "big") == len(captured) - wrapper.HEADER_LENGTH
    alone = captured.find(captured[: wrapper.OPENING], wrapper.OPENING) < 0
    whole = captured[wrapper.HEADER_LENGTH :]
    return whole if fits and alone and _complete(whole) else None


SHORT_WAYS: dict[tuple[str, bytes], tuple[str, Callable[[bytes], bytes | None]]] = {
    ("hdlc", b"\x7e"): ("hdlc", _hdlc),
    ("auto", b"\x7e"): ("hdlc", _hdlc),
    ("mbus", b"\x68"): ("mbus", _mbus),
    ("auto", b"\x68"): ("mbus", _mbus),
    ("p1", b"\xdb"): ("p1", _envelope),
    ("apdu", b"\xdb"): ("apdu", _envelope),
    ("wpdu", b"\x00"): ("wpdu", _wrapped),
}
