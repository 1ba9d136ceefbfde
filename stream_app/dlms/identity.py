"""Ids in a push: how they are written, and which of them names the meter."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from enum import Enum
from typing import Final, NamedTuple

NAMELESS: Final = "?"
SUB_METER_RANK: Final = 9

# What the meter calls itself, best first: device id 1, logical device name, electricity id 6 (Kamstrup's GS1 number),
# device id 2, a string without a code; then any other.
RANKS: Final = {"0-0:96.1.0": 0, "0-0:42.0.0": 1, "1-1:0.0.5": 2, "0-0:96.1.1": 3, NAMELESS: 4}

# Device types of M-Bus meters (EN 13757-7, table 13), as far as they count something a bill may name.
DEVICE_TYPES: Final = {
    0x02: "electricity", 0x03: "gas", 0x04: "heat", 0x06: "warm water", 0x07: "water", 0x08: "heat cost allocator",
    0x0A: "cooling", 0x0B: "cooling", 0x0C: "heat", 0x0D: "heat/cooling", 0x15: "hot water", 0x16: "cold water",
}  # fmt: skip


class Form(Enum):
    """How an id is written on the wire."""

    TEXT = "text"
    IDENTIFICATION = "identification"  # M-Bus: eight BCD digits (EN 13757-7, 7.5.1) in a double-long-unsigned
    DEVICE_TYPE = "device type"  # M-Bus: no id, but kept like one


class IdObject(NamedTuple):
    """An id's object: OBIS code and form."""

    obis: str
    form: Form


def text(octets: bytes) -> str:
    """Characters without padding; hex digits where they are no printable ASCII; empty for an unused channel."""
    trimmed = octets.strip(b"\0 ")
    if trimmed.isascii():
        characters = trimmed.decode("ascii")
        if characters.isprintable():
            return characters
    return octets.hex().upper()


RENDER: Final[dict[Form, Callable[[bytes], str]]] = {
    Form.TEXT: text,
    Form.IDENTIFICATION: lambda octets: octets.hex().upper() if any(octets) else "",
    Form.DEVICE_TYPE: lambda octets: DEVICE_TYPES.get(octets[0], f"type {octets[0]}") if octets[0] else "",
}


def ids(objects: Sequence[IdObject], octets: Sequence[bytes]) -> dict[str, str]:
    """Rendered ids by OBIS code, without the empty ones."""
    return _rendered([pair for pair in zip(objects, octets, strict=True) if pair[0].form != Form.DEVICE_TYPE])


def device_types(objects: Sequence[IdObject], octets: Sequence[bytes]) -> dict[str, str]:
    """Rendered M-Bus device types by OBIS code, without the unused channels."""
    return _rendered([pair for pair in zip(objects, octets, strict=True) if pair[0].form == Form.DEVICE_TYPE])


def ranking(objects: Sequence[IdObject]) -> tuple[int, ...]:
    """Indices of the ids, the one that names the meter best first."""
    indices = [index for index, one in enumerate(objects) if one.form != Form.DEVICE_TYPE]
    return tuple(sorted(indices, key=lambda index: RANKS.get(objects[index].obis, SUB_METER_RANK)))


def first(objects: Sequence[IdObject], octets: Sequence[bytes], order: Iterable[int]) -> str | None:
    """The first id in this order that is not empty."""
    names = (RENDER[objects[index].form](octets[index]) for index in order)
    return next(filter(None, names), None)


def _rendered(pairs: Iterable[tuple[IdObject, bytes]]) -> dict[str, str]:
    names = {one.obis: RENDER[one.form](octets) for one, octets in pairs}
    return {obis: name for obis, name in names.items() if name}
