"""Octets and their meaning, line by line: what an engineer with an unknown meter needs first."""

from __future__ import annotations

from typing import Final, NamedTuple

SHOWN: Final = 16  # octets of a line; the rest is counted


class Note(NamedTuple):
    """Octets from ``offset`` on, what they mean, and the clause that says so."""

    offset: int
    octets: bytes
    meaning: str
    clause: str = ""


class Notebook:
    """Notes on ``data`` from front to back. Where the data ends, the notes end."""

    def __init__(self, data: bytes, at: int = 0) -> None:
        self.data = data
        self.at = at
        self.notes: list[Note] = []

    def take(self, count: int, meaning: str, clause: str = "") -> bytes:
        """Note the next ``count`` octets; fewer where the data ends."""
        octets = self.data[self.at : self.at + count]
        if octets:
            self.notes.append(Note(self.at, octets, meaning, clause))
        self.at += len(octets)
        return octets

    def until(self, end: int, meaning: str, clause: str = "") -> None:
        """Note the octets up to ``end``; none where that is passed already."""
        self.take(max(0, end - self.at), meaning, clause)

    def number(self, count: int, meaning: str, clause: str = "") -> int:
        """Note a big-endian number; ``{}`` in ``meaning`` is its place."""
        value = int.from_bytes(self.data[self.at : self.at + count], "big")
        self.take(count, meaning.format(value), clause)
        return value

    @property
    def left(self) -> int:
        """Octets not yet noted."""
        return len(self.data) - self.at


def rendered(title: str, notes: list[Note], stop: tuple[int, str] | None = None) -> list[str]:
    """The notes as lines; ``stop`` marks the octet where reading ended, and why."""
    lines = [title]
    marked = stop is None
    for note in notes:
        if not marked and stop is not None and note.offset + len(note.octets) > stop[0]:
            lines.append(_stop(*stop))
            marked = True
        lines.append(_line(note))
    if not marked and stop is not None:
        lines.append(_stop(*stop))
    return lines


def _line(note: Note) -> str:
    shown = note.octets[:SHOWN].hex(" ").upper()
    more = f" … {len(note.octets)} octets" if len(note.octets) > SHOWN else ""
    return f"  {note.offset:5}  {shown + more:<48}  {note.meaning}{'   [' + note.clause + ']' if note.clause else ''}"


def _stop(offset: int, reason: str) -> str:
    return f"  ▶ reading stopped at byte {offset}: {reason}"
