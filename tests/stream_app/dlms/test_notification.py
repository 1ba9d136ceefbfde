"""Encode → decode, with an encoder that shares no code with the decoder; and what is refused, by which word."""

from __future__ import annotations

from contextlib import suppress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge_agent.link.errors import MeterDataError
from stream_app.dlms.definitions import Definitions, packaged
from stream_app.dlms.errors import EncodingError, PlaintextError, ProfileError
from stream_app.dlms.notification import Reader
from tests.stream_app.dlms import encoder
from tests.stream_app.dlms.encoder import (
    LAYOUTS,
    SCALED,
    Meter,
    code,
    date_time,
    group,
    integer,
    meters,
    notification,
    octets,
    scaler_unit,
    structure,
)

NOTHING_KNOWN = packaged().profile()
ZURICH = packaged().profile(timezone="Europe/Zurich")
NOON = date_time(2024, 3, 1, 12, 0, 0, -60)


def operator_list(meter: Meter) -> Definitions:
    ids = [{"role": "id", "obis": obis} for obis, _ in meter.ids]
    registers = [{"role": "register", "obis": r.obis, "scale": f"1E{r.scale}", "unit": r.unit} for r in meter.registers]
    return Definitions({"own": {"items": ids + registers}}, {})


@given(meters(), st.sampled_from(sorted(LAYOUTS)), st.booleans())
def test_what_a_meter_encodes_is_what_is_read(meter: Meter, layout: str, tagged: bool) -> None:
    profile = operator_list(meter).profile(push_list="own") if layout == "e" else NOTHING_KNOWN
    push = Reader().read(notification(LAYOUTS[layout](meter), meter.time, tagged=tagged), profile)

    told = layout in SCALED or layout == "e"
    expected = [(r.obis, r.value, r.scale if told else None, r.unit if told else "") for r in meter.registers]
    assert expected == [
        (r.obis, raw, r.scale, r.unit) for raw, r in zip(push.values, push.layout.registers, strict=True)
    ]
    assert {obis: name.decode() for obis, name in meter.ids} == push.ids


@given(meters(), st.sampled_from(sorted(LAYOUTS)), st.data())
def test_a_push_cut_anywhere_is_refused(meter: Meter, layout: str, data: st.DataObject) -> None:
    profile = operator_list(meter).profile(push_list="own") if layout == "e" else NOTHING_KNOWN
    whole = notification(LAYOUTS[layout](meter), meter.time)
    cut = data.draw(st.integers(0, len(whole) - 1))

    with pytest.raises(MeterDataError):
        Reader().read(whole[:cut], profile)


@given(meters(), st.sampled_from(("a", "b")))
def test_a_scale_profile_tells_what_the_wire_does_not(meter: Meter, layout: str) -> None:
    rules = {r.obis.split(":")[1]: {"scale": f"1E{r.scale}", "unit": r.unit} for r in meter.registers}
    profile = Definitions({}, {"own": {"rules": rules}}).profile(scale_profile="own")
    push = Reader().read(notification(LAYOUTS[layout](meter), meter.time), profile)

    last = {r.obis.split(":")[1]: (r.scale, r.unit) for r in meter.registers}
    assert [last[r.obis.split(":")[1]] for r in push.layout.registers] == [
        (r.scale, r.unit) for r in push.layout.registers
    ]


def read(body: bytes, time: bytes = NOON) -> object:
    return Reader().read(notification(body, time), ZURICH)


def test_a_register_sent_as_null_is_left_out() -> None:
    body = structure(octets(code("1-0:1.8.0")), integer("u32", 5), octets(code("1-0:2.8.0")), b"\x00")
    push = Reader().read(notification(body, NOON), ZURICH)

    assert ["1-0:1.8.0"] == [register.obis for register in push.layout.registers]
    assert (5,) == push.values


def test_code_and_value_of_a_missing_phase_may_both_be_null() -> None:
    current, voltage = (octets(code(obis)) for obis in ("1-1:31.7.0", "1-1:32.7.0"))
    body = structure(octets(b"Kamstrup_V0001", 10), current, integer("u32", 290), b"\0", b"\0", voltage,
                     integer("u16", 226), b"\0", b"\0")  # fmt: skip
    push = Reader().read(notification(body, NOON), NOTHING_KNOWN)

    assert {"1-1:31.7.0": 290, "1-1:32.7.0": 226} == dict(
        zip([r.obis for r in push.layout.registers], push.values, strict=True)
    )


