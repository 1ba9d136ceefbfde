"""Readings to bytes on the hot path: the bytes of ``Codec[Reading].encode``, for a fraction of its time.

``reading_prefix`` holds what all telegrams of a meter on a port share and is made once. ``ReadingEncoder`` is made once
per layout of telegrams: it knows which register goes to which column by which factor, and the bytes before each number.
What is left per telegram are the numbers themselves.

A property test holds this and the codec to the same bytes.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple, Protocol

from librt.strings import BytesWriter

from stream_app.reading_columns import COLUMNS

LONG_MIN, LONG_MAX = -(2**63), 2**63 - 1
WORD: Final = 2**61  # smaller numbers are compared and shifted in a register
NULL = b"\x00"  # index of null in every union of ours
SOME = b"\x02"  # index of the other branch
METER, GATEWAY = b"\x00", b"\x02"  # the symbols of TimeSource
TRUE, FALSE = b"\x01", b"\x00"


class Register(Protocol):
    """A register as a telegram's layout names it; ``scale`` None and ``unit`` empty where nobody tells."""

    @property
    def obis(self) -> str: ...  # noqa: D102
    @property
    def scale(self) -> int | None: ...  # noqa: D102
    @property
    def unit(self) -> str: ...  # noqa: D102


def write_long(writer: BytesWriter, value: int) -> None:
    """An Avro int or long (zigzag, then seven bits an octet, lowest first). Raises ``OverflowError`` beyond 64 bits."""
    if not -WORD < value < WORD and not LONG_MIN <= value <= LONG_MAX:
        raise OverflowError
    bits = value << 1 ^ value >> 63
    while bits > 127:
        writer.append(bits & 127 | 128)
        bits >>= 7
    writer.append(bits)


def encode_long(value: int) -> bytes:
    """What ``write_long`` writes."""
    writer = BytesWriter()
    write_long(writer, value)
    return writer.getvalue()


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


class ReadingEncoder:
    """The readings of one layout."""

    def __init__(self, registers: Sequence[Register]) -> None:
        slots = assign_slots(registers)
        at_column = {slot.column: at for at, slot in enumerate(slots)}
        others = [at for at, slot in enumerate(slots) if slot.column is None]
        self._registers = registers
        self._steps: list[tuple[bytes, int, int]] = []  # the bytes before a number, its place and factor
        constant = b""
        for column in COLUMNS.values():
            place = at_column.get(column.field)
            if place is None:
                constant += NULL
            else:
                self._steps.append((constant + SOME, place, slots[place].factor))
                constant = b""
        if others:
            constant += encode_long(len(others))  # an Avro array: count and items, and an empty block
        for place in others:
            register = registers[place]
            self._steps.append((constant + _string(register.obis), place, 1))
            constant = _optional_long(register.scale) + _optional_string(register.unit or None)
        self._end = constant + encode_long(0)

    def encode(
        self,
        prefix: bytes,
        source_offset: int,
        measured_at: int,
        received_at: int,
        gateway_time: bool,
        clock_status: int | None,
        frame_counter: int | None,
        values: Sequence[int],
    ) -> bytes:
        """A reading as a Kafka value; times are epoch milliseconds, ``values`` in the order of the registers.

        What no Avro long can hold (64-bit registers that say "not available") is left out, as if it had not been sent.
        """
        writer = BytesWriter()
        writer.write(prefix)
        write_long(writer, source_offset)
        write_long(writer, measured_at)
        write_long(writer, received_at)
        writer.write(GATEWAY if gateway_time else METER)
        _write_optional(writer, clock_status)
        _write_optional(writer, frame_counter)
        try:
            for constant, place, factor in self._steps:
                writer.write(constant)
                write_long(writer, values[place] * factor)
        except OverflowError:
            kept = self._that_fit(values)
            fewer = ReadingEncoder([self._registers[at] for at in kept])
            moments = (source_offset, measured_at, received_at, gateway_time, clock_status, frame_counter)
            return fewer.encode(prefix, *moments, [values[at] for at in kept])
        writer.write(self._end)
        return writer.getvalue()

    def _that_fit(self, values: Sequence[int]) -> list[int]:
        factors = [slot.factor for slot in assign_slots(self._registers)]
        return [at for at, factor in enumerate(factors) if LONG_MIN <= values[at] * factor <= LONG_MAX]


def _write_optional(writer: BytesWriter, value: int | None) -> None:
    if value is None:
        writer.write(NULL)
    else:
        writer.write(SOME)
        write_long(writer, value)
