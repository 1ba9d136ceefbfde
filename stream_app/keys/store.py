"""The key store that the settings name."""

from __future__ import annotations

import logging
import os
import socket
import stat
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from stream_app.keys.csv_file import CsvKeyStore
from stream_app.keys.envelope import Kek, Keks
from stream_app.keys.kek import read_keks
from stream_app.keys.ring import KeyStoreError
from stream_app.keys.sealed import SealedKeyStore
from stream_app.keys.sqlite import SqliteDatabase
from stream_app.settings import Keys

log = logging.getLogger(__name__)

STORES: Final = ("file", "sqlite", "postgres_dsn_file")
KEK_VARIABLE: Final = "CIP_KEK"


def open_store(keys: Keys, environment: Mapping[str, str] = os.environ) -> CsvKeyStore | SealedKeyStore:
    """The configured store. Raises ``KeyStoreError`` where there is not exactly one, or it cannot be opened."""
    named = [name for name in STORES if getattr(keys, name) is not None]
    if len(named) != 1:
        raise KeyStoreError(f"keys: set one of {', '.join(STORES)}, not {' and '.join(named) or 'none'}")
    if keys.file is not None:
        return CsvKeyStore(keys.file)
    keks, who = Keks(_keks(keys, environment)), _who(environment)
    if keys.sqlite is not None:
        return SealedKeyStore(SqliteDatabase(keys.sqlite), keks, who)
    assert keys.postgres_dsn_file is not None
    from stream_app.keys.postgres import PostgresDatabase  # here, because importing psycopg takes 0.2 s

    return SealedKeyStore(PostgresDatabase(keys.postgres_dsn_file), keks, who)


def _keks(keys: Keys, environment: Mapping[str, str]) -> list[Kek]:
    """All key-encryption keys that are named, newest first."""
    keks: list[Kek] = []
    if keys.transit_url is not None:
        if keys.transit_token_file is None:
            raise KeyStoreError("keys: transit_url needs transit_token_file")
        from stream_app.keys.transit import TransitKek  # here, because importing hvac takes 0.1 s

        at = (keys.transit_url, keys.transit_mount, keys.transit_key)
        keks.append(TransitKek(*at, keys.transit_token_file, keys.transit_ca_file))
    if keys.kek_file is not None:
        keks += read_keks(_text(keys.kek_file), str(keys.kek_file))
    if KEK_VARIABLE in environment:
        keks += read_keks(environment[KEK_VARIABLE], KEK_VARIABLE)
    if not keks:
        raise KeyStoreError(f"keys: a sealed store needs kek_file, transit_url or the variable {KEK_VARIABLE}")
    return keks


def _text(file: Path) -> str:
    """Only a warning, because secrets mounted into a container are often readable by all there."""
    try:
        if file.stat().st_mode & stat.S_IROTH:
            log.warning("%s: everybody on this machine may read this key-encryption key: chmod 600", file)
        return file.read_text("utf-8", errors="replace")  # or the error would hold the file's octets
    except OSError as error:
        raise KeyStoreError(f"{file}: {error.strerror}") from error


def _who(environment: Mapping[str, str]) -> str:
    """Who stands in the journal: the person behind sudo, the user, or what is left of one in a container."""
    user = environment.get("SUDO_USER") or environment.get("USER") or f"uid {os.getuid()}"
    return f"{user}@{socket.gethostname()}"
