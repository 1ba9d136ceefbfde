"""The keys in force, as one immutable snapshot that a running worker swaps for the next."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from typing import Final, NamedTuple, Protocol

from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.ciphers.modes import ECB

from stream_app.dlms.cipher import AuthenticationKey, EncryptionKey, MeterKeys

SERIES_OCTETS: Final = 4


class HeldKey(NamedTuple):
    """One version of a meter's keys. ``series`` (4 octets) tells whose counters it continues: a new authentication key
    under the same encryption key does not restart them (KSMW §3.5.4), an operator's reset does."""

    keys: MeterKeys
    series: bytes


class KeyRing:
    """Every key in force by system title (16 upper-case hex digits), newest version first.

    ``resets``: how often an operator has let a meter's counters start afresh; it is part of its series.
    """

    __slots__ = ("_held",)

    def __init__(self, keys: Iterable[tuple[str, MeterKeys]] = (), resets: Mapping[str, int] | None = None) -> None:
        held: defaultdict[str, list[HeldKey]] = defaultdict(list)
        for title, meter_keys in keys:
            epoch = (resets or {}).get(title, 0) % 256
            held[title].append(HeldKey(meter_keys, check_value(meter_keys.encryption) + bytes((epoch,))))
        self._held: Mapping[str, tuple[HeldKey, ...]] = {
            title: tuple(sorted(versions, key=lambda held: -held.keys.version)) for title, versions in held.items()
        }

    def of(self, title: str) -> tuple[HeldKey, ...]:
        """The versions held for a meter, newest first; empty where none is."""
        return self._held.get(title, ())

    def __iter__(self) -> Iterator[str]:
        return iter(self._held)

    def __len__(self) -> int:
        return len(self._held)


class KeyStore(Protocol):
    """Where keys are kept. Everything raises ``KeyStoreError`` where the store cannot be read or written."""

    def load(self) -> KeyRing:
        """All keys in force. Where it fails, a worker keeps the last good ring, loudly."""

    def changed(self) -> bool:
        """Cheap: may ``load`` give something else than last time?"""

    def promote(self, title: str, version: int, at: int, with_tag: bool) -> None:
        """A telegram has verified under this version, at epoch milliseconds ``at``. Saying so twice does no harm."""


class KeyStoreError(Exception):
    """The store cannot be used. The message never holds key material."""


def check_value(key: EncryptionKey | AuthenticationKey) -> bytes:
    """Key check value: the first three bytes of a block of zeros under the key. Names a key without telling it."""
    encryptor = Cipher(AES(key), ECB()).encryptor()  # one block and no message: no mode to choose
    return encryptor.update(bytes(16))[:3]
