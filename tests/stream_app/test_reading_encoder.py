"""The fast way to a reading's bytes and the plain one agree to the byte."""

from __future__ import annotations

from typing import Any, NamedTuple

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from stream_app.avro import load_codecs
from stream_app.reading_columns import COLUMNS
from stream_app.reading_encoder import ReadingEncoder, assign_slots, encode_long, reading_prefix
from stream_app.records import OtherValue, Reading

CODEC = load_codecs().readings
LONG = st.integers(-(2**63), 2**63 - 1)
TEXT = st.text(max_size=12)
MOMENTS: dict[str, Any] = {
    "source_offset": 5,
    "measured_at": 1_774_746_000_000,
    "received_at": 1_774_746_001_250,
    "clock_status": 0x80,
    "frame_counter": 4_000_000_000,
}
PREFIX: dict[str, Any] = {
    "system_title": "4C475A1030A1B2C3",
    "device_id": None,
    "metering_point": "CH9900",
    "site": "zev-1",
    "encrypted": True,
    "authenticated": False,
    "key_version": 1,
    "push_list": None,
    "edge_id": "edge-1",
    "port": "p1",
    "source_partition": 3,
}


class Register(NamedTuple):
    """As a layout names it."""

    obis: str
    scale: int | None
    unit: str


GROUPS = st.sampled_from(["1-0", "1-1", "0-1"])
NAMED = st.builds(
    lambda group, entry, lift: Register(f"{group}:{entry[0]}", entry[1].exponent + lift, entry[1].unit),
    GROUPS,
    st.sampled_from(list(COLUMNS.items())),
    st.integers(-1, 3),
)
UNNAMED = st.builds(
    Register,
    st.builds("{}:{}".format, GROUPS, st.sampled_from([*COLUMNS, "24.2.1", "9.9"])),
    st.none() | st.integers(-4, 3),
    st.sampled_from(["Wh", "V", "1", "m3", ""]),
)
REGISTERS = NAMED | UNNAMED


def reading(registers: list[Register], values: list[int]) -> Reading:
    """The same reading, the plain way."""
    fields: dict[str, Any] = {}
    other = []
    for register, value in zip(registers, values, strict=True):
        group, _, quantity = register.obis.partition(":")
        column = COLUMNS.get(quantity)
        if column and column.field not in fields and group[:2] == "1-" and register.unit == column.unit:
            exponent = None if register.scale is None else register.scale - column.exponent
            if exponent is not None and exponent >= 0:
                fields[column.field] = value * 10**exponent
                continue
        other.append(OtherValue(register.obis, value, register.scale, register.unit or None))
    return Reading(**PREFIX, **MOMENTS, time_source="GATEWAY", **fields, other=tuple(other))


def fast(registers: list[Register], values: list[int]) -> bytes:
    prefix = reading_prefix(CODEC.header, **PREFIX)
    return ReadingEncoder(registers).encode(prefix, **MOMENTS, gateway_time=True, values=values)


@given(st.lists(st.tuples(REGISTERS, st.integers(-(10**12), 10**12)), max_size=40))
def test_both_ways_give_the_same_bytes_for_any_layout_and_values(pairs: list[tuple[Register, int]]) -> None:
    registers, values = [pair[0] for pair in pairs], [pair[1] for pair in pairs]

    assert CODEC.encode(reading(registers, values)) == fast(registers, values)


@given(
    st.fixed_dictionaries(
        {
            "system_title": TEXT,
            "device_id": st.none() | TEXT,
            "metering_point": st.none() | TEXT,
            "site": st.none() | TEXT,
            "encrypted": st.booleans(),
            "authenticated": st.booleans(),
            "key_version": st.none() | st.integers(0, 2**31 - 1),
            "push_list": st.none() | TEXT,
            "edge_id": st.none() | TEXT,
            "port": st.none() | TEXT,
            "source_partition": st.integers(0, 2**31 - 1),
        }
    ),
    st.fixed_dictionaries(
        {
            "source_offset": LONG,
            "measured_at": LONG,
            "received_at": LONG,
            "clock_status": st.none() | st.integers(0, 255),
            "frame_counter": st.none() | st.integers(0, 2**32 - 1),
        }
    ),
    st.booleans(),
)
def test_both_ways_give_the_same_bytes_for_any_identity_and_moment(
    prefix: dict[str, Any], moments: dict[str, Any], gateway: bool
) -> None:
    expected = CODEC.encode(Reading(**prefix, **moments, time_source="GATEWAY" if gateway else "METER"))
    quick = reading_prefix(CODEC.header, **prefix)

    assert expected == ReadingEncoder([]).encode(quick, **moments, gateway_time=gateway, values=[])


@pytest.mark.parametrize("octets", range(1, 10))
@pytest.mark.parametrize("sign", [1, -1])
def test_both_ways_give_the_same_bytes_where_a_number_needs_one_octet_more(octets: int, sign: int) -> None:
    registers = [Register(f"1-0:{quantity}", 0, "Wh") for quantity in ("1.8.0", "2.8.0", "1.8.1", "1.8.2", "1.8.3")]
    values = [sign * (2 ** (7 * octets - 1) + more) for more in range(-2, 3)]

    assert CODEC.encode(reading(registers, values)) == fast(registers, values)


@given(LONG)
@example(8191)
@example(8192)
@example(-1)
@example(2**63 - 1)
@example(-(2**63))
def test_a_long_is_written_as_fastavro_writes_it(value: int) -> None:
    event = CODEC.encode(Reading(**PREFIX, **MOMENTS | {"frame_counter": None}, time_source="METER", import_wh=value))

    assert (
        b"\x00\x02" + encode_long(value) + b"\x00" * len(COLUMNS)
        == event[-len(encode_long(value)) - len(COLUMNS) - 2 :]
    )


@pytest.mark.parametrize("value", [2**63, -(2**63) - 1, 2**64])
def test_a_number_beyond_64_bits_is_no_long(value: int) -> None:
    with pytest.raises(OverflowError):
        encode_long(value)


def test_a_register_no_long_can_hold_is_left_out_and_the_others_stay() -> None:
    registers = [Register("1-0:1.8.0", 0, "Wh"), Register("1-0:32.7.0", 0, "V"), Register("0-1:24.2.1", -2, "m3")]

    assert fast(registers[1:2], [230]) == fast(registers, [2**64 - 1, 230, 2**63])
    assert fast(registers[:1], [1]) == fast(registers[:2], [1, 2**62])


def test_a_finer_scale_than_the_column_keeps_its_digits_in_other() -> None:
    slots = assign_slots(
        [Register("1-0:1.8.0", -1, "Wh"), Register("1-0:32.7.0", -1, "V"), Register("1-0:32.7.0", 0, "V")]
    )

    assert [(None, 1), ("voltage_l1_mv", 100), (None, 1)] == slots
