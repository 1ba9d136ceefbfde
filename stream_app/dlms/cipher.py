"""Deciphering pushes: AES-GCM as DLMS uses it (Green Book 9.2.7; KSMW §3.6.9).

    DB | title length, title | length | security control | frame counter (4) | ciphertext [| tag (12)]

The nonce is title ‖ frame counter; the associated data security control ‖ authentication key. DC (dedicated key) has
the same form; C8 to D7 (service-specific) have no title, it must come from the port. A tag is verified wherever there
is one. Without one (0x20) only the key stream is needed: GCM's counter mode is its own inverse.
"""

from __future__ import annotations

from hmac import compare_digest
from typing import Final, NewType

from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from stream_app.dlms.errors import AuthenticationError, CipherHeaderError, PlaintextError

EncryptionKey = NewType("EncryptionKey", bytes)
AuthenticationKey = NewType("AuthenticationKey", bytes)

KEY_OCTETS: Final = 16
TITLE_OCTETS: Final = 8
TAG_OCTETS: Final = 12  # of GCM's 16 (Green Book 9.2.3.3.7.2)
HEAD_OCTETS: Final = 5  # security control and frame counter

AUTHENTICATED: Final = 0x10
ENCRYPTED: Final = 0x20
BROADCAST: Final = 0x40
COMPRESSED: Final = 0x80
SUITE: Final = 0x0F
SUITES: Final = (0, 1)  # both AES-GCM-128; suite 2 takes longer keys
PROTECTIONS: Final = {  # security control: octets of tag
    bits | suite: TAG_OCTETS if bits & AUTHENTICATED else 0
    for bits in (AUTHENTICATED, ENCRYPTED, ENCRYPTED | AUTHENTICATED)
    for suite in SUITES
}

GENERAL_GLO: Final = 0xDB
TITLED: Final = (GENERAL_GLO, 0xDC)  # general-glo-ciphering, general-ded-ciphering
DATA_NOTIFICATION: Final = 0x0F
SHORTEST_USUAL: Final = 30  # DB, a title, a length of up to three octets, what HEAD_OCTETS counts, a tag
UNTITLED: Final = range(0xC8, 0xD8)  # service-specific glo and ded ciphering, the event notifications among them
UNREADABLE: Final = {0xDD: "general-ciphering", 0xDF: "general-signing"}


class MeterKeys:
    """The keys of one meter in one version, with the cipher object made from them. Never shows key material."""

    __slots__ = ("associated", "authentication", "cipher", "encryption", "version")

    def __init__(self, encryption: EncryptionKey, authentication: AuthenticationKey | None, version: int = 1) -> None:
        self.encryption = encryption
        self.authentication = authentication
        self.version = version
        self.cipher = AESGCM(encryption)
        self.associated = {control: bytes((control,)) + (authentication or b"") for control in PROTECTIONS}

    def __repr__(self) -> str:
        return f"MeterKeys(version={self.version}, authentication={self.authentication is not None})"


class Sealed:
    """A ciphered APDU with its header read: ``apdu[start:end]`` is the body, the tag follows where there is one."""

    __slots__ = ("apdu", "end", "frame_counter", "security_control", "start", "title")

    def __init__(
        self, apdu: bytes, title: bytes, security_control: int, frame_counter: int, start: int, end: int
    ) -> None:
        self.apdu = apdu
        self.title = title
        self.security_control = security_control
        self.frame_counter = frame_counter
        self.start = start
        self.end = end

    @property
    def encrypted(self) -> bool:
        """Whether the body is ciphertext."""
        return bool(self.security_control & ENCRYPTED)

    @property
    def authenticated(self) -> bool:
        """Whether the body carries a tag."""
        return bool(self.security_control & AUTHENTICATED)


def read_header(apdu: bytes, title: bytes = b"") -> Sealed | None:
    """The ciphering header of ``apdu``; None if it is not ciphered. ``title`` stands in for one the meter leaves empty.

    Raises ``CipherHeaderError``.
    """
    size = len(apdu)
    usual = size >= SHORTEST_USUAL and apdu[0] == GENERAL_GLO and apdu[1] == TITLE_OCTETS
    if usual and 0x81 <= apdu[10] <= 0x82:
        at, length = (12, apdu[11]) if apdu[10] == 0x81 else (13, apdu[11] << 8 | apdu[12])
        tag_octets = PROTECTIONS.get(apdu[at])
        if tag_octets is not None and at + length == size:
            counter = apdu[at + 1] << 24 | apdu[at + 2] << 16 | apdu[at + 3] << 8 | apdu[at + 4]
            return Sealed(apdu, apdu[2:10], apdu[at], counter, at + HEAD_OCTETS, size - tag_octets)
    return _careful_header(apdu, title)


