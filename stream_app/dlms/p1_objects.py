"""P1 telegrams (DSMR 5.0.2 P1; EN 62056-21 mode D): lines of ``OBIS(value)…`` between an ident line and ``!CRC``.

    0-1:24.2.1(230102161005W)(00000.141*m3)      a sub-meter's register with its own capture time
    1-0:1.6.0(08.796*kW)(260102010000)           the time behind (Iskraemeco MIE5T)
    0-1:24.2.1(632525252525S)(00000.000)         an M-Bus channel that has heard nothing yet
    0-1:24.3.0(090212160000)(00)(60)(1)(0-1:24.2.1)(m3)(00000.141)      the same in DSMR 2 and 3

Digits become integers, kilo units base units: ``000005.650*kWh`` is 5650 Wh. A line of a reduced code, like
``F.F(00)``, is left out, and one that is no object refused.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final

from fastcrc.crc16 import arc

from stream_app.dlms.clock import MeterTime, p1_time
from stream_app.dlms.definitions import Profile
from stream_app.dlms.errors import EncodingError
from stream_app.dlms.identity import Form, IdObject
from stream_app.dlms.layout import Layouts, Push, Register
from stream_app.dlms.obis import Kind, Obis, is_pure_number, parse
from stream_app.dlms.units import p1_unit

_OBJECT: Final = re.compile(rb"([0-9.:*&-]{5,24})((?:\([^()]*\))+)")
# Reduced codes of IEC 62056-21 that name no C.D.E: F.F(00) tells errors, C.1.0(…) the serial; or without value group E.
_REDUCED: Final = re.compile(rb"(?:[CFLP](?:\.[0-9F]{1,3}){1,2}|\d{1,3}\.\d{1,3})(?:[*&]\d{1,3})?(?:\([^()]*\))+")
_VALUE: Final = re.compile(rb"\(([^()]*)\)")
# 18 digits fit 64 bits.
_NUMBER: Final = re.compile(rb"(-?)(?=[\d.]{1,19}(?:\*|\Z))(\d{1,12})(?:\.(\d{1,9}))?(?:\*([A-Za-z0-9]{1,6}))?")
_CONTINUED: Final = re.compile(rb"\r?\n(?=\()")  # DSMR 3 puts a value on a line of its own
_CRC: Final = re.compile(rb"![0-9A-Fa-f]{4}")
_HOURLY_VALUES: Final = 7  # time, status, minutes, number of values, code, unit, value
_SHORTEST_HEX_ID: Final = 16  # of those whose digits are all decimal


def read_text(text: bytes, profile: Profile, layouts: Layouts) -> Push:
    """The push in a P1 telegram. Raises ``EncodingError``."""
    end = text.rfind(b"\n!") + 1
    if not end:
        raise EncodingError("the text has no end", offset=len(text), layer="p1")
    check = text[end : end + 5]
    if _CRC.fullmatch(check) and int(check[1:], 16) != arc(text[: end + 1]):
        raise EncodingError("the text's CRC does not fit", offset=end, layer="p1")
    reading = Reading(profile)
    at = text.index(b"\n") + 1
    for line in _CONTINUED.sub(b"", text[at:end]).split(b"\n"):
        if line.strip(b"\r\0 "):
            reading.line(line.rstrip(b"\r "), at)
        at += len(line) + 1
    return reading.push(layouts)


class Reading:
    """One telegram being read."""

    def __init__(self, profile: Profile) -> None:
        self.profile = profile
        self.registers: list[Register] = []
        self.values: list[int] = []
        self.ids: list[IdObject] = []
        self.octets: list[bytes] = []
        self.captures: list[tuple[str, MeterTime | None]] = []
        self.time: MeterTime | None = None
        self.split: dict[str, bytes] = {}

    def line(self, line: bytes, at: int) -> None:
        """One line."""
        match = _OBJECT.fullmatch(line)
        try:
            if match is None:
                raise ValueError("the line is no object")
            one = parse(match[1].decode("ascii"))
            handler = HANDLERS.get(one.quantity) or KINDS.get(one.kind)
            if handler is not None:
                handler(self, one, _VALUE.findall(match[2]))
        except ValueError as error:
            if _REDUCED.fullmatch(line):
                return
            reason = error.reason if isinstance(error, EncodingError) else str(error)
            raise EncodingError(reason, offset=at, layer="p1") from error

    def clock(self, one: Obis, values: list[bytes]) -> None:
        """The telegram's time."""
        if values[0]:
            self.time = p1_time(values[0], self.profile.zone)

    def half_of_time(self, one: Obis, values: list[bytes]) -> None:
        """Time (0.9.1) and date (0.9.2) apart, on meters that send no clock."""
        if values[0]:
            self.split[one.quantity] = values[0]
        if self.time is None and len(self.split) == 2:
            self.time = p1_time(self.split["0.9.2"] + self.split["0.9.1"], self.profile.zone)

    def identity(self, one: Obis, values: list[bytes]) -> None:
        """An id: hex digits of characters by the standard, plain on some meters."""
        self.id(one, Form.TEXT, _characters(values[0]))

    def id(self, one: Obis, form: Form, octets: bytes) -> None:
        """Note an id."""
        self.ids.append(IdObject(one.name, form))
        self.octets.append(octets)

    def device_type(self, one: Obis, values: list[bytes]) -> None:
        """What hangs on an M-Bus channel."""
        if values[0].isdigit() and int(values[0]) < 256:
            self.id(one, Form.DEVICE_TYPE, bytes((int(values[0]),)))

    def register(self, one: Obis, values: list[bytes]) -> None:
        """A number, with a capture time beside it where the meter behind it has its own."""
        *captures, number = reversed(values) if b"*" in values[0] else values
        if not number:
            return
        match = _NUMBER.fullmatch(number)
        if match is None or len(captures) > 1:
            raise ValueError(f"register {one.name} has no value that can be read")
        sign, whole, decimals, unit = (group or b"" for group in match.groups())
        raw = int(sign + whole + decimals)
        if captures and not unit and not raw:
            return
        self.registers.append(_scaled(one, unit.decode("ascii"), len(decimals)))
        self.values.append(raw)
        if captures and captures[0]:
            self.captures.append((one.name, self.capture_time(captures[0])))

    def hourly(self, one: Obis, values: list[bytes]) -> None:
        """A sub-meter's register as DSMR 2 and 3 write it."""
        if len(values) == _HOURLY_VALUES:
            time, *_, code, unit, number = values
            one = parse(code.decode("ascii"))
            if one.kind is Kind.REGISTER:
                self.register(one, [time, number + b"*" * bool(unit) + unit])

    def capture_time(self, stamp: bytes) -> MeterTime | None:
        """When a sub-meter was read; None for what is no date, as meters send while they do not know."""
        try:
            return p1_time(stamp, self.profile.zone)
        except EncodingError:
            return None

    def push(self, layouts: Layouts) -> Push:
        """All of it."""
        layout = layouts.of(None, self.registers, self.ids, [name for name, _ in self.captures])
        captured = tuple([captured for _, captured in self.captures])
        return Push(layout, tuple(self.values), tuple(self.octets), self.time, None, captured)


