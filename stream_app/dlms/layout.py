"""The remembered layout: what a push looks like, so that the next one of its kind is read in a few C calls.

Two pushes of meters of one model and configuration differ only in values: counters, times, ids. The careful reader
(``notification``, ``body``) walks the first one and notes in a ``Sketch`` what lies where. A ``Template`` made from it
holds everything else as constants. Whatever fills the same template has, octet for octet, the structure the careful
reader has approved; anything that does not fill one goes back to it, so correctness has one definition.
"""

from __future__ import annotations

from struct import Struct
from typing import Final, NamedTuple

from stream_app.dlms import identity
from stream_app.dlms.axdr import INTEGERS, OCTET_STRING, STRUCTURE, Node
from stream_app.dlms.clock import MeterTime, Zone, date_time
from stream_app.dlms.identity import Form, IdObject

MAX_LAYOUTS: Final = 1024  # a fleet has some dozens
NEW_TUPLE: Final = tuple.__new__  # half of what a named tuple's own constructor costs
CODE_OCTETS: Final = 6
OPEN_ZONE: Final = b"\x80\x00\xff"  # deviation and status unspecified


class Register(NamedTuple):
    """A measured quantity: value = raw × 10 ** ``scale`` in ``unit``; scale None: nobody knows; unit empty likewise."""

    obis: str
    scale: int | None
    unit: str


class Layout:
    """What all telegrams of one shape have in common. Shared and compared by identity: keep a plan per layout.

    ``name`` is the operator's list by which the values were named, None where the telegram names them itself. A
    register that a telegram sends as null-data is not in its layout.
    """

    __slots__ = ("__weakref__", "captures", "ids", "name", "ranking", "registers")

    def __init__(
        self, name: str | None, registers: tuple[Register, ...], ids: tuple[IdObject, ...], captures: tuple[str, ...]
    ) -> None:
        self.name = name
        self.registers = registers
        self.ids = ids
        self.captures = captures
        self.ranking = identity.ranking(ids)


class Push(NamedTuple):
    """One push: ``values[i]`` is the raw integer of ``layout.registers[i]``.

    ``time`` is that of the header, without it that of the clock object, which is also in ``payload_clock``;
    ``captured[i]`` the own capture time of the sub-meter register ``layout.captures[i]``. ``id_octets[i]`` is the id of
    ``layout.ids[i]`` as it came; ids are rendered on demand.
    """

    layout: Layout
    values: tuple[int, ...]
    id_octets: tuple[bytes, ...]
    time: MeterTime | None
    payload_clock: MeterTime | None = None
    captured: tuple[MeterTime | None, ...] = ()

    @property
    def ids(self) -> dict[str, str]:
        """Every id of the telegram by OBIS code; ``?`` where it has none."""
        return identity.ids(self.layout.ids, self.id_octets)

    @property
    def device_id(self) -> str | None:
        """The meter's own id."""
        return identity.first(self.layout.ids, self.id_octets, self.layout.ranking)

    @property
    def device_types(self) -> dict[str, str]:
        """What hangs on the M-Bus channels, by OBIS code of the channel (``0-1:24.1.0``)."""
        return identity.device_types(self.layout.ids, self.id_octets)


