"""Pushes of values only, which the operator's list names, and what else comes on their line."""

from __future__ import annotations

import pytest

from stream_app.dlms.definitions import packaged
from stream_app.dlms.errors import ProfileError
from stream_app.dlms.notification import Reader
from tests.stream_app.dlms.encoder import (
    LAYOUTS,
    Meter,
    Register,
    code,
    date_time,
    integer,
    notification,
    octets,
    scaler_unit,
    structure,
)

NOON = date_time(2024, 3, 1, 12, 0, 0, -60)


def test_a_list_that_does_not_fit_is_refused_by_name_position_and_type() -> None:
    profile = packaged().profile(push_list="wiener-netze-9")
    body = structure(octets(NOON), integer("u32", 1), octets(b"text"), *[integer("u32", 1)] * 6)

    reason = r"push list wiener-netze-9 does not fit: item 3 \(1-0:2.8.0\), a register, came as octet-string"
    with pytest.raises(ProfileError, match=reason):
        Reader().read(notification(body, NOON), profile)


@pytest.mark.parametrize("values", [7, 9])
def test_a_list_with_another_number_of_items_does_not_fit(values: int) -> None:
    """Even where all types do: one value more or less, and every name may be wrong."""
    profile = packaged().profile(push_list="wiener-netze-9")
    body = structure(octets(NOON), *[integer("u32", 1)] * values)

    with pytest.raises(ProfileError, match=f"does not fit: 9 items, {values + 1} values came"):
        Reader().read(notification(body, NOON), profile)


def test_the_lists_of_one_line_are_told_apart_by_their_number_of_values() -> None:
    """A Norwegian Kaifa meter sends its power every 2 s, phases every 10 s, energies every hour."""
    profile = packaged().profile(push_list="kaifa-han")
    names = [octets(b"KFM_001"), octets(b"6970631403275928"), octets(b"MA304H3E")]
    hourly = [octets(NOON), *[integer("u64", 9)] * 4]
    bodies = [
        structure(*values)
        for values in (
            [integer("u32", 5)],
            [*names, *[integer("u32", 5)] * 10],
            [*names, *[integer("u32", 5)] * 10, *hourly],
            [*names, *[integer("u32", 5)] * 6, *hourly],
        )
    ]
    pushes = [Reader().read(notification(body, NOON), profile) for body in bodies]

    assert ["kaifa-han-1", "kaifa-han-13", "kaifa-han-18", "kaifa-han-14"] == [push.layout.name for push in pushes]
    with pytest.raises(ProfileError, match="push list kaifa-han does not fit: 1 or 9 or 13 or 14 or 18 items, 2 val"):
        Reader().read(notification(structure(*[integer("u32", 5)] * 2), NOON), profile)


def test_a_list_serves_the_values_only_pushes_of_a_line_that_carries_others_too() -> None:
    profile = packaged().profile(push_list="wiener-netze-9")
    reader = Reader()
    listed = reader.read(notification(structure(octets(NOON), *[integer("u32", n) for n in range(8)]), NOON), profile)
    named = reader.read(
        notification(structure(structure(octets(code("1-0:1.8.0")), integer("u32", 1), scaler_unit(0, "Wh"))), NOON),
        profile,
    )

    assert ("wiener-netze-9", None) == (listed.layout.name, named.layout.name)


def test_a_push_with_codes_beside_its_values_is_read_by_them_whatever_list_serves_the_others() -> None:
    meter = Meter(NOON, [], [Register("1-0:1.8.0", "u32", 7, 0, "Wh"), Register("1-0:2.8.0", "u32", 8, 0, "Wh")])
    for layout in "bc":
        push = Reader().read(notification(LAYOUTS[layout](meter), NOON), packaged().profile(push_list="wiener-netze-9"))

        assert (None, (7, 8)) == (push.layout.name, push.values)