def test_limits_and_states_are_no_registers() -> None:
    pairs = [("0-0:17.0.0", integer("u32", 16500)), ("0-0:96.3.10", bytes((3, 1))), ("1-0:31.4.0", integer("u16", 25))]
    body = structure(
        *[structure(octets(code(obis)), value) for obis, value in [*pairs, ("1-0:1.8.0", integer("u32", 5))]]
    )
    push = Reader().read(notification(body, NOON), ZURICH)

    assert ["1-0:1.8.0"] == [register.obis for register in push.layout.registers]


@pytest.mark.parametrize(
    ("plaintext", "reason"),
    [
        pytest.param(b"", "nothing", id="empty"),
        pytest.param(b"\xc2\x00\x00\x03", "event-notification-request", id="event-notification"),
        pytest.param(b"\x0f\x00\x00", "wants 4 octets", id="cut-in-the-invoke-id"),
        pytest.param(b"\x0f" + bytes(4) + b"\x0b" + bytes(12), "date-time of 11 octets", id="time-of-another-length"),
        pytest.param(notification(b"\x02\x00", date_time(2024, 13, 1, 0, 0, 0)), "no such date", id="month-13"),
        pytest.param(notification(b"\x02\x00", date_time(1900, 1, 1, 0, 0, 0)), "the year 1900", id="year-1900"),
    ],
)
def test_what_is_no_push_is_no_plaintext(plaintext: bytes, reason: str) -> None:
    with pytest.raises(PlaintextError, match=reason):
        Reader().read(plaintext, ZURICH)


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        pytest.param(b"\x02\x84\xff\xff\xff\xff\x06", "claims 4294967295 elements", id="count-bomb"),
        pytest.param(b"\x01\x82\x03\xe8" + bytes(999), "claims 1000 elements in 999 octets", id="count-just-too-high"),
        pytest.param(b"\x02\x01" * 40 + b"\x00", "nested deeper than 16", id="nesting-bomb"),
        pytest.param(structure(b"\x09\x84\x7f\xff\xff\xff"), "wants 2147483647 octets", id="length-bomb"),
        pytest.param(structure(b"\x09\x80"), "length octet 80", id="indefinite-length"),
        pytest.param(structure(b"\x13\x01\x06\x00"), "compact-array", id="compact-array"),
        pytest.param(structure(b"\x07"), "tag 07 .no A-XDR type.", id="unknown-tag"),
        pytest.param(structure(integer("u32", 1)) + b"\x00", "1 octets behind the last value", id="tail"),
        pytest.param(
            structure(octets(code("0-0:1.0.0")), octets(date_time(2024, 2, 30, 0, 0, 0))), "no such date", id="clock"
        ),
    ],
)
def test_what_is_no_a_xdr_is_refused_before_it_costs_anything(body: bytes, reason: str) -> None:
    with pytest.raises(EncodingError, match=reason):
        read(body)


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        pytest.param(octets(bytes(20)), "one opaque octet-string", id="opaque"),
        pytest.param(structure(), "nothing in it has a name", id="empty"),
        pytest.param(
            structure(octets(NOON), integer("u32", 1)), "value 2 of 2 .* push list is needed", id="values-only"
        ),
        pytest.param(
            structure(octets(b"26927\xff"), integer("u32", 1)), "push list is needed", id="a-medium-of-50-is-no-code"
        ),
        pytest.param(
            structure(octets(code("1-0:1.8.0")), integer("u32", 1), octets(NOON), octets(code("1-0:2.8.0")), b"\x00"),
            "value 3 of 5 .octet-string. has no name",
            id="a-nameless-clock-in-the-middle",
        ),
        pytest.param(structure(octets(b"some text", 10)), "nothing in it has a name", id="a-text-alone-is-no-id"),
        pytest.param(structure(structure(integer("u32", 1))), "structure without a code", id="nameless-structure"),
        pytest.param(
            structure(octets(b"269277"), integer("u32", 1)),
            "push list is needed",
            id="an-id-of-six-characters-is-no-code",
        ),
        pytest.param(structure(octets(code("1-0:1.8.0")), b"\x17" + bytes(4)), "1-0:1.8.0 came as float32", id="float"),
    ],
)
def test_what_has_no_name_is_refused(body: bytes, reason: str) -> None:
    with pytest.raises(ProfileError, match=reason):
        read(body)


