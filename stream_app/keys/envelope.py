"""Keys at rest: each meter key sealed by AES-256-GCM under a key-encryption key (KEK).

The associated data says whose key it is, which and in which version, so that an envelope moved or copied to another
place does not open there. An envelope names its KEK: several may be in use, the newest seals.
"""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Sequence
from typing import Final, Literal, NamedTuple, Protocol

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from stream_app.keys.ring import KeyStoreError

FORMAT: Final = 1
KEK_OCTETS: Final = 32
NONCE_OCTETS: Final = 12


class Place(NamedTuple):
    """Where a key belongs: the meter's title, the type of key, its version."""

    title: str
    type: Literal["encryption", "authentication"]
    version: int

    def associated(self) -> bytes:
        """The additional data of its envelope."""
        return f"{FORMAT}|{self.title}|{self.type}|{self.version}".encode()

    def __str__(self) -> str:
        return f"{self.type} key of {self.title} version {self.version}"


class Envelope(NamedTuple):
    """A sealed key. ``kek``: id of the key-encryption key that opens it."""

    place: Place
    kek: str
    sealed: bytes


class DoesNotOpenError(KeyStoreError):
    """No KEK at hand opens this envelope. The others may well open."""


class Kek(Protocol):
    """One key-encryption key. What comes back is in the order of what was given; raises ``KeyStoreError``."""

    @property
    def id(self) -> str:
        """Its name in envelopes."""

    def seal(self, keys: Sequence[tuple[Place, bytes]]) -> list[bytes]:
        """Seal keys for their places."""

    def open(self, sealed: Sequence[tuple[Place, bytes]]) -> list[bytes]:
        """Open what was sealed for these places."""


class AesKek:
    """A key-encryption key in this process's memory. Sealed: nonce (12), ciphertext, tag (16)."""

    def __init__(self, name: str, key: bytes) -> None:
        self.id = name
        self._cipher = AESGCM(key)

    def seal(self, keys: Sequence[tuple[Place, bytes]]) -> list[bytes]:
        """See ``Kek``."""
        found = []
        for place, key in keys:
            nonce = os.urandom(NONCE_OCTETS)
            found.append(nonce + self._cipher.encrypt(nonce, key, place.associated()))
        return found

    def open(self, sealed: Sequence[tuple[Place, bytes]]) -> list[bytes]:
        """See ``Kek``."""
        return [self._opened(place, data) for place, data in sealed]

    def _opened(self, place: Place, data: bytes) -> bytes:
        try:
            return self._cipher.decrypt(data[:NONCE_OCTETS], data[NONCE_OCTETS:], place.associated())
        except (InvalidTag, ValueError):
            raise does_not_open(place, self.id) from None


class Keks:
    """All key-encryption keys at hand, newest first."""

    def __init__(self, keks: Sequence[Kek]) -> None:
        self._newest = keks[0]
        self._by_id = {kek.id: kek for kek in keks}

    @property
    def sealing(self) -> str:
        """The id of the KEK that seals."""
        return self._newest.id

    def seal(self, keys: Sequence[tuple[Place, bytes]]) -> list[Envelope]:
        """Seal keys under the newest KEK."""
        newest = self._newest
        sealed = newest.seal(keys)
        return [Envelope(place, newest.id, data) for (place, _), data in zip(keys, sealed, strict=True)]

    def open(self, envelopes: Sequence[Envelope]) -> list[bytes]:
        """The keys, in order. Raises ``DoesNotOpenError`` naming the place that does not open."""
        keys = [b""] * len(envelopes)
        for kek, places in self._sorted(envelopes).items():
            opened = self._by_id[kek].open([(envelopes[at].place, envelopes[at].sealed) for at in places])
            for at, key in zip(places, opened, strict=True):
                keys[at] = key
        return keys

    def _sorted(self, envelopes: Sequence[Envelope]) -> dict[str, list[int]]:
        places: defaultdict[str, list[int]] = defaultdict(list)
        for at, envelope in enumerate(envelopes):
            if envelope.kek not in self._by_id:
                raise DoesNotOpenError(f"{envelope.place}: sealed under {envelope.kek!r}, a KEK that is not configured")
            places[envelope.kek].append(at)
        return places


def does_not_open(place: Place, kek: str) -> DoesNotOpenError:
    """The refusal of an envelope: nobody can say which of the two it is."""
    return DoesNotOpenError(
        f"{place} does not open under KEK {kek!r}: another KEK of that name, or the row was tampered with"
    )
