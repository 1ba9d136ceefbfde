"""The key store that the settings name."""

from __future__ import annotations

from stream_app.keys.csv_file import CsvKeyStore
from stream_app.keys.ring import KeyStore, KeyStoreError
from stream_app.settings import Keys


def open_store(keys: Keys) -> KeyStore:
    """The configured store. Raises ``KeyStoreError`` where none is."""
    if keys.file is None:
        raise KeyStoreError("keys.file: no key list is configured")
    return CsvKeyStore(keys.file)
