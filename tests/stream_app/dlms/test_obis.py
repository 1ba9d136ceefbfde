"""OBIS codes: how they are written, and what they hold."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stream_app.dlms.obis import Kind, obis, parse
from stream_app.dlms.units import cosem_unit, p1_unit


@given(st.binary(min_size=6, max_size=6))
def test_a_code_written_and_parsed_is_itself(code: bytes) -> None:
    one = obis(code)

    assert one == parse(one.name)


@given(st.binary(min_size=5, max_size=5), st.integers(0, 254))
def test_codes_that_differ_in_any_group_have_different_names(groups: bytes, period: int) -> None:
    current, billed = obis(groups + b"\xff"), obis(groups + bytes((period,)))

    assert current.name + f"*{period}" == billed.name
    assert current.quantity != billed.quantity


@pytest.mark.parametrize("end", ["", "*255", ".255"])
def test_the_last_group_of_what_is_current_may_be_written_or_not(end: str) -> None:
    assert "1-0:1.8.0" == parse("1-0:1.8.0" + end).name


@pytest.mark.parametrize("text", ["1-0:1.8.0*01", "1-0:1.8.0&01", "1-0:1.8.0*1"])
def test_a_billing_period_is_named_in_one_way(text: str) -> None:
    assert "1-0:1.8.0*1" == parse(text).name


@pytest.mark.parametrize("text", ["0-0:1.0.0*1", "0-0:96.1.0*101"])
def test_of_what_is_past_only_registers_are_read(text: str) -> None:
    assert Kind.OTHER is parse(text).kind


def test_a_code_without_medium_is_electricity() -> None:
    assert "1-0:1.8.0" == parse("1.8.0").name


@pytest.mark.parametrize(
    "text",
    ["", "1-0", "1-0:1.8", "1-0:1.8.256", "1-0:4:24.7.0", "1-0:1.8.x", "999-0:1.8.0", "1-0:1.8.0*", "1-0:1.8.0*256"],
)
def test_what_is_no_code_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"no OBIS code|range\(0, 256\)"):
        parse(text)


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        ("1-0:1.8.0", Kind.REGISTER),
        ("1-1:1.8.2", Kind.REGISTER),
        ("1-0:13.7.0", Kind.REGISTER),
        ("1-0:91.7.0", Kind.REGISTER),
        ("1-0:130.7.0", Kind.REGISTER),
        ("1-0:1.6.0", Kind.REGISTER),
        ("0-1:24.2.1", Kind.REGISTER),
        ("7-1:3.0.0", Kind.REGISTER),
        ("0-0:96.1.0", Kind.ID),
        ("0-3:96.1.0", Kind.ID),
        ("0-0:42.0.0", Kind.ID),
        ("1-1:0.0.5", Kind.ID),
        ("0-1:24.1.0", Kind.ID),
        ("0-0:96.1.7", Kind.OTHER),
        ("0-0:1.0.0", Kind.CLOCK),
        ("0-1:1.0.0", Kind.CLOCK),
        ("0-0:17.0.0", Kind.OTHER),
        ("0-0:96.7.21", Kind.OTHER),
        ("0-0:96.13.0", Kind.OTHER),
        ("0-8:25.9.0", Kind.OTHER),
        ("1-0:99.97.0", Kind.OTHER),
        ("1-0:32.32.0", Kind.OTHER),
        ("1-0:52.36.0", Kind.OTHER),
        ("1-0:31.4.0", Kind.OTHER),
        ("1-0:0.2.0", Kind.OTHER),
        ("1-1:0.2.129", Kind.OTHER),
    ],
)
def test_what_an_object_holds(code: str, kind: Kind) -> None:
    assert kind is parse(code).kind


@pytest.mark.parametrize(
    ("text", "unit", "power"),
    [
        ("kWh", "Wh", 3),
        ("Wh", "Wh", 0),
        ("kVArh", "varh", 3),
        ("kvar", "var", 3),
        ("kVAr", "var", 3),
        ("V", "V", 0),
        ("mA", "A", -3),
        ("m3", "m3", 0),
        ("GJ", "GJ", 0),
        ("Hz", "Hz", 0),
        ("min", "min", 0),
        ("furlong", "furlong", 0),
    ],
)
def test_p1_units_come_to_base_units(text: str, unit: str, power: int) -> None:
    assert (unit, power) == p1_unit(text)


@pytest.mark.parametrize(
    ("number", "unit"), [(27, "W"), (30, "Wh"), (32, "varh"), (13, "m3"), (255, "1"), (99, "unit 99")]
)
def test_units_of_the_blue_book(number: int, unit: str) -> None:
    assert unit == cosem_unit(number)
