"""Ids and sub-meters as they come in DLMS pushes."""

from __future__ import annotations

import pytest

from stream_app.dlms.definitions import packaged
from stream_app.dlms.identity import text
from stream_app.dlms.layout import Push
from stream_app.dlms.notification import Reader
from tests.stream_app.dlms.encoder import code, date_time, group, integer, notification, octets, scaler_unit, structure

CAPTURED = date_time(2024, 3, 1, 11, 45, 0, -60)
NOON = date_time(2024, 3, 1, 12, 0, 0, -60)
CHANNELS = (1, 2, 3)


def submeters() -> list[bytes]:
    """smart-me CI4: gas, water and an empty channel."""
    identifications = [0x12345678, 0x00987654, 0]
    return [
        *[integer("u32", number) for number in identifications],
        *[integer("u32", value) for value in (141, 20345, 0)],
        *[integer("u8", device) for device in (3, 7, 0)],
        *[structure(integer("i8", scale), bytes((22, 13))) for scale in (-3, -2, 0)],
    ]


def check(push: Push) -> None:
    values = [(r.obis, raw, r.scale, r.unit) for raw, r in zip(push.values, push.layout.registers, strict=True)]

    expected = [("0-1:24.2.1", 141, -3, "m3"), ("0-2:24.2.1", 20345, -2, "m3"), ("0-3:24.2.1", 0, 0, "m3")]
    assert expected == values
    assert {"0-1:24.1.0": "12345678", "0-2:24.1.0": "00987654"} == push.ids
    assert {"0-1:24.1.0": "gas", "0-2:24.1.0": "water"} == push.device_types


def test_sub_meters_by_object_list() -> None:
    attributes = [(72, f"0-{n}:24.1.0", 6) for n in CHANNELS] + [(4, f"0-{n}:24.2.1", 2) for n in CHANNELS]
    attributes += [(72, f"0-{n}:24.1.0", 9) for n in CHANNELS] + [(4, f"0-{n}:24.2.1", 3) for n in CHANNELS]
    objects = [
        structure(integer("u16", class_id), octets(code(obis)), integer("i8", attribute), integer("u16", 0))
        for class_id, obis, attribute in [(40, "0-11:25.9.0", 2), (40, "0-11:25.9.0", 1), *attributes]
    ]
    body = structure(group(1, objects), octets(code("0-11:25.9.0")), *submeters())

    check(Reader().read(notification(body, NOON), packaged().profile()))


def test_sub_meters_by_the_operators_list() -> None:
    body = structure(group(1, []), octets(code("0-11:25.9.0")), *submeters())
    profile = packaged().profile(push_list="smart-me-ci4")

    check(Reader().read(notification(body, NOON), profile))


def test_an_extended_register_has_its_own_capture_time() -> None:
    body = structure(
        structure(
            octets(code("0-1:24.2.1")), integer("u32", 37354), structure(integer("i8", -3), bytes((22, 13))),
            integer("u8", 0), octets(CAPTURED),
        )
    )  # fmt: skip
    push = Reader().read(notification(body, NOON), packaged().profile())
    (captured,) = push.captured

    assert captured is not None
    assert ("0-1:24.2.1",) == push.layout.captures
    assert "2024-03-01T11:45:00" == captured.local


@pytest.mark.parametrize("captured", [bytes(12), b"\xff" * 12], ids=["zeros", "unspecified"])
def test_a_sub_meter_that_was_never_read_does_not_cost_the_telegram(captured: bytes) -> None:
    body = structure(
        structure(octets(code("1-0:1.8.0")), integer("u32", 5650), structure(integer("i8", 0), bytes((22, 30)))),
        structure(
            octets(code("0-1:24.2.1")), integer("u32", 0), structure(integer("i8", -3), bytes((22, 13))),
            integer("u8", 0), octets(captured),
        ),
    )  # fmt: skip
    reader = Reader()

    for _ in range(2):
        push = reader.read(notification(body, NOON), packaged().profile())

        assert ((5650, 0), (None,)) == (push.values, push.captured)


@pytest.mark.parametrize(
    ("ids", "device_id"),
    [
        pytest.param({"0-0:42.0.0": b"KFM1200227022705", "0-0:96.1.0": b"1KFM0227022705"}, "1KFM0227022705", id="ksmw"),
        pytest.param({"0-0:96.1.1": b"5292032", "0-0:42.0.0": b"ISK1030723344148"}, "ISK1030723344148", id="am550"),
        pytest.param({"1-1:96.1.1": b"6841554BN", "1-1:0.0.5": b"5704901902706776"}, "5704901902706776", id="kamstrup"),
        pytest.param({"0-1:96.1.0": b"33155248"}, "33155248", id="sub-meter-alone"),
        pytest.param({"0-0:96.1.0": bytes(8), "0-0:42.0.0": b"LGZ1"}, "LGZ1", id="the-best-is-empty"),
        pytest.param({"0-0:96.1.0": b"\x00"}, None, id="unused-channel"),
    ],
)
def test_which_id_names_the_meter(ids: dict[str, bytes], device_id: str | None) -> None:
    items = [item for obis, name in ids.items() for item in (octets(code(obis)), octets(name))]
    body = structure(*items, octets(code("1-0:1.8.0")), integer("u32", 1), scaler_unit(0, "Wh"))

    assert device_id == Reader().read(notification(body, NOON), packaged().profile()).device_id


@pytest.mark.parametrize(
    ("octets", "shown"),
    [(b"24261402\0\0\0", "24261402"), (b"\0", ""), (b"", ""), (b"\x01\xff", "01FF"), (b"a\nb", "610A62")],
)
def test_octets_of_an_id_are_shown_without_padding(octets: bytes, shown: str) -> None:
    assert shown == text(octets)
