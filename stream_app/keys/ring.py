"""The keys in force, as one immutable snapshot that a running worker swaps for the next."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import NamedTuple, Protocol

from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.ciphers.modes import ECB

from stream_app.dlms.cipher import EncryptionKey, MeterKeys


class HeldKey(NamedTuple):
    """One version of a meter's keys. ``series`` tells whose counters it continues: a new authentication key under the
    same encryption key does not restart them (KSMW §3.5.4)."""

    keys: MeterKeys
    series: bytes


class KeyRing:
    """Every key in force by system title (16 upper-case hex digits), newest version first."""

    __slots__ = ("_held",)

    def __init__(self, keys: Iterable[tuple[str, MeterKeys]] = ()) -> None:
        held: defaultdict[str, list[HeldKey]] = defaultdict(list)
        for title, meter_keys in keys:
            held[title].append(HeldKey(meter_keys, check_value(meter_keys.encryption)))
        self._held: Mapping[str, tuple[HeldKey, ...]] = {
            title: tuple(sorted(versions, key=lambda held: -held.keys.version)) for title, versions in held.items()
        }

    def of(self, title: str) -> tuple[HeldKey, ...]:
        """The versions held for a meter, newest first; empty where none is."""
        return self._held.get(title, ())

    def __len__(self) -> int:
        return len(self._held)


class KeyStore(Protocol):
    """Where keys are kept. ``load`` raises ``KeyStoreError``: the worker then keeps the last good ring, loudly."""

    def load(self) -> KeyRing:
        """All keys in force."""

    def changed(self) -> bool:
        """Cheap: may ``load`` give something else than last time?"""


class KeyStoreError(Exception):
    """The store cannot be read. The message never holds key material."""


def check_value(key: EncryptionKey) -> bytes:
    """Key check value: the first three bytes of a block of zeros under the key. Names a key without telling it."""
    encryptor = Cipher(AES(key), ECB()).encryptor()  # one block and no message: no mode to choose
    return encryptor.update(bytes(16))[:3]
