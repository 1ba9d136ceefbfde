"""general-glo-ciphering as a meter does it (Green Book 9.2.7.2): AES-GCM with a 12-octet tag, or none."""

from __future__ import annotations

from cryptography.hazmat.primitives.ciphers.aead import AESGCM

TAG = 0x10  # bit of the security control: authenticated
TAG_OCTETS = 12
GCM_TAG_OCTETS = 16


class Cipher:
    """A meter's half of its keys' secret.

    Suite 1 (0x21, 0x31) names AES-128-GCM as suite 0 does: the meters of the field keep 16-byte keys under it.
    """

    def __init__(self, title: bytes, encryption_key: bytes, authentication_key: bytes, security_control: int) -> None:
        self._title = title
        self._gcm = AESGCM(encryption_key)
        self._control = bytes([security_control])
        self._additional = self._control + authentication_key if security_control & TAG else None

    def seal(self, counter: int, plaintext: bytes) -> bytes:
        """The ciphered APDU. Nonce: title and counter; authenticated data: control octet and authentication key."""
        invocation = counter.to_bytes(4, "big")
        sealed = self._gcm.encrypt(self._title + invocation, plaintext, self._additional)
        body = self._control + invocation + sealed[: len(plaintext) + (TAG_OCTETS if self._additional else 0)]
        return b"\xdb\x08" + self._title + _length(len(body)) + body


def _length(count: int) -> bytes:
    """One octet below 128, else three: what these families send."""
    return bytes([count]) if count < 128 else b"\x82" + count.to_bytes(2, "big")
