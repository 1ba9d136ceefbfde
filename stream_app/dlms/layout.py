"""The remembered layout: what a push looks like, so that the next one of its kind is read in a few C calls.

Two pushes of meters of one model and configuration differ only in values: counters, times, ids. The careful reader
(``notification``, ``body``) walks the first one and notes in a ``Sketch`` what lies where. A ``Template`` made from it
holds everything else as constants. Whatever fills the same template has, octet for octet, the structure the careful
reader has approved; anything that does not fill one goes back to it, so correctness has one definition.
"""

from __future__ import annotations

from collections.abc import Callable
from operator import itemgetter
from struct import Struct
from typing import Final, NamedTuple

from stream_app.dlms import identity
from stream_app.dlms.axdr import INTEGERS, OCTET_STRING, STRUCTURE, Node
from stream_app.dlms.clock import MeterTime, Zone, capture_time, date_time
from stream_app.dlms.identity import Form, IdObject

MAX_LAYOUTS: Final = 1024  # a fleet has some dozens
CODE_OCTETS: Final = 6
OPEN_ZONE: Final = b"\x80\x00\xff"  # deviation and status unspecified

Gap = tuple[int, int, str]  # start, end; struct format where it is read as a number or an id
Place = tuple[int, int]  # start, end


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


class Push:
    """One push: ``values[i]`` is the raw integer of ``layout.registers[i]``.

    ``time`` is that of the header, without it that of the clock object, which is also in ``payload_clock``;
    ``captured[i]`` the own capture time of the sub-meter register ``layout.captures[i]``. ``id_octets[i]`` is the id of
    ``layout.ids[i]`` as it came; ids are rendered on demand.
    """

    __slots__ = ("captured", "id_octets", "layout", "payload_clock", "time", "values")

    def __init__(
        self,
        layout: Layout,
        values: tuple[int, ...],
        id_octets: tuple[bytes, ...],
        time: MeterTime | None,
        payload_clock: MeterTime | None = None,
        captured: tuple[MeterTime | None, ...] = (),
    ) -> None:
        self.layout = layout
        self.values = values
        self.id_octets = id_octets
        self.time = time
        self.payload_clock = payload_clock
        self.captured = captured

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
        self.gaps: list[Gap] = []  # all that is not constant
        self.numbers: list[Gap] = []
        self.registers: list[Register] = []
        self.strings: list[Gap] = []
        self.ids: list[IdObject] = []
        self.times: dict[str, Place] = {}  # header, clock, date, time
        self.captures: list[str] = []
        self.captured: list[Place] = []

    def register(self, node: Node, register: Register) -> None:
        """An integer to be read."""
        gap = node.start, node.end, INTEGERS[node.tag]
        self.gaps.append(gap)
        self.numbers.append(gap)
        self.registers.append(register)

    def id(self, node: Node, obis: str, form: Form = Form.TEXT) -> None:
        """Octets of an id."""
        gap = node.start, node.end, f"{node.size}s"
        self.gaps.append(gap)
        self.strings.append(gap)
        self.ids.append(IdObject(obis, form))

    def capture(self, node: Node, obis: str) -> None:
        """The own capture time of a sub-meter's register."""
        self.captures.append(obis)
        self.captured.append((node.start, node.end))
        self.skip(node.start, node.end)

    def time(self, what: str, start: int, end: int) -> None:
        """A time or part of it; the first of its kind counts."""
        self.times.setdefault(what, (start, end))
        self.skip(start, end)

    def ignore(self, node: Node) -> None:
        """Let the contents of a value be anything of that shape, but for what might be a structure's code."""
        if node.items:
            first = node.items[0]
            named = node.tag == STRUCTURE and first.tag == OCTET_STRING and first.size == CODE_OCTETS
            for item in node.items[named:]:
                self.ignore(item)
        elif node.size:
            self.skip(node.start, node.end)

    def skip(self, start: int, end: int) -> None:
        """Octets that may be anything and are not read as a number or an id."""
        self.gaps.append((start, end, ""))

    def layout(self, layouts: Layouts) -> Layout:
        """The layout of pushes like this."""
        return layouts.of(self.name, self.registers, self.ids, self.captures)


class Template:
    """What reads the pushes that differ from ``data`` in nothing but the gaps of its sketch."""

    def __init__(self, data: bytes, sketch: Sketch, layout: Layout, zone: Zone | None) -> None:
        size = len(data)
        self._layout = layout
        self._zone = zone
        self._numbers = _picture(size, sketch.numbers).unpack
        self._ids = _picture(size, sketch.strings).unpack
        self._tags, gaps = _longest_run(sketch.gaps)
        self._constants = _complement(size, gaps).unpack
        self._expected, self._expected_tags = self._constants(data), self._tags(data)
        self._header = _cutter(sketch.times.get("header"))
        self._clock = _cutter(sketch.times.get("clock"))
        self._date = _cutter(sketch.times.get("date"))
        self._hour = _cutter(sketch.times.get("time"))
        self._captures = [itemgetter(slice(*place)) for place in sketch.captured]

    def fill(self, data: bytes) -> Push | None:
        """The push in data as long as the template, None if it has another shape.

        Raises ``EncodingError`` for a time that cannot be.
        """
        if self._constants(data) != self._expected or self._tags(data) != self._expected_tags:
            return None
        zone = self._zone
        sent = None if self._header is None else self._header(data)
        time = None if sent is None else date_time(sent, zone)
        payload_clock = None
        if self._clock is not None:
            payload_clock = time if self._clock(data) == sent else date_time(self._clock(data), zone)
        if time is None:
            time = payload_clock
            if time is None and self._date is not None and self._hour is not None:
                time = date_time(self._date(data) + self._hour(data) + OPEN_ZONE, zone)
        captured = tuple([capture_time(cut(data), zone) for cut in self._captures]) if self._captures else ()
        return Push(self._layout, self._numbers(data), self._ids(data), time, payload_clock, captured)


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


def _picture(size: int, gaps: list[Gap]) -> Struct:
    """A struct of ``size`` octets that reads the gaps and skips what is between them."""
    parts, at = [">"], 0
    for start, end, code in gaps:
        parts.append(f"{start - at}x{code}")
        at = end
    parts.append(f"{size - at}x")
    return Struct("".join(parts))


def _cutter(place: Place | None) -> Callable[[bytes], bytes] | None:
    return None if place is None else itemgetter(slice(*place))


def _longest_run(gaps: list[Gap]) -> tuple[Callable[[bytes], bytes], list[Gap]]:
    """Most values of a push are of one type, its tag alone between them: what cuts out the tags, and the gaps with that
    run as one, which is compared in one slice instead of an octet at a time.
    """
    first, last, start, before, size = 0, 0, 0, 0, 0
    for at, (begin, end, _) in enumerate(gaps):
        if begin - before != 1 or end - begin != size:
            start, size = at, end - begin
        elif at - start > last - first:
            first, last = start, at
        before = end
    begin, end, _ = gaps[first]
    tags = itemgetter(slice(end, gaps[last][0], end - begin + 1))
    return tags, [*gaps[:first], (begin, gaps[last][1], ""), *gaps[last + 1 :]]


def _complement(size: int, gaps: list[Gap]) -> Struct:
    """A struct of ``size`` octets that reads everything but the gaps."""
    parts, at = [">"], 0
    for start, end, _ in gaps:
        if start > at:
            parts.append(f"{start - at}s")
        parts.append(f"{end - start}x")
        at = end
    parts.append(f"{size - at}s")
    return Struct("".join(parts))
