"""A sealed store in one SQLite file beside the worker: the default, nothing to run."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from stream_app.keys.database import Step
from stream_app.keys.ring import KeyStoreError
from stream_app.keys.tables import IMMUTABLE, TABLES

BUSY_S: Final = 30

TRIGGERS: Final = f"""
CREATE TRIGGER IF NOT EXISTS keys_immutable BEFORE UPDATE OF {IMMUTABLE} ON meter_keys
    BEGIN SELECT RAISE(ABORT, 'rows of meter_keys are immutable'); END;
CREATE TRIGGER IF NOT EXISTS keys_stay BEFORE DELETE ON meter_keys
    BEGIN SELECT RAISE(ABORT, 'rows of meter_keys stay'); END;
CREATE TRIGGER IF NOT EXISTS journal_unchanged BEFORE UPDATE ON key_journal
    BEGIN SELECT RAISE(ABORT, 'key_journal is append-only'); END;
CREATE TRIGGER IF NOT EXISTS journal_stays BEFORE DELETE ON key_journal
    BEGIN SELECT RAISE(ABORT, 'key_journal is append-only'); END;
"""


class SqliteDatabase:
    """The file at ``path``. Read and written through a connection per call, so that any thread may."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def prepare(self) -> None:
        """See ``Database``. A new file is its owner's alone."""
        try:
            os.close(os.open(self._path, os.O_CREAT, 0o600))
        except OSError as error:
            raise KeyStoreError(f"{self._path}: {error.strerror}") from error
        with self._connection() as connection:
            connection.execute("PRAGMA journal_mode = WAL")  # or a long import would keep the workers from reading
            script = TABLES.format(octets="BLOB", counter="INTEGER PRIMARY KEY AUTOINCREMENT")
            connection.executescript(f"BEGIN IMMEDIATE; {script} {TRIGGERS} COMMIT;")

    def read(self, statement: str, *parameters: Any) -> list[tuple[Any, ...]]:
        """See ``Database``."""
        with self._connection() as connection:
            return connection.execute(statement, parameters).fetchall()

    def write(self, steps: Iterable[Step]) -> None:
        """See ``Database``."""
        with self._connection() as connection:
            connection.execute("BEGIN IMMEDIATE")
            with connection:
                for statement, rows in steps:
                    connection.executemany(statement, rows)

    @contextmanager
    def _connection(self) -> Iterator[sqlite3.Connection]:
        """A connection to a file that exists: one that has vanished is no empty store."""
        connection = None
        try:
            uri = f"{self._path.absolute().as_uri()}?mode=rw"
            connection = sqlite3.connect(uri, timeout=BUSY_S, isolation_level=None, uri=True)
            yield connection
        except sqlite3.Error as error:
            raise KeyStoreError(f"{self._path}: {error}") from error
        finally:
            if connection is not None:
                connection.close()
