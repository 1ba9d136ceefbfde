"""Readings to bytes on the hot path: the bytes of ``Codec[Reading].encode``, for a fraction of its time.

A reading is put together from three parts. ``reading_prefix`` holds what all telegrams of a meter on a port share and
is made once. ``QuantityEncoder`` is compiled once per layout of telegrams: it knows which register goes to which column
by which factor, and has the bytes between the numbers ready. What is left per telegram are the numbers themselves, and
each is two look-ups: a varint is the bytes of its low 14 bits and those of the rest.

A property test holds this and the codec to the same bytes.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import NamedTuple, Protocol

from stream_app.reading_columns import COLUMNS

LONG_MIN, LONG_MAX = -(2**63), 2**63 - 1
NULL = b"\x00"  # index of null in every union of ours
SOME = b"\x02"  # index of the other branch
METER, GATEWAY = b"\x00", b"\x02"  # the symbols of TimeSource
TRUE, FALSE = b"\x01", b"\x00"
CACHED = 2**17  # registers up to 10**9 fit; some 15 MB when full


class Register(Protocol):
    """A register as a telegram's layout names it; ``scale`` None and ``unit`` empty where nobody tells."""

    @property
    def obis(self) -> str: ...  # noqa: D102
    @property
    def scale(self) -> int | None: ...  # noqa: D102
    @property
    def unit(self) -> str: ...  # noqa: D102


def _varint(bits: int) -> bytes:
    out = bytearray()
    while bits > 0x7F:
        out.append(bits & 0x7F | 0x80)
        bits >>= 7
    out.append(bits)
    return bytes(out)


class _Small(dict[int, bytes]):
    """Avro longs below 8192. The negative ones are rare and made anew."""

    def __missing__(self, value: int) -> bytes:
        if value < LONG_MIN:
            raise OverflowError
        return _varint(~value << 1 | 1)


class _Rest(dict[int, bytes]):
    """What follows the low 14 bits of a longer one."""

    def __missing__(self, bits: int) -> bytes:
        if bits > LONG_MAX >> 13:
            raise OverflowError
        if len(self) >= CACHED:
            self.clear()
        self[bits] = rest = _varint(bits)
        return rest


SMALL = _Small((value, _varint(value << 1)) for value in range(8192))
LOW = [bytes((value << 1 & 0x7F | 0x80, value >> 6 | 0x80)) for value in range(8192)]
REST = _Rest()


def encode_long(value: int) -> bytes:
    """An Avro int or long (zigzag, then seven bits a byte, lowest first). Raises ``OverflowError`` beyond 64 bits."""
    return SMALL[value] if value < 8192 else LOW[value & 8191] + REST[value >> 13]


def _string(text: str) -> bytes:
    data = text.encode()
    return encode_long(len(data)) + data


def _optional_string(text: str | None) -> bytes:
    return NULL if text is None else SOME + _string(text)


def _optional_long(value: int | None) -> bytes:
    return NULL if value is None else SOME + encode_long(value)


def reading_prefix(
    header: bytes,
    *,
    system_title: str,
    device_id: str | None,
    metering_point: str | None,
    site: str | None,
    encrypted: bool,
    authenticated: bool,
    key_version: int | None,
    push_list: str | None,
    edge_id: str | None,
    port: str | None,
    source_partition: int,
) -> bytes:
    """The part that stays: ``header`` of the readings' codec and the fields up to ``source_partition``."""
    return b"".join(
        (
            header,
            _string(system_title),
            _optional_string(device_id),
            _optional_string(metering_point),
            _optional_string(site),
            TRUE if encrypted else FALSE,
            TRUE if authenticated else FALSE,
            _optional_long(key_version),
            _optional_string(push_list),
            _optional_string(edge_id),
            _optional_string(port),
            encode_long(source_partition),
        )
    )


@cache
def _clock(gateway_time: bool, clock_status: int | None) -> bytes:
    return (GATEWAY if gateway_time else METER) + _optional_long(clock_status)


def encode_reading(
    prefix: bytes,
    source_offset: int,
    measured_at: int,
    received_at: int,
    gateway_time: bool,
    clock_status: int | None,
    frame_counter: int | None,
    quantities: bytes,
) -> bytes:
    """A reading as a Kafka value. ``quantities`` comes from a ``QuantityEncoder``; times are epoch milliseconds."""
    return b"".join(
        (
            prefix,
            encode_long(source_offset),
            encode_long(measured_at),
            encode_long(received_at),
            _clock(gateway_time, clock_status),
            _optional_long(frame_counter),
            quantities,
        )
    )


class Slot(NamedTuple):
    """Where a register goes: its column and the factor that brings it there, or ``other`` (column None, factor 1)."""

    column: str | None
    factor: int


OTHER = Slot(None, 1)


def assign_slots(registers: Sequence[Register]) -> list[Slot]:
    """The slot of every register, in order.

    A column takes the first electricity register (A = 1) of its C.D.E in its unit whose scale is not finer than the
    column's; whatever B is (1-0 and 1-1 both occur). All others keep code, scale and unit in ``other``.
    """
    taken: set[str] = set()
    slots = []
    for register in registers:
        group, _, quantity = register.obis.partition(":")
        column = COLUMNS.get(quantity)
        if (
            column is None
            or column.field in taken
            or register.unit != column.unit
            or register.scale is None
            or register.scale < column.exponent
            or not group.startswith("1-")
        ):
            slots.append(OTHER)
            continue
        taken.add(column.field)
        slots.append(Slot(column.field, 10 ** (register.scale - column.exponent)))
    return slots


class QuantityEncoder:
    """The quantity columns and ``other`` of the readings of one layout."""

    def __init__(self, registers: Sequence[Register]) -> None:
        self._registers = registers
        slots = assign_slots(registers)
        at_column = {slot.column: at for at, slot in enumerate(slots)}
        others = [at for at, slot in enumerate(slots) if slot.column is None]
        self._order: list[int] = []
        self._parts: list[bytes] = []  # what is constant at even places, a number between any two
        constant = b""
        for column in COLUMNS.values():
            if column.field in at_column:
                self._add(constant + SOME, at_column[column.field])
                constant = b""
            else:
                constant += NULL
        if others:
            constant += encode_long(len(others))  # an Avro array: blocks of count and items, and an empty one
        for at in others:
            register = registers[at]
            self._add(constant + _string(register.obis), at)
            constant = _optional_long(register.scale) + _optional_string(register.unit or None)
        self._parts.append(constant + encode_long(0))
        self._scaled = [(place, slots[at].factor) for place, at in enumerate(self._order) if slots[at].factor != 1]

    def _add(self, constant: bytes, at: int) -> None:
        self._parts += constant, b""
        self._order.append(at)

    def encode(self, values: Sequence[int]) -> bytes:
        """The integers of one telegram, in the order of the registers, as the tail of a reading.

        What no Avro long can hold (64-bit registers that say "not available") is left out, as if it had not been sent.
        """
        numbers = [values[at] for at in self._order]
        for place, factor in self._scaled:
            numbers[place] *= factor
        parts = self._parts.copy()
        try:
            parts[1::2] = [SMALL[n] if n < 8192 else LOW[n & 8191] + REST[n >> 13] for n in numbers]
        except OverflowError:
            kept = sorted(at for at, n in zip(self._order, numbers, strict=True) if LONG_MIN <= n <= LONG_MAX)
            return QuantityEncoder([self._registers[at] for at in kept]).encode([values[at] for at in kept])
        return b"".join(parts)
