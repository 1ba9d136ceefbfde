"""Bytes of a line → telegrams, whatever the slices, the noise and the moment of joining in.

    buffer ─ find a start ─ cut a frame ─ look for a sound frame inside a doubtful one ─ Assembly ─▶ Telegram | Refused

What begins nowhere is noise and only counted. A frame with a checksum is believed before one without: where a damaged
frame, a false start or a form without checksum claims bytes in which a sound frame begins, the sound one is taken.
Nothing here looks at a clock: the port says when the line has fallen silent.
"""

from __future__ import annotations

import re
from functools import partial

from edge_agent.link import apdu, gbt, hdlc, mbus, p1, wrapper
from edge_agent.link.assembly import Assembly
from edge_agent.link.errors import LinkError
from edge_agent.link.frame import Cutter, Frame, More, Refused, Telegram

SOUND: dict[int, Cutter] = {mbus.START: mbus.cut, hdlc.FLAG: hdlc.cut, ord("/"): p1.cut}  # forms that check themselves
LONGEST_BETWEEN = 2  # a line end; an LLC header has 3, a frame's trailer with the next one's header 10 octets and more
PLAIN_APDUS = (*apdu.TAGS, 0xE6)


def _envelope_of_p1(buffer: bytearray, start: int) -> Frame | More | None:
    return apdu.cut_envelope(buffer, start, link="p1")


def _likely_wrapper(buffer: bytearray, start: int) -> Frame | More | None:
    """A wrapper on a line of unknown link: its version is little evidence, so what is inside must look like a push."""
    verdict = wrapper.cut(buffer, start)
    if verdict is None or apdu.begins(buffer[start + wrapper.HEADER_LENGTH :]):
        return verdict
    due = start + wrapper.HEADER_LENGTH + apdu.LONGEST_PUSH_HEADER
    return More(due) if len(buffer) < due else None


def _amid_noise(cut: Cutter, opening: int, buffer: bytearray, start: int) -> Frame | More | None:
    """A ciphered APDU that may be the inside of a frame whose checks have failed: that one's trailer would follow it.

    So either the same meter's next telegram follows, known by its ``opening``, or silence.
    """
    verdict = cut(buffer, start)
    due, frame = (verdict.need, verdict.otherwise) if isinstance(verdict, More) else (0, verdict)
    if frame is None or frame.error or not apdu.title_of(frame.data):
        return More(due) if len(buffer) < due else None
    due = frame.end + LONGEST_BETWEEN + opening
    if buffer[start : start + opening] in buffer[frame.end : due]:
        return frame
    if len(buffer) >= due:
        return None
    return More(due, None if buffer[frame.end :].strip(b"\r\n") else frame)


STARTS: dict[str, dict[int, Cutter]] = {
    "mbus": {mbus.START: mbus.cut},
    "hdlc": {hdlc.FLAG: hdlc.cut},
    "p1": {ord("/"): p1.cut, p1.SLASH_WITH_PARITY: p1.cut_with_parity, apdu.GENERAL_GLO: _envelope_of_p1},
    "wpdu": {0x00: wrapper.cut},
    "apdu": {
        apdu.GENERAL_GLO: apdu.cut_envelope,
        gbt.TAG: gbt.cut,
        0xE6: apdu.cut_push,
        apdu.NOTIFICATION: apdu.cut_push,
    },
}
STARTS["auto"] = {
    **SOUND,
    p1.SLASH_WITH_PARITY: p1.cut_with_parity,
    0x00: partial(_amid_noise, wrapper.cut, wrapper.OPENING),
    apdu.GENERAL_GLO: partial(_amid_noise, apdu.cut_envelope, apdu.OPENING),
}
# These carry no checksum. Amid noise they may be the inside of a frame whose checks have failed, so on a line of
# unknown link they count right after silence or a telegram only, unless what follows confirms a ciphered one; clear
# ones, without even a length, on any line.
STARTS_AFTER_SILENCE: dict[str, dict[int, Cutter]] = {
    "apdu": dict.fromkeys(PLAIN_APDUS, apdu.cut_any),
    "auto": {
        0x00: _likely_wrapper,
        apdu.GENERAL_GLO: apdu.cut_envelope,
        apdu.NOTIFICATION: apdu.cut_push,
        0xE6: apdu.cut_push,
    },
}
WITHOUT_CHECKSUM = ("wpdu", "apdu")


