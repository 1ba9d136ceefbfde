"""The whole explanation of a telegram, from the link to the last value, says what the answer above it says."""

from __future__ import annotations

import pytest

from edge_agent.link.frame import Refused
from edge_agent.link.telegram import nothing_in
from stream_app.dlms.cipher import AuthenticationKey, EncryptionKey, MeterKeys
from stream_app.dlms.definitions import packaged
from stream_app.explain.telegrams import explanation
from stream_app.keys.ring import KeyRing
from stream_app.offline import Decoder
from tests.stream_app.dlms.telegrams import keys_of, profile_of, telegrams
from tests.vectors.loader import load_vectors

VECTORS = {vector.id: vector for vector in load_vectors()}
NEXT_KEYS = MeterKeys(EncryptionKey(bytes(16)), AuthenticationKey(bytes(16)), 2)


@pytest.mark.parametrize(
    ("name", "read"),
    [
        pytest.param("lg-e450-at-18obj-gbt4-sc30", "register 1-0:1.8.0 = 55591", id="with-tag"),
        pytest.param("ksmw-els-at-short-single-segment", "register 1-0:1.8.0 = 19313107", id="without"),
        pytest.param("sagemcom-lu-p1-enc", "P1 text", id="p1"),
    ],
)
def test_a_telegram_is_explained_with_the_key_that_opens_it(name: str, read: str) -> None:
    """The next key is held before its meter uses it; read or refused as a replay, the telegram is under the old one."""
    vector = VECTORS[name]
    assert vector.key_title is not None
    title = vector.key_title.hex().upper()
    decoder = Decoder(KeyRing([(title, keys_of(vector)), (title, NEXT_KEYS)]), profile_of(vector))
    (found,) = telegrams(vector)

    for result in ("valid", "replay"):
        line = decoder.line(found)
        explained = explanation(found, line, decoder)
        assert (result, True, False) == (line["result"], read in explained, "▶" in explained)


def test_a_telegram_that_no_key_opens_is_explained_with_the_newest() -> None:
    vector = VECTORS["ksmw-els-at-short-single-segment"]
    assert vector.key_title is not None
    decoder = Decoder(KeyRing([(vector.key_title.hex().upper(), NEXT_KEYS)]), profile_of(vector))
    (found,) = telegrams(vector)

    assert "wrong key?" in explanation(found, decoder.line(found), decoder)


@pytest.mark.parametrize(
    ("captured", "meaning"),
    [
        pytest.param(b"\x7e\xa0", "frame format", id="hdlc"),
        pytest.param(b"/LGF5E360", "the text", id="p1"),
        pytest.param(b"\xe0\x40\x00\x01", "general-block-transfer", id="bare"),
        pytest.param(b"\x55noise", "no telegram", id="noise"),
    ],
)
def test_what_was_refused_is_explained_as_what_it_begins_like(captured: bytes, meaning: str) -> None:
    decoder = Decoder(KeyRing(), packaged().profile())
    refused = Refused(nothing_in(captured, "auto"), captured)

    assert meaning in explanation(refused, decoder.line(refused), decoder)