def test_an_object_list_that_names_another_number_of_values_is_refused() -> None:
    meter = Meter(NOON, [], [encoder.Register("1-0:1.8.0", "u32", 1, 0, "Wh")])
    body = bytearray(encoder.object_list(meter))
    body[1] += 1

    with pytest.raises(ProfileError, match="names 2 values, 3 came"):
        read(bytes(body) + integer("u32", 7))


def test_newer_object_lists_with_more_fields_are_read() -> None:
    """Class version 1 adds a restriction to every entry."""

    def entry(class_id: int, obis: str) -> bytes:
        restriction = structure(bytes((22, 0)), b"\x00")
        return structure(integer("u16", class_id), octets(code(obis)), integer("i8", 2), integer("u16", 0), restriction)

    body = structure(group(1, [entry(40, "0-8:25.9.0"), entry(3, "1-0:1.8.0")]), integer("u32", 77))
    push = Reader().read(notification(body, NOON), ZURICH)

    assert [("1-0:1.8.0", 77)] == [(r.obis, v) for r, v in zip(push.layout.registers, push.values, strict=True)]


def demand_register(named_by_list: bool) -> bytes:
    """Class 5: average of this period and of the last, scaler and unit, status, when captured, when begun."""
    begun = date_time(2024, 3, 1, 11, 45, 0, -60)
    average, last, scale, captured = integer("u16", 500), integer("u16", 400), scaler_unit(1, "W"), octets(NOON)
    if not named_by_list:
        name, rest = octets(code("1-0:1.4.0")), (integer("u32", 900), integer("u16", 1))
        return structure(structure(name, average, last, scale, b"\x00", captured, octets(begun), *rest))
    attributes = [(40, "0-8:25.9.0", 2), *((5, "1-0:1.4.0", attribute) for attribute in (2, 3, 4, 6))]
    objects = [
        structure(integer("u16", class_id), octets(code(obis)), integer("i8", attribute), integer("u16", 0))
        for class_id, obis, attribute in attributes
    ]
    return structure(group(1, objects), average, last, scale, captured)


@pytest.mark.parametrize("named_by_list", [True, False], ids=["object-list", "attribute-0"])
def test_a_demand_register_has_its_scale_and_capture_time_one_attribute_further(named_by_list: bool) -> None:
    push = Reader().read(notification(demand_register(named_by_list), NOON), ZURICH)
    (captured,) = push.captured

    assert ([("1-0:1.4.0", 1, "W")], (500,)) == ([tuple(r) for r in push.layout.registers], push.values)
    assert captured is not None
    assert "2024-03-01T12:00:00" == captured.local


def test_a_register_and_a_demand_register_of_one_code_keep_their_own_scales() -> None:
    attributes = [(40, "0-8:25.9.0", 2), *((c, "1-0:1.7.0", a) for c, a in ((3, 2), (3, 3), (5, 2), (5, 4)))]
    objects = [
        structure(integer("u16", class_id), octets(code(obis)), integer("i8", attribute), integer("u16", 0))
        for class_id, obis, attribute in attributes
    ]
    values = (integer("u16", 5000), scaler_unit(-1, "W"), integer("u16", 7), scaler_unit(2, "W"))
    push = Reader().read(notification(structure(group(1, objects), *values), NOON), ZURICH)

    assert [(5000, -1), (7, 2)] == [(raw, r.scale) for raw, r in zip(push.values, push.layout.registers, strict=True)]


@settings(max_examples=50)
@given(st.binary(max_size=80))
def test_random_octets_behind_a_header_are_refused_or_read_but_never_break_anything(body: bytes) -> None:
    with suppress(EncodingError, ProfileError):
        Reader().read(notification(body, NOON), ZURICH)