def _scaled(one: Obis, unit: str, decimals: int) -> Register:
    """The register with the scale of its unit. Where that is missing nobody knows whether it was a kilo unit."""
    if unit:
        name, power = p1_unit(unit)
        return Register(one.name, power - decimals, name)
    return Register(one.name, -decimals, "1") if is_pure_number(one) else Register(one.name, None, "")


def _characters(value: bytes) -> bytes:
    """The characters that hex digits stand for; a plain decimal number that could be such digits by chance stays."""
    try:
        characters = bytes.fromhex(value.decode("ascii"))
    except ValueError:
        return value
    if value.isdigit() and not characters.isdigit():
        return characters if len(value) >= _SHORTEST_HEX_ID and characters.isalnum() else value
    return characters if characters.isascii() and characters.decode("ascii").isprintable() else value


Handler = Callable[[Reading, Obis, list[bytes]], None]

HANDLERS: Final[dict[str, Handler]] = {
    "0.9.1": Reading.half_of_time,
    "0.9.2": Reading.half_of_time,
    "24.1.0": Reading.device_type,
    "24.3.0": Reading.hourly,
}
KINDS: Final[dict[Kind, Handler]] = {
    Kind.CLOCK: Reading.clock,
    Kind.ID: Reading.identity,
    Kind.REGISTER: Reading.register,
}
