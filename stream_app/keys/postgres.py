"""A sealed store in PostgreSQL, for a fleet of workers on several machines.

A worker's role needs SELECT on both tables, INSERT on ``key_journal`` and, for the writers' lock only, UPDATE on it;
the triggers let nobody make use of the latter.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import psycopg

from stream_app.keys.database import Step
from stream_app.keys.ring import KeyStoreError
from stream_app.keys.tables import IMMUTABLE, TABLES

CONNECT_S: Final = 10
ONE_AT_A_TIME: Final = "LOCK TABLE key_journal IN EXCLUSIVE MODE"  # of writers; readers go on
MADE: Final = "SELECT to_regclass('key_journal')"
MAKERS_LOCK: Final = "SELECT pg_advisory_xact_lock(hashtext('cipstream keys'))"

TRIGGERS: Final = f"""
CREATE OR REPLACE FUNCTION cip_refuse() RETURNS trigger LANGUAGE plpgsql AS
    $$ BEGIN RAISE EXCEPTION '% of % is refused: its rows stay as they are', TG_OP, TG_TABLE_NAME; END $$;
CREATE TRIGGER keys_immutable BEFORE UPDATE OF {IMMUTABLE} ON meter_keys EXECUTE FUNCTION cip_refuse();
CREATE TRIGGER keys_stay BEFORE DELETE OR TRUNCATE ON meter_keys EXECUTE FUNCTION cip_refuse();
CREATE TRIGGER journal_stays BEFORE UPDATE OR DELETE OR TRUNCATE ON key_journal EXECUTE FUNCTION cip_refuse();
"""


class PostgresDatabase:
    """The database that the DSN in ``dsn_file`` names. Connects for every call: it outlives restarts of the server."""

    def __init__(self, dsn_file: Path) -> None:
        self._dsn_file = dsn_file

    def prepare(self) -> None:
        """See ``Database``. Where the tables are there, no right to make any is needed."""
        with self._connection() as connection:
            connection.execute(MAKERS_LOCK)
            if connection.execute(MADE).fetchall() == [(None,)]:
                counter = "BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY"
                connection.execute(_sql(TABLES.format(octets="BYTEA", counter=counter) + TRIGGERS))

    def read(self, statement: str, *parameters: Any) -> list[tuple[Any, ...]]:
        """See ``Database``."""
        with self._connection() as connection:
            return connection.execute(_sql(statement), parameters).fetchall()

    def write(self, steps: Iterable[Step]) -> None:
        """See ``Database``."""
        with self._connection() as connection, connection.cursor() as cursor:
            cursor.execute(ONE_AT_A_TIME)
            for statement, rows in steps:
                cursor.executemany(_sql(statement), rows)

    @contextmanager
    def _connection(self) -> Iterator[psycopg.Connection]:
        """One transaction. Messages of the server can quote rows and those of the DSN's parser the DSN: of the one only
        the first line is told, of the other none."""
        try:
            with psycopg.connect(self._dsn_file.read_text("utf-8").strip(), connect_timeout=CONNECT_S) as connection:
                yield connection
        except psycopg.OperationalError as error:
            raise KeyStoreError(f"{self._dsn_file}: {str(error).partition(chr(10))[0]}") from None
        except psycopg.Error as error:
            reason = error.diag.message_primary or type(error).__name__
            raise KeyStoreError(f"{self._dsn_file}: {reason}") from None
        except OSError as error:
            raise KeyStoreError(f"{self._dsn_file}: {error.strerror}") from error


def _sql(statement: str) -> str:
    return statement.replace("?", "%s")
