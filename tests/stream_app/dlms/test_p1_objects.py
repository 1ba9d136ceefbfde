"""P1 text: objects of every form met, and lines that are none."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_agent.link.errors import MeterDataError
from stream_app.dlms.clock import iso
from stream_app.dlms.definitions import packaged
from stream_app.dlms.errors import EncodingError
from stream_app.dlms.layout import Push
from stream_app.dlms.notification import Reader

AMSTERDAM = packaged().profile(timezone="Europe/Amsterdam")


def crc(text: bytes) -> int:
    """CRC-16/ARC, bit by bit."""
    register = 0
    for octet in text:
        register ^= octet
        for _ in range(8):
            register = register >> 1 ^ (0xA001 if register & 1 else 0)
    return register


def telegram(*lines: str, checked: bool = True) -> bytes:
    text = ("/KFM5KAIFA-METER\r\n\r\n" + "".join(line + "\r\n" for line in lines) + "!").encode()
    return text + (b"%04X" % crc(text) if checked else b"") + b"\r\n"


def read(*lines: str) -> Push:
    return Reader().read(telegram(*lines), AMSTERDAM)


def registers(push: Push) -> dict[str, tuple[int, int | None, str]]:
    return {r.obis: (raw, r.scale, r.unit) for raw, r in zip(push.values, push.layout.registers, strict=True)}


@given(
    st.decimals(0, 10**9, places=3),
    st.sampled_from([("kWh", "Wh", 3), ("V", "V", 0), ("kVArh", "varh", 3), ("m3", "m3", 0)]),
)
def test_the_digits_are_kept_and_kilo_units_become_base_units(value: Decimal, unit: tuple[str, str, int]) -> None:
    written, base, power = unit
    raw, scale, read_unit = registers(read(f"1-0:1.8.0({value:013.3f}*{written})"))["1-0:1.8.0"]

    assert scale is not None
    assert (value.scaleb(power), base) == (Decimal(raw).scaleb(scale), read_unit)


def test_a_sub_meter_has_its_own_capture_time_and_type() -> None:
    push = read(
        "0-0:1.0.0(230102192002W)",
        "0-1:24.1.0(003)",
        "0-1:96.1.0(3831303941424344373232383930383031)",
        "0-1:24.2.1(230102161005W)(00000.141*m3)",
        "0-2:24.1.0(000)",
        "0-2:96.1.0()",
    )
    (captured,) = push.captured

    assert {"0-1:24.2.1": (141, -3, "m3")} == registers(push)
    assert ("0-1:24.2.1",) == push.layout.captures
    assert captured is not None
    assert captured.utc_ms is not None
    assert "2023-01-02T15:10:05" == iso(captured.utc_ms)
    assert {"0-1:24.1.0": "gas"} == push.device_types
    assert {"0-1:96.1.0": "8109ABCD722890801"} == push.ids


def test_the_hourly_value_of_dsmr_2_and_3_is_the_sub_meters_register_although_on_a_line_of_its_own() -> None:
    push = read("0-2:24.3.0(211123200000)(00)(60)(1)(0-2:24.2.1)(m3)", "(13376.292)", "1-0:1.8.1(000005.650*kWh)")
    (captured,) = push.captured

    assert {"0-2:24.2.1": (13376292, -3, "m3"), "1-0:1.8.1": (5650, 0, "Wh")} == registers(push)
    assert captured is not None
    assert "2021-11-23T20:00:00" == captured.local


def test_an_hourly_value_that_names_no_register_is_not_read() -> None:
    push = read("0-1:24.3.0(211123200000)(00)(60)(1)(0-1:96.1.0)(m3)(1)", "1-0:1.7.0(1*W)")

    assert {"1-0:1.7.0": (1, 0, "W")} == registers(push)


@pytest.mark.parametrize("stamp", ["632525252525S", "700101010000W"])
def test_a_channel_that_has_heard_nothing_yet_is_left_out_and_the_telegram_read(stamp: str) -> None:
    push = read("1-0:1.8.1(000005.650*kWh)", f"0-1:24.2.1({stamp})(00000.000)")

    assert ({"1-0:1.8.1": (5650, 0, "Wh")}, ()) == (registers(push), push.captured)


def test_a_value_captured_at_no_date_is_kept_without_the_time() -> None:
    push = read("0-1:24.2.1(632525252525S)(00012.345*m3)")

    assert ({"0-1:24.2.1": (12345, -3, "m3")}, (None,)) == (registers(push), push.captured)


def test_a_capture_time_may_stand_behind_its_value() -> None:
    push = read("1-0:1.6.0(08.796*kW)(260102010000)")
    (captured,) = push.captured

    assert {"1-0:1.6.0": (8796, 0, "W")} == registers(push)
    assert captured is not None
    assert "2026-01-02T01:00:00" == captured.local


@pytest.mark.parametrize(
    "code", ["1-0:3.7.0", "1-0:1.8.0", "1-0:31.7.0", "1-0:32.7.0", "1-0:14.7.0", "0-1:24.2.1", "7-0:13.2.0"]
)
def test_a_quantity_with_a_unit_sent_without_it_has_a_scale_that_nobody_knows(code: str) -> None:
    assert {code: (12345, None, "")} == registers(read(f"{code}(12.345)"))


@pytest.mark.parametrize("code", ["1-0:13.7.0", "1-0:33.7.0", "1-0:53.7.0", "1-0:73.7.0", "1-0:84.7.0"])
def test_a_power_factor_needs_no_unit(code: str) -> None:
    assert {code: (999, -3, "1")} == registers(read(f"{code}(0.999)"))


def test_seven_decimals_are_kept() -> None:
    assert {"1-0:1.8.0": (521857825309, -4, "Wh")} == registers(read("1-0:1.8.0*255(00052185.7825309*kWh)"))


@pytest.mark.parametrize("mark", ["*", "&"])
def test_a_billing_periods_register_stands_beside_the_current_one(mark: str) -> None:
    push = read("1-0:1.8.0(00012345.678*kWh)", f"1-0:1.8.0{mark}01(00012000.000*kWh)")

    assert {"1-0:1.8.0": (12345678, 0, "Wh"), "1-0:1.8.0*1": (12000000, 0, "Wh")} == registers(push)


def test_a_colon_for_the_first_point_of_a_code_is_read_as_dsmr_4_prints_it() -> None:
    push = read("1-0:99:97.0(1)(0:96.7.19)(101208152415W)(0000000240*s)", "1-0:1.7.0(1*W)", "1-0:72:7.0(230*V)")

    assert {"1-0:1.7.0": (1, 0, "W"), "1-0:72.7.0": (230, 0, "V")} == registers(push)


@pytest.mark.parametrize(
    ("written", "shown"),
    [
        pytest.param("4B394547363031363035333236323732", "K9EG601605326272", id="hex"),
        pytest.param("25586598", "25586598", id="plain-digits"),
        pytest.param("SAG1030724", "SAG1030724", id="plain-letters"),
        pytest.param("34567851", "34567851", id="plain-digits-that-could-be-hex"),
        pytest.param("3330303537373735", "30057775", id="hex-of-digits"),
        pytest.param("4530303632303030303134353236323233", "E0062000014526223", id="hex-in-decimal-digits"),
    ],
)
def test_ids_come_as_hex_or_plain(written: str, shown: str) -> None:
    assert shown == read(f"0-0:96.1.1({written})").device_id


def test_a_register_without_a_value_is_left_out() -> None:
    assert {"1-0:2.8.0": (1, 0, "Wh")} == registers(read("1-0:1.8.0()", "1-0:2.8.0(1*Wh)"))


def test_an_empty_clock_leaves_the_time_open() -> None:
    assert read("0-0:1.0.0()", "1-0:2.8.0(1*Wh)").time is None


def test_a_time_and_a_date_apart_are_the_time_where_there_is_no_clock() -> None:
    push = read("1-0:0.9.1(120000)", "1-0:0.9.2(240301)", "1-0:1.7.0(1*W)")

    assert push.time is not None
    assert "2024-03-01T12:00:00" == push.time.local


def test_a_time_and_a_date_apart_that_cannot_be_are_refused_at_the_line_of_the_second() -> None:
    with pytest.raises(EncodingError, match="no such date") as caught:
        read("1-0:0.9.1(120000)", "1-0:0.9.2(241301)", "1-0:1.7.0(1*W)")

    assert ("p1", len("/KFM5KAIFA-METER\r\n\r\n1-0:0.9.1(120000)\r\n")) == (caught.value.layer, caught.value.offset)


def test_an_empty_date_leaves_the_time_open() -> None:
    assert read("1-0:0.9.1(120000)", "1-0:0.9.2()", "1-0:1.7.0(1*W)").time is None


def test_texts_histories_and_limits_are_not_read() -> None:
    push = read(
        "0-0:96.13.0(3031)", "0-0:98.1.0(170701000000S)(000053.563*kWh)(1)", "0-0:17.0.0(90.000*kW)", "1-0:1.7.0(1*W)"
    )

    assert {"1-0:1.7.0": (1, 0, "W")} == registers(push)


@pytest.mark.parametrize(
    "line",
    [
        "F.F(00000000)",
        "F.F.1(00)",
        "C.1.0(12345678)",
        "C.7.1(0003)",
        "P.01(1)(2)",
        "C.90.1*01()",
        "0.0(12345678)",
        "1.8&01(7)",
    ],
)
def test_service_entries_and_shortened_codes_do_not_cost_the_telegram(line: str) -> None:
    assert {"1-0:1.7.0": (1, 0, "W")} == registers(read(line, "1-0:1.7.0(1*W)"))


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        pytest.param("1-0:4:24.7.0(0000.000*kVAr)", "no OBIS code", id="malformed-code"),
        pytest.param("1-0:1.8.0(12,5*kWh)", "no value that can be read", id="decimal-comma"),
        pytest.param("1-0:1.8.0(1)(2)(3*kWh)", "no value that can be read", id="too-many-values"),
        pytest.param("1-0:1.8.0(12.5*kWh", "no object", id="open-bracket"),
        pytest.param("0-0:1.0.0(231399999999W)", "no such date", id="impossible-time"),
        pytest.param("hello", "no object", id="no-object"),
        pytest.param("F.F(00", "no object", id="open-bracket-of-a-service-entry"),
        pytest.param("1-0:1.8(5*kWh)", "no OBIS code", id="shortened-code-with-medium"),
        pytest.param("hello(world)", "no object", id="no-code"),
        pytest.param(f"1-0:1.8.0({'9' * 40}*kWh)", "no value that can be read", id="forty-digits"),
    ],
)
def test_a_line_that_is_no_object_is_refused_with_its_place(line: str, reason: str) -> None:
    with pytest.raises(EncodingError, match=reason) as caught:
        read("1-0:2.8.0(1*Wh)", line)

    assert ("p1", len("/KFM5KAIFA-METER\r\n\r\n1-0:2.8.0(1*Wh)\r\n")) == (caught.value.layer, caught.value.offset)


def test_a_wrong_crc_inside_an_encrypted_telegram_is_refused() -> None:
    """With security control 0x20 nothing else tells a flipped bit."""
    text = telegram("1-0:1.8.0(000005.650*kWh)").replace(b"5.650", b"6.650")

    with pytest.raises(EncodingError, match="CRC"):
        Reader().read(text, AMSTERDAM)


def test_a_telegram_without_crc_is_read_and_one_without_end_is_not() -> None:
    text = telegram("1-0:1.8.0(1*Wh)", checked=False)

    assert {"1-0:1.8.0": (1, 0, "Wh")} == registers(Reader().read(text, AMSTERDAM))
    with pytest.raises(EncodingError, match="no end"):
        Reader().read(text[: text.index(b"!")], AMSTERDAM)


def test_telegrams_of_one_meter_share_a_layout() -> None:
    reader = Reader()
    first, second = (reader.read(telegram(f"1-0:1.8.0({n}*Wh)"), AMSTERDAM) for n in (1, 2))

    assert first.layout is second.layout


@given(st.binary(max_size=200))
def test_any_octets_behind_an_ident_line_are_read_or_refused(octets: bytes) -> None:
    for text in (b"/" + octets, b"/A\r\n" + octets + b"\n!", b"/A\r\n1-0:1.8.0(" + octets + b")\r\n!"):
        try:
            push = Reader().read(text, AMSTERDAM)
        except MeterDataError:
            continue

        assert all(abs(raw) < 2**63 for raw in push.values)