class Delimiter:
    """One line. Feed it whatever the port gave you; it remembers at most one telegram's worth of bytes."""

    def __init__(self, link: str = "auto") -> None:
        if link not in STARTS:
            raise ValueError(f"no link is called {link!r}; there are {', '.join(STARTS)}")
        self.link = link
        self.discarded = 0
        self._starts = STARTS[link]
        self._starts_after_silence = STARTS_AFTER_SILENCE.get(link, {})
        self._sound = {octet: cut for octet, cut in self._starts.items() if octet in SOUND}
        self._start = re.compile(b"[" + re.escape(bytes(self._starts)) + b"]")
        self._fill = bytes((hdlc.FLAG,)) if hdlc.FLAG in self._starts else b""  # an idle line, not noise
        self._buffer = bytearray()
        self._at = 0  # everything before is decided
        self._taken = 0  # everything before belongs to a frame; one more than _at where the next may share its flag
        self._need = 0
        self._discarded_before = 0  # the noise up to the last frame
        self._fresh = True
        self._assembly = Assembly()

    def feed(self, data: bytes) -> list[Telegram | Refused]:
        """Take what has arrived; the telegrams and refusals it completes, in order."""
        self._buffer += data
        return self._run(silent=False) if len(self._buffer) >= self._need else []

    def idle(self) -> list[Telegram | Refused]:
        """The line has been silent for longer than a pause inside a telegram, or has ended: nothing stays open."""
        done = self._run(silent=True) + self._assembly.end()
        self._taken = 0
        self._fresh = True
        return done

    def _run(self, silent: bool) -> list[Telegram | Refused]:
        done: list[Telegram | Refused] = []
        self._need = 0
        while self._step(silent, done):
            pass
        decided = self._at
        del self._buffer[:decided]
        self._at, self._taken, self._need = 0, max(self._taken - decided, 0), max(self._need - decided, 0)
        return done

    def _step(self, silent: bool, done: list[Telegram | Refused]) -> bool:
        """Decide the next start; False where that has to wait for more bytes."""
        verdict = self._look()
        if isinstance(verdict, More):
            if not silent:
                self._need = verdict.need
                return False
            verdict = verdict.otherwise
        if verdict is None:
            self._skip_to(self._at + 1)
            return self._at < len(self._buffer)
        end = self._end_of(verdict, silent)
        if isinstance(end, More):
            self._need = end.need
            return False
        if end < verdict.end:
            if verdict.error is None:
                self._skip_to(end)
                return True
            reason = "another frame begins inside this one"
            verdict = verdict._replace(error=LinkError(reason, offset=end - verdict.start, layer=verdict.link))
        gap = None if self._at < self._taken else self.discarded - self._discarded_before
        self._discarded_before = self.discarded
        done += self._assembly.add(verdict, bytes(self._buffer[self._at : end]), gap)
        self._taken = end
        self._at = end - 1 if verdict.link == "hdlc" and self._buffer[end - 1] == hdlc.FLAG else end
        self._fresh = verdict.error is None
        return True

    def _look(self) -> Frame | More | None:
        """The verdict on the next byte that may begin a frame."""
        if self._fresh and self._at < len(self._buffer):
            cut = self._starts_after_silence.get(self._buffer[self._at])
            if cut and (verdict := cut(self._buffer, self._at)):
                return verdict
        found = self._start.search(self._buffer, self._at)
        self._skip_to(found.start() if found else len(self._buffer))
        return self._starts[self._buffer[self._at]](self._buffer, self._at) if found else None

    def _skip_to(self, index: int) -> None:
        """Everything up to there is noise, except idle flags and a flag that closed the frame before."""
        index = min(index, len(self._buffer))
        noise = self._buffer[max(self._at, self._taken) : index]
        self.discarded += len(noise.translate(None, self._fill))
        self._fresh = self._fresh and index == self._at
        self._at = index

    def _end_of(self, frame: Frame, silent: bool) -> int | More:
        """Where the frame's bytes end: at its end, or where a sound frame begins inside it although it is doubtful."""
        if frame.error:
            octet = self._buffer[frame.start]
            inside = {**self._sound, octet: self._starts.get(octet) or self._starts_after_silence[octet]}
        elif frame.link in WITHOUT_CHECKSUM:
            inside = self._sound
        else:
            return frame.end
        may_be_shared = frame.link == "hdlc" and self._buffer[frame.end - 1] == hdlc.FLAG
        for at in range(frame.start + 1, frame.end - may_be_shared):
            if cut := inside.get(self._buffer[at]):
                verdict = cut(self._buffer, at)
                if isinstance(verdict, More):
                    if not silent:
                        return verdict
                    verdict = verdict.otherwise
                if verdict and not verdict.error:
                    return at
        return frame.end
