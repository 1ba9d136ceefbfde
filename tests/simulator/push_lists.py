"""What the meters of the fleet push: the objects of each list in order, and the three ways of writing them down.

Sources: 000 §2 (Swiss basic and extended list), 002 §3.3 and 004 §10.5 (KSMW default list), captures of the field for
the rest. A body is a list of pieces: octets that never change for a meter, and fields that do.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from tests.simulator import axdr

DATA, REGISTER, CLOCK_CLASS, PUSH_SETUP = 1, 3, 8, 40  # interface classes


class Number(NamedTuple):
    """A field: what the meter knows of ``quantity`` (C.D.E), in ``divisor`` of its base units, 2 or 4 octets wide."""

    quantity: str
    octets: int
    divisor: int


class Time(NamedTuple):
    """A field: the clock, with more bits of status than the header has, read ``later`` seconds after it."""

    status: int = 0
    later: int = 0


class Identity(NamedTuple):
    """A field that is the same in every telegram: ``name`` (logical device) or ``serial``."""

    attribute: str


Piece = bytes | Number | Time | Identity


class PushObject(NamedTuple):
    """An entry of a list: attribute ``attribute`` of the object ``obis``, and how its value is sent."""

    interface_class: int
    obis: str
    value: Piece
    attribute: int = 2


def registers(codes: str, volts: int = 1000) -> tuple[PushObject, ...]:
    """Registers by their OBIS codes; ``volts``: divisor of a voltage in millivolts."""
    return tuple(PushObject(REGISTER, code, _number(code, volts)) for code in codes.split())


def _number(code: str, volts: int) -> Number:
    quantity = code.split(":")[1]
    c = int(quantity.split(".")[0])
    if c in (32, 52, 72):
        return Number(quantity, 2, volts)
    if c in (31, 51, 71):
        return Number(quantity, 2, 10)  # mA, sent as 0.01 A
    return Number(quantity, 2 if c == 13 else 4, 1)


def push_setup(obis: str, *, with_name: bool) -> tuple[PushObject, ...]:
    """The list as its own first entry; older lists name their push setup in the second."""
    name = PushObject(PUSH_SETUP, obis, axdr.octets(axdr.obis(obis)), attribute=1)
    return (PushObject(PUSH_SETUP, obis, b""), *([name] if with_name else []))


NAME = PushObject(DATA, "0-0:42.0.0", Identity("name"))
CLOCK = PushObject(CLOCK_CLASS, "0-0:1.0.0", Time())
CLOCK_INVALID = PushObject(CLOCK_CLASS, "0-0:1.0.0", Time(0x01))  # as E450 says of itself, set or not
CLOCK_LATE = PushObject(CLOCK_CLASS, "0-0:1.0.0", Time(0x01, later=1))

VSE_14 = (
    *push_setup("0-8:25.9.0", with_name=True),
    NAME,
    PushObject(DATA, "0-0:96.1.1", Identity("serial")),
    CLOCK_LATE,
    *registers("1-1:1.8.0 1-1:2.8.0 1-1:3.8.0 1-1:4.8.0 1-0:1.7.0 1-0:2.7.0"),
    *registers("1-0:32.7.0 1-0:52.7.0 1-0:72.7.0 1-0:31.7.0 1-0:51.7.0 1-0:71.7.0"),
)

EXTENDED_28 = (
    *push_setup("0-8:25.9.0", with_name=False),
    NAME,
    *registers("1-1:1.8.0 1-1:2.8.0 1-1:3.8.0 1-1:4.8.0"),
    PushObject(DATA, "0-0:96.14.0", axdr.octets(b"\x00\x01")),
    *registers("1-0:1.7.0 1-0:2.7.0"),
    *registers("1-0:32.7.0 1-0:52.7.0 1-0:72.7.0 1-0:31.7.0 1-0:51.7.0 1-0:71.7.0"),
    *registers("1-0:21.7.0 1-0:41.7.0 1-0:61.7.0 1-0:22.7.0 1-0:42.7.0 1-0:62.7.0"),
    *registers("1-0:23.7.0 1-0:43.7.0 1-0:63.7.0 1-0:24.7.0 1-0:44.7.0 1-0:64.7.0"),
    PushObject(DATA, "0-0:96.13.0", axdr.octets(b"")),
)

AM550_28 = (
    *push_setup("0-6:25.9.0", with_name=True),
    NAME,
    PushObject(DATA, "0-0:96.1.1", Identity("serial")),
    CLOCK,
    *registers("1-1:1.7.0 1-1:2.7.0 1-1:3.7.0 1-1:4.7.0"),
    *registers(" ".join(f"1-1:{c}.8.{e}" for c in (1, 2, 5, 6, 7, 8) for e in (0, 1, 2))),
    *registers("1-0:13.7.0"),
)

WIENER_NETZE_9 = (
    CLOCK_INVALID,
    *registers("1-0:1.8.0 1-0:2.8.0 1-0:3.8.0 1-0:4.8.0 1-0:1.7.0 1-0:2.7.0 1-0:3.7.0 1-0:4.7.0"),
)

KSMW_IDS = (PushObject(DATA, "0-0:96.1.0", Identity("serial")), NAME)
KSMW_POWER_AND_ENERGY = "1-0:1.7.0 1-0:2.7.0 1-0:1.8.0 1-0:2.8.0 1-0:3.8.0 1-0:4.8.0"
KSMW_16 = (
    *KSMW_IDS,
    *registers("1-0:32.7.0 1-0:52.7.0 1-0:72.7.0 1-0:31.7.0 1-0:51.7.0 1-0:71.7.0", volts=100),
    *registers(KSMW_POWER_AND_ENERGY),
)
KSMW_12 = (*KSMW_IDS, *registers("1-0:32.7.0 1-0:31.7.0", volts=100), *registers(KSMW_POWER_AND_ENERGY))


def object_list(objects: Sequence[PushObject]) -> list[Piece]:
    """The list itself as first value, then one value per further entry."""
    entries = [
        axdr.structure(
            [
                axdr.long_unsigned(entry.interface_class),
                axdr.octets(axdr.obis(entry.obis)),
                axdr.integer(entry.attribute),
                axdr.long_unsigned(0),
            ]
        )
        for entry in objects
    ]
    return [_structure_of(len(objects)) + axdr.array(entries), *(entry.value for entry in objects[1:])]


def values(objects: Sequence[PushObject]) -> list[Piece]:
    """Values only: the operator says what they are."""
    return [_structure_of(len(objects)), *(entry.value for entry in objects)]


UNITS = {"8": {1: 30, 2: 30, 3: 32, 4: 32}, "7": {1: 27, 2: 27}}  # Wh, varh, W by D and C
VOLT, AMPERE = 35, 33


def attribute_0(objects: Sequence[PushObject]) -> list[Piece]:
    """KSMW: clock name and clock, then a structure per object: name, value and for registers {scaler, unit}."""
    pieces: list[Piece] = [_structure_of(len(objects) + 2) + axdr.octets(axdr.obis("0-0:1.0.0")), Time()]
    for entry in objects:
        name = axdr.octets(axdr.obis(entry.obis))
        if isinstance(entry.value, Number):
            pieces += [_structure_of(3) + name, entry.value, _scaler_unit(entry.value)]
        else:
            pieces += [_structure_of(2) + name, entry.value]
    return pieces


def _scaler_unit(number: Number) -> bytes:
    c, d, _ = number.quantity.split(".")
    scaler, unit = {100: (-1, VOLT), 10: (-2, AMPERE)}.get(number.divisor) or (0, UNITS[d][int(c)])
    return axdr.structure([axdr.integer(scaler), axdr.enum(unit)])


def _structure_of(count: int) -> bytes:
    return b"\x02" + axdr.length(count)
