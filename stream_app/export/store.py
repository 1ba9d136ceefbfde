"""The newest revision of every record, gathered on disk: a compacted topic may still hold older ones, in no order.

SQLite in a temporary file sorts and replaces; a year of a large community need not fit into memory.
"""

from __future__ import annotations

import sqlite3
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import closing
from types import TracebackType
from typing import Any, NamedTuple, Self

from stream_app.avro import Codec


class Held(NamedTuple):
    """A record to keep: its series (the key without the start), start, revision and Avro value."""

    series: str
    start: int
    revision: int
    value: bytes


class Store:
    """A context: the file is gone afterwards."""

    def __init__(self, codec: Codec[Any]) -> None:
        self._codec = codec
        self._file = tempfile.NamedTemporaryFile(prefix="cipstream-export-", suffix=".sqlite")  # noqa: SIM115
        self._db = sqlite3.connect(self._file.name)
        self._db.execute("PRAGMA journal_mode = OFF")
        self._db.execute("PRAGMA synchronous = OFF")
        self._db.execute(
            "CREATE TABLE held (series TEXT, start INTEGER, revision INTEGER, value BLOB, PRIMARY KEY (series, start))"
            " WITHOUT ROWID"
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._db.close()
        self._file.close()

    def put(self, records: Iterable[Held]) -> None:
        """Keep each record that is newer than the one there is."""
        self._db.executemany(
            "INSERT INTO held VALUES (?, ?, ?, ?) ON CONFLICT DO UPDATE SET"
            " revision = excluded.revision, value = excluded.value WHERE excluded.revision > revision",
            records,
        )

    def series(self) -> list[str]:
        """Every series there is, sorted."""
        with closing(self._db.execute("SELECT DISTINCT series FROM held ORDER BY series")) as rows:
            return [name for (name,) in rows]

    def by_series(self) -> Iterator[tuple[str, Any]]:
        """Series and record, sorted by series, then time."""
        return self._sorted("series, start")

    def by_time(self) -> Iterator[tuple[str, Any]]:
        """Series and record, sorted by time, then series."""
        return self._sorted("start, series")

    def _sorted(self, order: str) -> Iterator[tuple[str, Any]]:
        with closing(self._db.execute(f"SELECT series, value FROM held ORDER BY {order}")) as rows:
            for series, value in rows:
                yield series, self._codec.decode(value)
