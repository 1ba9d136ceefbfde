"""Pushes as meters write them: an encoder that shares no code with the decoder. Hypothesis draws the meters."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from hypothesis import strategies as st

TAGS = {
    "u8": (17, 1), "u16": (18, 2), "u32": (6, 4), "u64": (21, 8),
    "i8": (15, 1), "i16": (16, 2), "i32": (5, 4), "i64": (20, 8),
}  # fmt: skip
UNITS = {"W": 27, "Wh": 30, "var": 29, "varh": 32, "A": 33, "V": 35, "Hz": 44}


def integer(kind: str, value: int) -> bytes:
    tag, size = TAGS[kind]
    return bytes((tag,)) + value.to_bytes(size, "big", signed=kind.startswith("i"))


def octets(content: bytes, tag: int = 9) -> bytes:
    size = len(content)
    length = bytes((size,)) if size < 128 else bytes((0x81, size)) if size < 256 else b"\x82" + size.to_bytes(2, "big")
    return bytes((tag,)) + length + content


def group(tag: int, items: Iterable[bytes]) -> bytes:
    items = list(items)
    count = len(items)
    return bytes((tag,)) + (bytes((count,)) if count < 128 else bytes((0x81, count))) + b"".join(items)


def structure(*items: bytes) -> bytes:
    return group(2, items)


def scaler_unit(scale: int, unit: str) -> bytes:
    return structure(integer("i8", scale), bytes((22, UNITS[unit])))


def code(text: str) -> bytes:
    current, _, period = text.partition("*")
    medium, rest = current.split("-")
    channel, cde = rest.split(":")
    return bytes(int(part) for part in (medium, channel, *cde.split("."), period or "255"))


def date_time(year: int, month: int, day: int, hour: int, minute: int, second: int, deviation: int = -0x8000) -> bytes:
    head = year.to_bytes(2, "big") + bytes((month, day, 0xFF, hour, minute, second, 0))
    return head + deviation.to_bytes(2, "big", signed=True) + b"\x00"


def notification(body: bytes, time: bytes = b"", *, tagged: bool = False, invoke_id: int = 0) -> bytes:
    return b"\x0f" + invoke_id.to_bytes(4, "big") + b"\x09" * tagged + bytes((len(time),)) + time + body


@dataclass
class Register:
    obis: str
    kind: str
    value: int
    scale: int
    unit: str

    def encoded(self) -> bytes:
        return integer(self.kind, self.value)


@dataclass
class Meter:
    """What a meter has to say."""

    time: bytes
    ids: list[tuple[str, bytes]] = field(default_factory=list)
    registers: list[Register] = field(default_factory=list)


def object_list(meter: Meter) -> bytes:
    """Layout a."""

    def entry(class_id: int, obis: str) -> bytes:
        return structure(integer("u16", class_id), octets(code(obis)), integer("i8", 2), integer("u16", 0))

    entries = [entry(40, "0-8:25.9.0")]
    entries += [entry(1, obis) for obis, _ in meter.ids] + [entry(3, register.obis) for register in meter.registers]
    values = [octets(name) for _, name in meter.ids] + [register.encoded() for register in meter.registers]
    return structure(group(1, entries), *values)


def flat(meter: Meter) -> bytes:
    """Layout b."""
    pairs = [(obis, octets(name)) for obis, name in meter.ids] + [(r.obis, r.encoded()) for r in meter.registers]
    return structure(*[item for obis, value in pairs for item in (octets(code(obis)), value)])


def flat_scaled(meter: Meter) -> bytes:
    """Layout c."""
    items = [item for obis, name in meter.ids for item in (octets(code(obis)), octets(name))]
    for register in meter.registers:
        items += [octets(code(register.obis)), register.encoded(), scaler_unit(register.scale, register.unit)]
    return structure(*items)


def structures(meter: Meter) -> bytes:
    """Layout d."""
    items = [structure(octets(code(obis)), octets(name)) for obis, name in meter.ids]
    items += [structure(octets(code(r.obis)), r.encoded(), scaler_unit(r.scale, r.unit)) for r in meter.registers]
    return group(1, items)


def values_only(meter: Meter) -> bytes:
    """Layout e."""
    return structure(*[octets(name) for _, name in meter.ids], *[register.encoded() for register in meter.registers])


LAYOUTS = {"a": object_list, "b": flat, "c": flat_scaled, "d": structures, "e": values_only}
SCALED = ("c", "d")  # layouts with scaler and unit on the wire


@st.composite
def registers(draw: st.DrawFn) -> Register:
    measure = draw(st.integers(1, 80))
    kind = draw(st.sampled_from(sorted(TAGS)))
    bits = 8 * TAGS[kind][1]
    low, high = (-(1 << bits - 1), (1 << bits - 1) - 1) if kind.startswith("i") else (0, (1 << bits) - 1)
    obis = f"1-{draw(st.integers(0, 1))}:{measure}.{draw(st.sampled_from((7, 8)))}.{draw(st.integers(0, 4))}"
    obis += draw(st.sampled_from(("", "", "*1", "*101")))  # of a billing period that has ended
    return Register(
        obis, kind, draw(st.integers(low, high)), draw(st.integers(-3, 3)), draw(st.sampled_from(sorted(UNITS)))
    )


@st.composite
def meters(draw: st.DrawFn) -> Meter:
    time = draw(st.datetimes())
    ids = draw(st.lists(st.sampled_from(("0-0:96.1.0", "0-0:42.0.0", "0-0:96.1.1")), unique=True))
    names = st.text("ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789", min_size=1, max_size=16)
    year = max(1970, min(time.year, 2199))
    return Meter(
        date_time(year, time.month, min(time.day, 28), time.hour, time.minute, time.second),
        [(obis, draw(names).encode()) for obis in ids],
        draw(st.lists(registers(), min_size=1, max_size=40, unique_by=lambda register: register.obis)),
    )
