"""Frames → one telegram: M-Bus and HDLC segments, then blocks of a general block transfer, then the APDU.

Whatever fails on the way, the frames that belong to the telegram stay together in one refusal with the first reason:
a telegram is one line, read or not. It ends with its last frame, with a frame that begins another, or with silence.
"""

from __future__ import annotations

from edge_agent.link import apdu, gbt
from edge_agent.link.errors import MeterDataError, ReassemblyError
from edge_agent.link.frame import MAX_TELEGRAM, Frame, Refused, Telegram

SHORTEST_SEGMENT = 12  # an HDLC frame with one octet of information; HDLC segments carry no number
SEGMENT_NUMBERS = 16  # the sequence of EN 13757-1 has four bits and rolls over


class Assembly:
    """Give it the frames of one line in order."""

    def __init__(self) -> None:
        self._begin()

    def _begin(self, last_transfer: gbt.Transfer | None = None) -> None:
        self._link = ""
        self._captured = bytearray()
        self._segments: list[bytes] = []
        self._transfer = last_transfer or gbt.Transfer()
        self._error: MeterDataError | None = None

    def add(self, frame: Frame, raw: bytes, gap: int | None) -> list[Telegram | Refused]:
        """Take a frame and its bytes; give back what it completes and what it shows to be broken.

        ``gap``: noise since the frame before, in bytes; None where that one's closing flag is this one's opening flag.
        """
        done: list[Telegram | Refused] = []
        blocks = None if self._segments else gbt.blocks(frame.data)
        if self._captured and self._begins_another(frame, blocks):
            done += self.end()
        if not self._captured:
            if blocks and blocks[0].number > 1 and self._transfer.holds(blocks):
                return done  # the end of the last transfer, sent twice
            self._begin()
        offset = self._keep(frame, raw, gap)
        if self._error is None:
            try:
                whole = self._join(frame, gap or 0)
            except MeterDataError as error:
                error.offset = offset + (error.offset or 0)
                self._error = error
            else:
                done += self._complete(whole) if whole else []
        if self._error and frame.last and (blocks is None or blocks[-1].last):
            done += self.end()
        return done

    def end(self) -> list[Telegram | Refused]:
        """Nothing more will come for the telegram that is open, if one is."""
        if not self._captured:
            self._begin()
            return []
        missing = ", ".join(map(str, self._transfer.missing)) if self._transfer else str(len(self._segments))
        what = ("block", "gbt") if self._transfer else ("segment", self._link)
        error = self._error or ReassemblyError(
            f"{what[0]} {missing} is missing", offset=len(self._captured), layer=what[1]
        )
        refused = Refused(error, bytes(self._captured))
        self._begin()
        return [refused]

    def _begins_another(self, frame: Frame, blocks: list[gbt.Block] | None) -> bool:
        if frame.link != self._link:
            return True
        if blocks:
            return blocks[0].number == 1 if self._error or frame.error else self._transfer.contradicts(blocks)
        rolled_over = frame.number is not None and self._segments and len(self._segments) % SEGMENT_NUMBERS == 0
        return (frame.first or (frame.likely and not self._is_short())) and not rolled_over

    def _is_short(self) -> bool:
        """Whether a ciphered APDU is under way and has octets to come; a clear body in it may look like a beginning."""
        due = self._announced()
        return due is not None and sum(map(len, self._segments)) < due

    def _announced(self) -> int | None:
        """How many octets the ciphered APDU in the segments says it has; None where it is clear or says nothing yet."""
        header = apdu.ENVELOPE.match(b"".join(self._segments))
        return apdu.sealed_end(header) if header else None

    def _keep(self, frame: Frame, raw: bytes, gap: int | None) -> int:
        """Add the bytes to what is captured; where the frame begins in it."""
        self._link = frame.link
        overlap = 1 if gap is None and self._captured else 0
        offset = len(self._captured) - overlap
        if offset + len(raw) <= MAX_TELEGRAM:
            self._captured += raw[overlap:]
        elif self._error is None:
            self._error = ReassemblyError("longer than any telegram", offset=offset, layer=frame.link)
        return offset

    def _join(self, frame: Frame, gap: int) -> bytes | None:
        """The whole APDU, once the last segment and the last block are there."""
        if frame.error:
            raise frame.error
        due = len(self._segments)
        if frame.number is not None and frame.number != due % SEGMENT_NUMBERS:
            reason = f"segment {frame.number} where {due % SEGMENT_NUMBERS} is due"
            raise ReassemblyError(reason, offset=0, layer=frame.link)
        # The length of a ciphered APDU tells of any loss but that of an end and a beginning of the same size.
        if due and frame.number is None and gap >= (self._announced() or SHORTEST_SEGMENT):
            raise ReassemblyError(f"a segment may be among {gap} bytes of noise", offset=0, layer=frame.link)
        if not (due or frame.first or frame.likely or gbt.is_block(frame.data)):
            raise ReassemblyError("the beginning is missing", offset=0, layer=frame.link)
        self._segments.append(frame.data)
        if not frame.last:
            return None
        data = b"".join(self._segments)
        self._segments.clear()
        whole = self._transfer.add(data) if gbt.is_block(data) else data
        header = apdu.ENVELOPE.match(whole) if whole and (due or self._transfer) else None
        if header and apdu.sealed_end(header) != header.endpos:
            parts, layer = ("blocks", "gbt") if self._transfer else ("segments", frame.link)
            reason = f"the {parts} hold {header.endpos} bytes, the APDU in them has {apdu.sealed_end(header)}"
            raise ReassemblyError(reason, offset=0, layer=layer)
        return whole

    def _complete(self, whole: bytes) -> list[Telegram | Refused]:
        link, captured = self._link, bytes(self._captured)
        parts = apdu.split(whole) if link == "hdlc" and not self._transfer else [whole]
        self._begin(self._transfer)
        if len(parts) == 1:
            return [Telegram(link, captured, whole, apdu.title_of(whole))]
        return [Telegram("apdu", part, part, apdu.title_of(part)) for part in parts]
