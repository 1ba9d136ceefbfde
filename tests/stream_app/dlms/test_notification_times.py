"""The times of a push: which of them counts, and the place of one that cannot be."""

from __future__ import annotations

import pytest

from stream_app.dlms.definitions import Definitions, packaged
from stream_app.dlms.errors import EncodingError, PlaintextError
from stream_app.dlms.notification import Reader
from tests.stream_app.dlms.encoder import code, date_time, integer, notification, octets, structure

ZURICH = packaged().profile(timezone="Europe/Zurich")
NOON = date_time(2024, 3, 1, 12, 0, 0, -60)
ITEMS = [{"role": "time"}, {"role": "date"}, {"role": "register", "obis": "1-0:1.8.0", "scale": "1", "unit": "Wh"}]
TIME_APART = Definitions({"own": {"items": ITEMS}}, {}).profile(push_list="own", timezone="Europe/Vienna")


def test_a_header_without_time_leaves_it_to_the_clock_object() -> None:
    body = structure(octets(code("0-0:1.0.0")), octets(NOON), octets(code("1-0:1.8.0")), integer("u32", 5))
    push = Reader().read(notification(body), ZURICH)

    assert push.time is not None
    assert "2024-03-01T12:00:00" == push.time.local
    assert push.time == push.payload_clock


def test_a_date_and_a_time_apart_make_the_time_of_a_list_without_any_other() -> None:
    body = structure(octets(bytes((19, 1, 14, 0))), octets(bytes((7, 0xE0, 3, 24, 4))), integer("u32", 5))
    push = Reader().read(notification(body), TIME_APART)

    assert push.time is not None
    assert ("2016-03-24T19:01:14", 1458842474000) == (push.time.local, push.time.utc_ms)


def test_a_clock_that_cannot_be_is_refused_with_its_place() -> None:
    body = structure(octets(code("0-0:1.0.0")), octets(date_time(2024, 2, 30, 0, 0, 0)))
    with pytest.raises(EncodingError, match="no such date") as caught:
        Reader().read(notification(body, NOON), ZURICH)

    assert len(notification(b"", NOON)) + 2 + 8 + 2 == caught.value.offset


def test_a_header_time_that_cannot_be_is_refused_with_its_place() -> None:
    with pytest.raises(PlaintextError, match="no such date") as caught:
        Reader().read(notification(b"\x02\x00", date_time(2024, 13, 1, 0, 0, 0)), ZURICH)

    assert 6 == caught.value.offset


@pytest.mark.parametrize(
    ("hour", "date", "place"),
    [
        pytest.param((19, 1, 14, 0), (7, 0xE8, 13, 1, 0xFF), 16, id="month-13"),
        pytest.param((25, 1, 14, 0), (7, 0xE8, 12, 1, 0xFF), 10, id="hour-25"),
    ],
)
def test_a_time_in_two_parts_that_cannot_be_is_refused_with_the_place_of_the_part(
    hour: tuple[int, ...], date: tuple[int, ...], place: int
) -> None:
    body = structure(octets(bytes(hour)), octets(bytes(date)), integer("u32", 5))
    for _ in range(2):
        with pytest.raises(EncodingError, match="no such date") as caught:
            Reader().read(notification(body), TIME_APART)

        assert place == caught.value.offset


def test_of_a_time_in_two_parts_nothing_is_asked_where_there_is_another() -> None:
    body = structure(octets(bytes(4)), octets(bytes(5)), integer("u32", 5))
    push = Reader().read(notification(body, NOON), TIME_APART)

    assert push.time is not None
    assert "2024-03-01T12:00:00" == push.time.local


@pytest.mark.parametrize("month", [12, 13])
def test_a_time_in_two_parts_of_which_one_is_open_is_open(month: int) -> None:
    body = structure(octets(b"\xff" * 4), octets(bytes((7, 0xE8, month, 1, 0xFF))), integer("u32", 5))
    reader = Reader()

    assert [None, None] == [reader.read(notification(body), TIME_APART).time for _ in range(2)]
