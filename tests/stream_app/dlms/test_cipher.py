"""Deciphering against an oracle of its own: cryptography's streaming GCM, which the code under test does not use."""

from __future__ import annotations

from typing import NamedTuple

import pytest
from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.ciphers.modes import GCM
from hypothesis import given
from hypothesis import strategies as st

from edge_agent.link.errors import MeterDataError
from stream_app.dlms.cipher import AuthenticationKey, EncryptionKey, MeterKeys, read_header, unseal
from stream_app.dlms.errors import AuthenticationError, CipherHeaderError, PlaintextError

TITLE = bytes.fromhex("4C475A1030A1B2C3")
KEY = EncryptionKey(bytes(range(16)))
AUTHENTICATION = AuthenticationKey(bytes(range(16, 32)))
KEYS = MeterKeys(KEY, AUTHENTICATION)
ENCRYPTING, AUTHENTICATING = (0x20, 0x21, 0x30, 0x31), (0x10, 0x11, 0x30, 0x31)
CONTROLS = (0x10, 0x11, *ENCRYPTING)


class Form(NamedTuple):
    """How a meter writes the header."""

    tag: int = 0xDB
    title: bytes = b"\x08" + TITLE
    length_octets: int = 0  # 0: the shortest form


USUAL = Form()
FORMS = [Form(length_octets=n) for n in range(5)] + [Form(0xDC), Form(title=b"\x09\x08" + TITLE)]


def sealed(plaintext: bytes, control: int, counter: int = 7, form: Form = USUAL) -> bytes:
    associated = bytes((control,)) + AUTHENTICATION
    encryptor = Cipher(AES(KEY), GCM(TITLE + counter.to_bytes(4, "big"))).encryptor()
    if control & 0x20:
        encryptor.authenticate_additional_data(associated)
        body = encryptor.update(plaintext) + encryptor.finalize()
    else:
        encryptor.authenticate_additional_data(associated + plaintext)
        body = plaintext + encryptor.finalize()
    content = bytes((control,)) + counter.to_bytes(4, "big") + body
    if control & 0x10:
        content += encryptor.tag[:12]
    return bytes((form.tag,)) + form.title + ber(len(content), form.length_octets) + content


