"""One telegram, annotated from the line to the last value: ``cipstream decode --explain``."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Final

from edge_agent.link import hdlc, mbus, p1
from edge_agent.link.delimiter import PLAIN_APDUS
from edge_agent.link.errors import MeterDataError
from edge_agent.link.frame import Refused, Telegram
from stream_app.dlms.cipher import DATA_NOTIFICATION, MeterKeys, Sealed, read_header, unseal
from stream_app.dlms.definitions import Profile
from stream_app.dlms.notification import P1_START, Reader
from stream_app.explain.links import link_notes
from stream_app.explain.notes import Note, rendered
from stream_app.explain.pushes import apdu_notes, plaintext_notes
from stream_app.offline import Decoder
from stream_app.trust import NOT_EVEN_OPENED

STARTS: Final = {
    mbus.START: "mbus", hdlc.FLAG: "hdlc", 0x00: "wpdu", ord("/"): "p1", p1.SLASH_WITH_PARITY: "p1",
    **dict.fromkeys(PLAIN_APDUS, "apdu"),
}  # fmt: skip


def explanation(found: Telegram | Refused, line: Mapping[str, Any], decoder: Decoder) -> str:
    """Every octet of a telegram with its meaning, and the answer that ``line`` gives for it."""
    lines = [json.dumps(line, ensure_ascii=False)]
    if isinstance(found, Refused):
        link = STARTS.get(found.captured[0], "")
        stop = (found.error.offset or 0, found.error.reason)
        return "\n".join(lines + rendered("link, refused", link_notes(link, found.captured), stop)) + "\n"
    lines += rendered(f"link: {found.link}", link_notes(found.link, found.captured))
    return "\n".join(lines + _apdu(found.apdu, decoder)) + "\n"


def _apdu(apdu: bytes, decoder: Decoder) -> list[str]:
    try:
        sealed = read_header(apdu, decoder.title)
    except MeterDataError as error:
        return rendered("APDU", [Note(0, apdu, "cannot be read")], (error.offset or 0, str(error)))
    if sealed is None:
        return _plaintext(apdu, decoder)
    lines = rendered("APDU", apdu_notes(sealed))
    title = sealed.title.hex().upper()
    held = decoder.keys.of(title)
    if not held:
        return [*lines, f"  ▶ no key is held for {title}"]
    furthest = max(held, key=lambda one: _progress(sealed, one.keys, decoder.profile))
    try:
        return lines + _plaintext(unseal(sealed, furthest.keys), decoder)
    except MeterDataError as error:
        return [*lines, f"  ▶ {error}"]


def _progress(sealed: Sealed, keys: MeterKeys, profile: Profile) -> int:
    """How far a key gets: it does not open the telegram, opens it, or what it opens can be read.

    Without a tag every key opens it, most to nonsense, so only reading tells which was the meter's.
    """
    try:
        Reader().read(unseal(sealed, keys), profile)
    except NOT_EVEN_OPENED:
        return 0
    except MeterDataError:
        return 1
    return 2


def _plaintext(plaintext: bytes, decoder: Decoder) -> list[str]:
    if plaintext.startswith(P1_START):
        return rendered("P1 text", _text_notes(plaintext))
    if plaintext[:1] != bytes((DATA_NOTIFICATION,)):
        return rendered("plaintext", [Note(0, plaintext, "no data-notification")], (0, "no push"))
    notes, stop = plaintext_notes(plaintext, decoder.profile)
    return rendered("plaintext", notes, stop)


def _text_notes(text: bytes) -> list[Note]:
    notes, at = [], 0
    for line in text.splitlines(keepends=True):
        notes.append(Note(at, line, line.decode("latin-1").rstrip()))
        at += len(line)
    return notes