def _careful_header(apdu: bytes, title: bytes) -> Sealed | None:
    if not apdu:
        raise CipherHeaderError("no APDU", offset=0)
    tag = apdu[0]
    if tag in TITLED:
        own, at = _title(apdu)
    elif tag in UNTITLED:
        own, at = b"", 1
    elif tag in UNREADABLE:
        raise CipherHeaderError(f"{UNREADABLE[tag]} is not used on customer ports and not read", offset=0)
    else:
        return None
    length, start = _length(apdu, at)
    if start + length != len(apdu):
        raise CipherHeaderError(f"length says {length} octets, {len(apdu) - start} follow", offset=at)
    if length < HEAD_OCTETS:
        raise CipherHeaderError("too short for security control and frame counter", offset=start)
    control = apdu[start]
    if control not in PROTECTIONS:
        raise CipherHeaderError(f"security control {control:02X}: {_unread(control)}", offset=start)
    end = len(apdu) - PROTECTIONS[control]
    body = start + HEAD_OCTETS
    if end < body:
        raise CipherHeaderError("too short for its tag", offset=body)
    title = own or title
    if len(title) != TITLE_OCTETS:
        raise CipherHeaderError("the system title is empty and the port names none", offset=1)
    return Sealed(apdu, title, control, int.from_bytes(apdu[start + 1 : body], "big"), body, end)


def unseal(sealed: Sealed, keys: MeterKeys) -> bytes:
    """The plaintext of a ciphered APDU, its tag verified where it has one.

    Raises ``AuthenticationError``, and ``PlaintextError`` where a gateway left the header over a body already clear.
    """
    apdu, start, end = sealed.apdu, sealed.start, sealed.end
    nonce = sealed.title + apdu[start - 4 : start]
    if sealed.security_control & AUTHENTICATED:
        return _verified(sealed, keys, nonce)
    if start < end and apdu[start] == DATA_NOTIFICATION and _looks_clear(apdu[start:end]):
        raise PlaintextError("ciphering header over a body that is already clear", offset=start)
    return keys.cipher.encrypt(nonce, apdu[start:end], None)[:-16]


def _verified(sealed: Sealed, keys: MeterKeys, nonce: bytes) -> bytes:
    """Green Book 9.2.3.3.7.3, table 40: what is authenticated depends on whether it is encrypted too."""
    apdu, control, end = sealed.apdu, sealed.security_control, sealed.end
    if keys.authentication is None:
        raise AuthenticationError("there is a tag and no authentication key to verify it with", offset=end)
    encrypt, associated = keys.cipher.encrypt, keys.associated[control]
    body = apdu[sealed.start : end]
    if control & ENCRYPTED:
        plaintext = encrypt(nonce, body, None)[:-16]
        tag = encrypt(nonce, plaintext, associated)[-16:-4]
    else:
        plaintext = body
        tag = encrypt(nonce, b"", associated + body)[:TAG_OCTETS]
    if not compare_digest(tag, apdu[end:]):
        clear = sealed.encrypted and _looks_clear(body)
        raise AuthenticationError(f"tag does not verify{': the body is already clear' * clear}", offset=end)
    return plaintext


def _title(apdu: bytes) -> tuple[bytes, int]:
    """System title and where the next field begins; one maker repeats the length inside the field (DB 09 08 …)."""
    length = apdu[1] if len(apdu) > 1 else 0
    end = 2 + length
    if length == TITLE_OCTETS + 1 and apdu[2:3] == b"\x08":
        return apdu[3:end], end
    if length not in (0, TITLE_OCTETS):
        raise CipherHeaderError(f"a system title has {TITLE_OCTETS} octets, not {length}", offset=1)
    return apdu[2:end], end


def _length(apdu: bytes, at: int) -> tuple[int, int]:
    """A definite length, minimal or not (X.690 8.1.3), and where the content begins."""
    if at >= len(apdu):
        raise CipherHeaderError("ends inside the header", offset=len(apdu))
    first = apdu[at]
    if first < 0x80:
        return first, at + 1
    end = at + 1 + (first & 0x7F)
    if first == 0x80 or first > 0x84 or end > len(apdu):
        raise CipherHeaderError(f"length octet {first:02X} cannot be", offset=at)
    return int.from_bytes(apdu[at + 1 : end], "big"), end


def _unread(control: int) -> str:
    if control & COMPRESSED:
        return "compressed bodies are not read"
    if control & BROADCAST:
        return "names a broadcast key, and none is configured"
    if control & SUITE not in SUITES:
        return f"suite {control & SUITE} is not read"
    return "neither encrypts nor authenticates"


def _looks_clear(body: bytes) -> bool:
    """A data-notification with a date-time of our century: ciphertext looks so once in 2³²."""
    return body[:1] == b"\x0f" and body[5:7] in (b"\x0c\x07", b"\x09\x0c")
