"""The durable queue between the cables and Kafka: one SQLite file in WAL mode.

    append ─▶ frames (edge-seq rises for ever, AUTOINCREMENT) ─▶ first … acknowledge: only the prefix goes
              kept   (what could not be forwarded, for a look; bounded)

A commit is on the disk when ``append`` returns (``synchronous=FULL``: it survives the power, not just the process).
The bound is measured in pages in use, so it is what the disk really holds. One process at a time; this class does no
threading of its own, ``spool_thread`` keeps it off the event loop.

A card may lose blocks with the power. A damaged file is set aside, with what may still be read in it, and collecting
goes on with a new one.
"""

from __future__ import annotations

import fcntl
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from glob import escape
from pathlib import Path
from typing import NamedTuple

import structlog

SCHEMA = """
CREATE TABLE IF NOT EXISTS frames (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    port TEXT NOT NULL, key TEXT NOT NULL, received_at INTEGER NOT NULL, link TEXT NOT NULL,
    clock_synced INTEGER NOT NULL, captured BLOB NOT NULL
);
CREATE TABLE IF NOT EXISTS kept (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    port TEXT NOT NULL, received_at INTEGER NOT NULL, kind TEXT NOT NULL, reason TEXT NOT NULL, captured BLOB NOT NULL
);
"""
# Rows that no longer fit when the newest are counted first.
OLDEST_KEPT = """
DELETE FROM kept WHERE id <= (
    SELECT max(id) FROM (SELECT id, sum(length(captured) + 200) OVER (ORDER BY id DESC) AS size FROM kept)
    WHERE size > ?
)
"""
DROPPED_AT_ONCE = 64  # a page is free when its last row goes; telegrams of 500 bytes lie eight to a page
KEPT_BYTES = 4_000_000

log = structlog.get_logger(__name__)


class SpoolLockedError(Exception):
    """Another process has this spool open."""


class Record(NamedTuple):
    """One telegram on its way to Kafka."""

    port: str
    key: str  # system title, 16 upper-case hex digits
    received_at: int  # epoch ms
    link: str
    clock_synced: bool
    captured: bytes


class Kept(NamedTuple):
    """Bytes that are not forwarded, and why."""

    port: str
    received_at: int  # epoch ms
    kind: str
    reason: str
    captured: bytes


class Usage(NamedTuple):
    """How full the spool is."""

    frames: int
    used_bytes: int
    oldest: int | None  # received-at of the first frame


def is_damage(error: sqlite3.Error) -> bool:
    """Whether it says that the file itself is broken: not that it is locked, full or out of reach."""
    code = getattr(error, "sqlite_errorcode", 0)  # Python's own complaints have none
    return code & 0xFF in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)


