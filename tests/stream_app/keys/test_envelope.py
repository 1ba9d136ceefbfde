from __future__ import annotations

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from stream_app.keys.envelope import AesKek, Envelope, Keks, Place
from stream_app.keys.ring import KeyStoreError

KEK = AesKek("new", bytes(range(32)))
OLD = AesKek("old", bytes(range(1, 33)))
PLACES = st.builds(
    Place,
    st.binary(min_size=8, max_size=8).map(lambda octets: octets.hex().upper()),
    st.sampled_from(["encryption", "authentication"]),
    st.integers(0, 999_999_999),
)
KEYS = st.binary(min_size=16, max_size=16)


@given(st.lists(st.tuples(PLACES, KEYS), max_size=5))
@settings(max_examples=50)
def test_what_is_sealed_opens_in_its_place_in_order(keys: list[tuple[Place, bytes]]) -> None:
    keks = Keks([KEK, OLD])

    assert [key for _, key in keys] == keks.open(keks.seal(keys))


@given(PLACES, PLACES, KEYS)
@settings(max_examples=100)
def test_nothing_opens_in_another_place(place: Place, other: Place, key: bytes) -> None:
    assume(place != other)
    (envelope,) = Keks([KEK]).seal([(place, key)])

    with pytest.raises(KeyStoreError, match="does not open"):
        Keks([KEK]).open([envelope._replace(place=other)])


@given(PLACES, KEYS, st.data())
@settings(max_examples=100)
def test_neither_a_changed_nor_a_shortened_envelope_opens(place: Place, key: bytes, data: st.DataObject) -> None:
    (envelope,) = Keks([KEK]).seal([(place, key)])
    sealed = bytearray(envelope.sealed)
    sealed[data.draw(st.integers(0, len(sealed) - 1))] ^= data.draw(st.integers(1, 255))

    for damaged in (bytes(sealed), envelope.sealed[: data.draw(st.integers(0, len(sealed) - 1))]):
        with pytest.raises(KeyStoreError, match="does not open"):
            Keks([KEK]).open([envelope._replace(sealed=damaged)])


def test_envelopes_of_several_keks_open_side_by_side_and_the_newest_seals() -> None:
    first, second = Place("A", "encryption", 1), Place("B", "encryption", 1)
    mixed = Keks([OLD]).seal([(first, b"1" * 16)]) + Keks([KEK]).seal([(second, b"2" * 16)])
    keks = Keks([KEK, OLD])

    assert [b"1" * 16, b"2" * 16] == keks.open(mixed)
    assert [b"2" * 16, b"1" * 16] == keks.open(mixed[::-1])
    assert "new" == keks.seal([(first, b"3" * 16)])[0].kek


def test_an_envelope_of_an_unknown_kek_is_named() -> None:
    with pytest.raises(KeyStoreError, match=r"^encryption key of A version 1: sealed under 'gone'"):
        Keks([KEK]).open([Envelope(Place("A", "encryption", 1), "gone", bytes(44))])


def test_no_two_envelopes_of_one_key_are_alike() -> None:
    keys = [(Place("A", "encryption", 1), bytes(16))] * 2
    first, second = Keks([KEK]).seal(keys)

    assert first.sealed[:12] != second.sealed[:12]
