"""Readings to bytes on the hot path: the bytes of ``Codec[Reading].encode``, for a fraction of its time.

A reading is one ``%`` over bytes. ``reading_prefix`` holds what all telegrams of a meter on a port share and is made
once. ``ReadingEncoder`` is compiled once per layout of telegrams: it knows which register goes to which column by which
factor, and its format holds the bytes between the numbers. What is left per telegram are the numbers themselves, put
together from the octets of seven bits each. These tables are so small that they stay in the processor's first cache;
larger ones with fewer steps are slower. Only what has a factor, and times, are looked up as a whole.

A property test holds this and the codec to the same bytes.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache
from operator import getitem, itemgetter
from typing import Final, NamedTuple, Protocol

from stream_app.reading_columns import COLUMNS

LONG_MIN, LONG_MAX = -(2**63), 2**63 - 1
NULL = b"\x00"  # index of null in every union of ours
SOME = b"\x02"  # index of the other branch
METER, GATEWAY = b"\x00", b"\x02"  # the symbols of TimeSource
TRUE, FALSE = b"\x01", b"\x00"
CACHED: Final = 2**16  # of each table of whole numbers; some 10 MB when full
NUMBER: Final = b"%b"
MOMENTS: Final = NUMBER * 6  # prefix, offset, two times, what is known of the clock, counter

FIRST: Final = [bytes((bits << 1 | 0x80,)) for bits in range(64)]  # the sign is the lowest bit, and 0
MORE: Final = [bytes((bits | 0x80,)) for bits in range(128)]
LAST: Final = [bytes((bits,)) for bits in range(128)]


class Register(Protocol):
    """A register as a telegram's layout names it; ``scale`` None and ``unit`` empty where nobody tells."""

    @property
    def obis(self) -> str: ...  # noqa: D102
    @property
    def scale(self) -> int | None: ...  # noqa: D102
    @property
    def unit(self) -> str: ...  # noqa: D102


def encode_long(value: int) -> bytes:
    """An Avro int or long (zigzag, then seven bits an octet, lowest first). Raises ``OverflowError`` beyond 64 bits."""
    if not LONG_MIN <= value <= LONG_MAX:
        raise OverflowError
    bits = value << 1 ^ value >> 63
    octets = []
    while bits > 127:
        octets.append(MORE[bits & 127])
        bits >>= 7
    return b"".join([*octets, LAST[bits]])


class Scaled(dict[int, bytes]):
    """The bytes of ``number * factor``, remembered."""

    __slots__ = ("_factor",)

    def __init__(self, factor: int) -> None:
        self._factor = factor

    def __missing__(self, number: int) -> bytes:
        if len(self) >= CACHED:
            self.clear()
        self[number] = written = encode_long(number * self._factor)
        return written


class Short(dict[int, bytes]):
    """Numbers of one octet; the negative ones are rare and made anew."""

    def __missing__(self, number: int) -> bytes:
        return encode_long(number)


ONLY: Final = Short((number, encode_long(number)) for number in range(64))
TIMES: Final = Scaled(1)  # meters and gateways tell the same milliseconds
scaled: Final = cache(Scaled)


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


def picker(places: Sequence[int]) -> Callable[[Sequence[int]], tuple[int, ...]]:
    """What takes the items at these places out of a sequence."""
    if len(places) > 1:
        return itemgetter(*places)
    return lambda values: tuple([values[at] for at in places])


class ReadingEncoder:
    """The readings of one layout."""

    def __init__(self, registers: Sequence[Register]) -> None:
        slots = assign_slots(registers)
        at_column = {slot.column: at for at, slot in enumerate(slots)}
        columns = [at_column.get(column.field) for column in COLUMNS.values()]
        others = [at for at, slot in enumerate(slots) if slot.column is None]
        order = [at for at in columns if at is not None] + others
        factors = [slots[at].factor for at in order]
        plain = next((place for place, factor in enumerate(factors) if factor != 1), len(columns) - columns.count(None))
        self._registers = registers
        self._plain, self._rest = picker(order[:plain]), picker(order[plain:])
        self._tables = [scaled(factor) for factor in factors[plain:]]
        parts = [NULL if at is None else SOME + NUMBER for at in columns]
        if others:
            parts.append(_escaped(encode_long(len(others))))  # an Avro array: count and items, and an empty block
        for register in (registers[at] for at in others):
            parts += _escaped(_string(register.obis)), NUMBER
            parts.append(_escaped(_optional_long(register.scale) + _optional_string(register.unit or None)))
        self._format = MOMENTS + b"".join(parts) + encode_long(0)

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
        try:
            offset, counter, *numbers = [
                ONLY[n] if n < 64
                else FIRST[n & 63] + LAST[n >> 6] if n < 0x2000
                else FIRST[n & 63] + MORE[n >> 6 & 127] + LAST[n >> 13] if n < 0x100000
                else FIRST[n & 63] + MORE[n >> 6 & 127] + MORE[n >> 13 & 127] + LAST[n >> 20] if n < 0x8000000
                else encode_long(n)
                for n in (source_offset, frame_counter or 0, *self._plain(values))
            ]  # fmt: skip
            return self._format % (
                prefix,
                offset,
                TIMES[measured_at],
                TIMES[received_at],
                _clock(gateway_time, clock_status),
                NULL if frame_counter is None else SOME + counter,
                *numbers,
                *map(getitem, self._tables, self._rest(values)),
            )
        except OverflowError:
            kept = self._that_fit(values)
        fewer = ReadingEncoder([self._registers[at] for at in kept])
        moments = (source_offset, measured_at, received_at, gateway_time, clock_status, frame_counter)
        return fewer.encode(prefix, *moments, [values[at] for at in kept])

    def _that_fit(self, values: Sequence[int]) -> list[int]:
        factors = [slot.factor for slot in assign_slots(self._registers)]
        return [at for at, factor in enumerate(factors) if LONG_MIN <= values[at] * factor <= LONG_MAX]


def _escaped(constant: bytes) -> bytes:
    return constant.replace(b"%", b"%%")