class Spool:
    """Open it, append to it, send what is first, acknowledge. ``damaged`` counts those that lie aside."""

    def __init__(self, path: Path, max_bytes: int, *, drop_oldest: bool = True) -> None:
        self._path = path
        self._max_bytes = max_bytes
        self._drop_oldest = drop_oldest
        path.parent.mkdir(parents=True, exist_ok=True)
        # Not SQLite's own lock: readers may look in at any time.
        self._lock = Path(f"{path}.lock").open("w")  # noqa: SIM115 - held until close
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            self._lock.close()
            raise SpoolLockedError(f"another agent uses the spool {path}") from None
        try:
            self._open()
        except sqlite3.DatabaseError as error:
            if not is_damage(error):
                raise
            self.begin_anew(str(error))

    def close(self) -> None:
        """Let the next process in."""
        self._db.close()
        self._lock.close()

    def begin_anew(self, reason: str) -> None:
        """Set the damaged file aside and go on with an empty one."""
        self._db.close()
        now = datetime.now(UTC)
        aside = f"{self._path}.damaged-{now:%Y%m%dT%H%M%S.%fZ}"
        for part in ("", "-wal", "-shm"):
            if (file := Path(f"{self._path}{part}")).exists():
                file.rename(f"{aside}{part}")
        log.error("the spool is damaged, a new one is begun", reason=reason, set_aside=aside)
        self._open()
        # Above every number given so far, whatever it was: never was there one a millisecond since 1970.
        self._db.execute("INSERT INTO sqlite_sequence VALUES ('frames', ?)", (int(now.timestamp() * 1000),))

    def append(self, records: Iterable[Record], kept: Sequence[Kept] = ()) -> tuple[int, Usage]:
        """Store all of it durably or nothing. How many of the oldest frames had to go for it, and how full it is."""
        with self._transaction():
            self._db.executemany(
                "INSERT INTO frames (port, key, received_at, link, clock_synced, captured) VALUES (?, ?, ?, ?, ?, ?)",
                records,
            )
            if kept:
                self._db.executemany(
                    "INSERT INTO kept (port, received_at, kind, reason, captured) VALUES (?, ?, ?, ?, ?)", kept
                )
                self._db.execute(OLDEST_KEPT, (min(KEPT_BYTES, self._max_bytes // 16),))
            return self._make_room() if self._drop_oldest else 0, self.usage()

    def first(self, limit: int) -> list[tuple[int, Record]]:
        """The oldest frames with their edge-seq, in order."""
        rows = self._db.execute("SELECT * FROM frames ORDER BY seq LIMIT ?", (limit,))
        return [
            (seq, Record(port, key, at, link, bool(synced), data)) for seq, port, key, at, link, synced, data in rows
        ]

    def acknowledge(self, seq: int) -> Usage:
        """Everything up to ``seq`` is in Kafka. How full it is without."""
        with self._transaction():
            self._db.execute("DELETE FROM frames WHERE seq <= ?", (seq,))
            return self.usage()

    def usage(self) -> Usage:
        """How full it is. Only prefixes go, so the numbers in use have no holes and need no counting."""
        first = self._db.execute("SELECT seq, received_at FROM frames ORDER BY seq LIMIT 1").fetchone()
        if first is None:
            return Usage(0, self._used_bytes(), None)
        (last,) = self._db.execute("SELECT max(seq) FROM frames").fetchone()
        return Usage(last - first[0] + 1, self._used_bytes(), first[1])

    def _open(self) -> None:
        self.damaged = sum(1 for _ in self._path.parent.glob(f"{escape(self._path.name)}.damaged-*Z"))
        self._db = sqlite3.connect(self._path, isolation_level=None, check_same_thread=False)
        try:
            self._db.executescript(
                "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA journal_size_limit=4194304;"
            )
            self._db.executescript(SCHEMA)
            self.usage()  # damage at either end shows at once
        except sqlite3.Error:
            self._db.close()  # without tables it would fail for ever; closed it ends the agent, and the next one tries
            raise

    def _make_room(self) -> int:
        dropped = 0
        while self._used_bytes() > self._max_bytes:
            gone = self._db.execute(
                "DELETE FROM frames WHERE seq <= (SELECT max(seq) FROM (SELECT seq FROM frames ORDER BY seq LIMIT ?))",
                (DROPPED_AT_ONCE,),
            ).rowcount
            if not gone:
                break
            dropped += gone
        return dropped

    def _used_bytes(self) -> int:
        size, pages, free = (
            self._db.execute(f"PRAGMA {name}").fetchone()[0] for name in ("page_size", "page_count", "freelist_count")
        )
        return int(size * (pages - free))

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        self._db.execute("BEGIN IMMEDIATE")
        try:
            yield
            self._db.execute("COMMIT")
        except BaseException:
            if self._db.in_transaction:  # after some errors SQLite has rolled back itself
                self._db.execute("ROLLBACK")
            raise


def read_kept(path: Path) -> Iterator[Kept]:
    """What a spool has kept for a look, oldest first, also while an agent runs on it."""
    with closing(sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro", uri=True)) as db:
        yield from map(Kept._make, db.execute("SELECT port, received_at, kind, reason, captured FROM kept ORDER BY id"))