class Sketch:
    """What the careful reader notes about one push, strictly from front to back. What it does not note is constant."""

    def __init__(self) -> None:
        self.name: str | None = None
        self.numbers: list[tuple[int, int, str]] = []  # start, end, struct format character
        self.registers: list[Register] = []
        self.strings: list[tuple[int, int, str]] = []
        self.ids: list[IdObject] = []
        self.times: dict[str, slice] = {}  # header, clock, date, time
        self.captures: list[str] = []
        self.captured: list[slice] = []
        self.gaps: list[tuple[int, int]] = []  # all of the above, and contents that nobody reads

    def register(self, node: Node, obis: str, scale: int | None, unit: str) -> None:
        """An integer to be read."""
        self.numbers.append((node.start, node.end, INTEGERS[node.tag]))
        self.registers.append(NEW_TUPLE(Register, (obis, scale, unit)))
        self.gaps.append((node.start, node.end))

    def id(self, node: Node, obis: str, form: Form = Form.TEXT) -> None:
        """Octets of an id."""
        self.strings.append((node.start, node.end, f"{node.size}s"))
        self.ids.append(IdObject(obis, form))
        self.gaps.append((node.start, node.end))

    def capture(self, node: Node, obis: str) -> None:
        """The own capture time of a sub-meter's register."""
        self.captures.append(obis)
        self.captured.append(slice(node.start, node.end))
        self.gaps.append((node.start, node.end))

    def time(self, what: str, start: int, end: int) -> None:
        """A time or part of it; the first of its kind counts."""
        self.times.setdefault(what, slice(start, end))
        self.gaps.append((start, end))

    def ignore(self, node: Node) -> None:
        """Let the contents of a value be anything of that shape, but for what might be a structure's code."""
        if node.items:
            first = node.items[0]
            named = node.tag == STRUCTURE and first.tag == OCTET_STRING and first.size == CODE_OCTETS
            for item in node.items[named:]:
                self.ignore(item)
        elif node.size:
            self.gaps.append((node.start, node.end))

    def layout(self, layouts: Layouts) -> Layout:
        """The layout of pushes like this."""
        return layouts.of(self.name, self.registers, self.ids, self.captures)


class Template:
    """Constants and gaps of one shape of push."""

    __slots__ = (
        "_captured", "_clock", "_constants", "_expected", "_header", "_ids", "_numbers", "_split", "_zone",
        "layout",
    )  # fmt: skip

    def __init__(self, data: bytes, sketch: Sketch, layout: Layout, zone: Zone | None) -> None:
        self.layout = layout
        self._zone = zone
        self._numbers = _picture(len(data), sketch.numbers).unpack
        self._ids = _picture(len(data), sketch.strings).unpack
        self._constants = _complement(len(data), sketch.gaps).unpack
        self._expected = self._constants(data)
        self._header, self._clock = sketch.times.get("header"), sketch.times.get("clock")
        self._split = (sketch.times.get("date"), sketch.times.get("time"))
        self._captured = sketch.captured

    def fill(self, data: bytes) -> Push | None:
        """The push in ``data``, None if it has another shape. ``data`` must be as long as the template.

        Raises ``EncodingError`` for a time that cannot be.
        """
        if self._constants(data) != self._expected:
            return None
        zone, header, clock = self._zone, self._header, self._clock
        time = None if header is None else date_time(data[header], zone)
        payload_clock = None if clock is None else date_time(data[clock], zone)
        captured = tuple([date_time(data[at], zone) for at in self._captured]) if self._captured else ()
        if time is None:
            time = payload_clock or self._split_time(data)
        return NEW_TUPLE(Push, (self.layout, self._numbers(data), self._ids(data), time, payload_clock, captured))

    def _split_time(self, data: bytes) -> MeterTime | None:
        """Date (5 octets) and time (4), where a list has them apart."""
        date, time = self._split
        return None if date is None or time is None else date_time(data[date] + data[time] + OPEN_ZONE, self._zone)


class Layouts:
    """The layouts met, so that one shape is one object. Bounded: beyond that, they are made anew."""

    def __init__(self) -> None:
        self._known: dict[tuple[object, ...], Layout] = {}

    def of(self, name: str | None, registers: list[Register], ids: list[IdObject], captures: list[str]) -> Layout:
        """The layout of these parts."""
        parts = (name, tuple(registers), tuple(ids), tuple(captures))
        layout = self._known.get(parts)
        if layout is None:
            if len(self._known) >= MAX_LAYOUTS:
                self._known.clear()
            layout = self._known[parts] = Layout(*parts)
        return layout


def _picture(size: int, gaps: list[tuple[int, int, str]]) -> Struct:
    """A struct of ``size`` octets that reads the gaps and skips what is between them."""
    parts, at = [">"], 0
    for start, end, code in gaps:
        parts.append(f"{start - at}x{code}")
        at = end
    parts.append(f"{size - at}x")
    return Struct("".join(parts))


def _complement(size: int, gaps: list[tuple[int, int]]) -> Struct:
    """A struct of ``size`` octets that reads everything but the gaps."""
    parts, at = [">"], 0
    for start, end in gaps:
        if start > at:
            parts.append(f"{start - at}s")
        parts.append(f"{end - start}x")
        at = end
    parts.append(f"{size - at}s")
    return Struct("".join(parts))
