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
from stream_app.dlms.axdr import INTEGERS, Node
from stream_app.dlms.clock import DATE_TIME_OCTETS, MeterTime, Zone, date_time
from stream_app.dlms.identity import Form, IdObject

MAX_LAYOUTS: Final = 1024  # a fleet has some dozens
TIME_OCTETS: Final = {"header": DATE_TIME_OCTETS, "clock": DATE_TIME_OCTETS, "date": 5, "time": 4}
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
    ``captured[i]`` the own capture time of the sub-meter register ``layout.captures[i]``. Ids are rendered on demand.
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
    """What the careful reader notes about one push: what lies where. Octets it does not note are constants."""

    def __init__(self) -> None:
        self.name: str | None = None
        self.registers: list[tuple[Node, Register]] = []
        self.ids: list[tuple[Node, IdObject]] = []
        self.captures: list[tuple[Node, str]] = []
        self.times: dict[str, int] = {}  # where lies what: header, clock, date, time
        self.free: list[tuple[int, int]] = []  # contents nobody reads

    def register(self, node: Node, obis: str, scale: int | None, unit: str) -> None:
        """An integer to be read."""
        self.registers.append((node, Register(obis, scale, unit)))

    def id(self, node: Node, obis: str, form: Form = Form.TEXT) -> None:
        """Octets of an id."""
        self.ids.append((node, IdObject(obis, form)))

    def capture(self, node: Node, obis: str) -> None:
        """The own capture time of a sub-meter's register."""
        self.captures.append((node, obis))

    def time(self, what: str, node: Node) -> None:
        """A time or part of it; the first of its kind counts."""
        if what in self.times:
            self.ignore(node)
        else:
            self.times[what] = node.start

    def ignore(self, node: Node) -> None:
        """Let the contents of a value be anything of that shape."""
        if node.items:
            for item in node.items:
                self.ignore(item)
        elif node.size:
            self.free.append((node.start, node.end))


class Template:
    """Constants and gaps of one shape of push."""

    __slots__ = (
        "_captures",
        "_clock",
        "_constants",
        "_expected",
        "_header",
        "_ids",
        "_numbers",
        "_split",
        "_zone",
        "layout",
    )

    def __init__(self, data: bytes, sketch: Sketch, layout: Layout, zone: Zone | None) -> None:
        self.layout = layout
        self._zone = zone
        numbers = [(node.start, node.end, INTEGERS[node.tag]) for node, _ in sketch.registers]
        ids = [(node.start, node.end, f"{node.size}s") for node, _ in sketch.ids]
        times = sketch.times
        self._header, self._clock = times.get("header"), times.get("clock")
        self._split = (times["date"], times["time"]) if "date" in times and "time" in times else None
        self._captures = [node.start for node, _ in sketch.captures]
        self._numbers = _picture(len(data), numbers)
        self._ids = _picture(len(data), ids)
        gaps = [gap[:2] for gap in numbers + ids] + sketch.free
        gaps += [(times[what], times[what] + size) for what, size in TIME_OCTETS.items() if what in times]
        gaps += [(at, at + DATE_TIME_OCTETS) for at in self._captures]
        self._constants = _complement(len(data), gaps)
        self._expected = self._constants.unpack(data)

    def fill(self, data: bytes) -> Push | None:
        """The push in ``data``, None if it has another shape. ``data`` must be as long as the template.

        Raises ``EncodingError`` for a time that cannot be.
        """
        if self._constants.unpack(data) != self._expected:
            return None
        time = None if self._header is None else self._time(data, self._header)
        clock = None if self._clock is None else self._time(data, self._clock)
        captured = tuple([self._time(data, at) for at in self._captures]) if self._captures else ()
        if time is None:
            time = clock
            if time is None and self._split is not None:
                day, hour = self._split
                time = date_time(data[day : day + 5] + data[hour : hour + 4] + OPEN_ZONE, self._zone, day)
        return Push(self.layout, self._numbers.unpack(data), self._ids.unpack(data), time, clock, captured)

    def _time(self, data: bytes, at: int) -> MeterTime | None:
        return date_time(data[at : at + DATE_TIME_OCTETS], self._zone, at)


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
    for start, end in sorted(gaps):
        if start > at:
            parts.append(f"{start - at}s")
        parts.append(f"{end - start}x")
        at = end
    parts.append(f"{size - at}s")
    return Struct("".join(parts))