def ber(length: int, octets: int) -> bytes:
    if octets == 0 and length < 128:
        return bytes((length,))
    octets = octets or (length.bit_length() + 7) // 8
    octets = max(octets, (length.bit_length() + 7) // 8)
    return bytes((0x80 | octets,)) + length.to_bytes(octets, "big")


def opened(apdu: bytes, keys: MeterKeys = KEYS, title: bytes = b"") -> bytes:
    header = read_header(apdu, title)
    assert header is not None
    return unseal(header, keys)


@given(st.binary(max_size=700), st.sampled_from(CONTROLS), st.integers(0, 0xFFFFFFFF), st.sampled_from(FORMS))
def test_whatever_was_sealed_opens(plaintext: bytes, control: int, counter: int, form: Form) -> None:
    apdu = sealed(plaintext, control, counter, form)
    header = read_header(apdu)

    assert header is not None
    assert (TITLE, control, counter) == (header.title, header.security_control, header.frame_counter)
    assert (control in ENCRYPTING, control in AUTHENTICATING) == (header.encrypted, header.authenticated)
    assert plaintext == unseal(header, KEYS)


@given(st.binary(min_size=1, max_size=80), st.sampled_from(AUTHENTICATING), st.data())
def test_no_changed_bit_passes_a_tag(plaintext: bytes, control: int, data: st.DataObject) -> None:
    apdu = bytearray(sealed(plaintext, control))
    at = data.draw(st.integers(0, len(apdu) - 1))
    apdu[at] ^= 1 << data.draw(st.integers(0, 7))
    try:
        header = read_header(bytes(apdu))
        passed = header is not None and header.authenticated and unseal(header, KEYS) is not None
    except MeterDataError:
        passed = False

    assert not passed


@pytest.mark.parametrize("control", AUTHENTICATING)
def test_without_an_authentication_key_a_tag_is_no_reason_to_skip_it(control: int) -> None:
    with pytest.raises(AuthenticationError, match="no authentication key"):
        opened(sealed(b"\x0f secret", control), MeterKeys(KEY, None))


@pytest.mark.parametrize("control", AUTHENTICATING)
def test_another_authentication_key_does_not_verify(control: int) -> None:
    with pytest.raises(AuthenticationError, match="does not verify"):
        opened(sealed(b"\x0f secret", control), MeterKeys(KEY, AuthenticationKey(bytes(16))))


def test_a_title_left_empty_comes_from_the_port() -> None:
    nameless = sealed(b"\x0f push", 0x30, form=Form(title=b"\x00"))
    with pytest.raises(CipherHeaderError, match="title is empty"):
        read_header(nameless)

    assert b"\x0f push" == opened(nameless, title=TITLE)


def test_a_title_in_the_telegram_beats_that_of_the_port() -> None:
    header = read_header(sealed(b"", 0x20), title=bytes(8))

    assert header is not None
    assert TITLE == header.title


@pytest.mark.parametrize("tag", [0xCA, 0xD2])
def test_service_specific_ciphering_has_no_title_of_its_own(tag: int) -> None:
    apdu = bytes((tag,)) + sealed(b"\xc2 event", 0x30)[10:]

    assert b"\xc2 event" == opened(apdu, title=TITLE)


@pytest.mark.parametrize("clear", [b"\x0f" + bytes(20), b"\xc2\x00", b"/ISK5\\2M550T-1012\r\n", b"\xe6\xe7\x00"])
def test_what_is_not_ciphered_has_no_header(clear: bytes) -> None:
    assert read_header(clear) is None


def with_control(control: int) -> bytes:
    return b"\xdb\x08" + TITLE + b"\x1e" + bytes((control,)) + bytes(29)


@pytest.mark.parametrize(
    ("apdu", "reason"),
    [
        pytest.param(b"", "no APDU", id="nothing"),
        pytest.param(b"\xdb", "title is empty|ends inside", id="tag-alone"),
        pytest.param(b"\xdb\x08" + TITLE, "ends inside the header", id="cut-behind-the-title"),
        pytest.param(b"\xdb\x07" + bytes(30), "a system title has 8 octets, not 7", id="title-of-7"),
        pytest.param(b"\xdb\x09" + bytes(30), "a system title has 8 octets, not 9", id="title-of-9"),
        pytest.param(with_control(0x30)[:-1], "length says 30 octets, 29 follow", id="cut-short"),
        pytest.param(with_control(0x30) + b"\x00", "length says 30 octets, 31 follow", id="tail"),
        pytest.param(
            b"\xdb\x08" + TITLE + b"\x84\xff\xff\xff\xff\x30" + bytes(20), "length says 4294967295", id="bomb"
        ),
        pytest.param(b"\xdb\x08" + TITLE + b"\x80\x30" + bytes(20), "length octet 80", id="indefinite-length"),
        pytest.param(b"\xdb\x08" + TITLE + b"\x85" + bytes(20), "length octet 85", id="length-of-5"),
        pytest.param(b"\xdb\x08" + TITLE + b"\x04\x20\x00\x00\x00", "too short for security control", id="no-counter"),
        pytest.param(b"\xdb\x08" + TITLE + b"\x10\x30" + bytes(15), "too short for its tag", id="short-tag"),
        pytest.param(with_control(0x60), "60: names a broadcast key", id="broadcast-key"),
        pytest.param(with_control(0xB0), "B0: compressed", id="compressed"),
        pytest.param(with_control(0x32), "32: suite 2", id="suite-2"),
        pytest.param(with_control(0x00), "00: neither encrypts nor authenticates", id="no-protection"),
        pytest.param(b"\xdd\x00" + bytes(30), "general-ciphering is not used", id="general-ciphering"),
        pytest.param(b"\xdf\x00" + bytes(30), "general-signing is not used", id="general-signing"),
    ],
)
def test_a_header_that_cannot_be_used_says_why(apdu: bytes, reason: str) -> None:
    with pytest.raises(CipherHeaderError, match=reason):
        read_header(apdu)


@given(st.binary(max_size=60))
def test_any_octets_make_a_header_or_none_or_a_refusal(apdu: bytes) -> None:
    for start in (b"", b"\xdb\x08", b"\xdb\x00", b"\xca"):
        try:
            header = read_header(start + apdu)
        except CipherHeaderError:
            continue

        assert header is None or 0 < header.start <= header.end <= len(start + apdu)


@pytest.mark.parametrize("control", [0x20, 0x30])
def test_a_header_over_a_clear_body_is_recognised(control: int) -> None:
    body = bytes.fromhex("0F00000001 0C07E80301051E0A0000FFC400 0200")
    apdu = sealed(b"", control)[: -12 if control & 0x10 else None]
    apdu = (
        apdu[:10]
        + ber(5 + len(body) + (12 if control & 0x10 else 0), 0)
        + apdu[11:]
        + body
        + bytes(12 if control & 0x10 else 0)
    )

    with pytest.raises((PlaintextError, AuthenticationError), match="already clear"):
        opened(apdu)


def test_keys_never_show_themselves() -> None:
    shown = repr(KEYS) + str(KEYS) + f"{KEYS!r}"

    assert KEY.hex() not in shown
    assert AUTHENTICATION.hex() not in shown
    assert repr(bytes(KEY)) not in shown
