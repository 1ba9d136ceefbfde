"""Key-encryption keys from a file or the environment: one a line, ``id key``, the newest first.

The key is 32 octets in hex or base64 (``openssl rand -hex 32``); ``#`` begins a comment. The old one stays below the
new one until ``cipstream keys rewrap`` has sealed every meter key anew.
"""

from __future__ import annotations

import binascii
import re
from typing import Final

from stream_app.keys.envelope import KEK_OCTETS, AesKek
from stream_app.keys.ring import KeyStoreError

ID: Final = re.compile(r"[A-Za-z0-9._-]{1,40}")


def read_keks(text: str, source: str) -> list[AesKek]:
    """The key-encryption keys of a text. Raises ``KeyStoreError`` with ``source`` and line, never with the line."""
    keks: dict[str, AesKek] = {}
    for number, line in enumerate(text.splitlines(), 1):
        words = line.partition("#")[0].split()
        if not words:
            continue
        if len(words) != 2 or not ID.fullmatch(words[0]):
            raise KeyStoreError(f"{source}: line {number}: wanted an id (letters, digits, . _ -) and a key")
        name, key = words[0], _octets(words[1])
        if len(key) != KEK_OCTETS or not any(key):
            raise KeyStoreError(f"{source}: line {number}: the key is not {KEK_OCTETS} octets in hex or base64")
        if name in keks:
            raise KeyStoreError(f"{source}: line {number}: {name} stands there already")
        keks[name] = AesKek(name, key)
    if not keks:
        raise KeyStoreError(f"{source}: no key-encryption key")
    return list(keks.values())


def _octets(text: str) -> bytes:
    try:
        return bytes.fromhex(text) if len(text) == 2 * KEK_OCTETS else binascii.a2b_base64(text, strict_mode=True)
    except ValueError:
        return b""
