"""The sealed key store: what may be done with keys, and who did what when, over either database.

Keys are immutable: a version is added once, promoted by the first telegram that verifies under it, expired in the end.
Everything a person does is in the journal. Nothing here tells key material but ``load``, to a worker, and ``reveal``.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Final, Literal, NamedTuple

from stream_app.dlms.cipher import AuthenticationKey, EncryptionKey, MeterKeys
from stream_app.keys import tables
from stream_app.keys.database import Database, Step
from stream_app.keys.envelope import DoesNotOpenError, Envelope, Keks, Place
from stream_app.keys.key_rows import KeyRow, KeyRowsError
from stream_app.keys.ring import KeyRing, check_value

CHUNK: Final = 2400  # rows sealed and written at a time, between two steps of a progress bar

Status = Literal["NEW", "ACTIVE", "EXPIRED"]
Progress = Callable[[int], object]
Row = tuple[str, int, str, bytes, bytes | None]  # title, version, KEK, both envelopes


class Listed(NamedTuple):
    """A key as it may be shown. Check values and times as in ``check_value`` and epoch milliseconds."""

    title: str
    version: int
    encryption_kcv: bytes
    authentication_kcv: bytes | None
    kek: str
    valid_from: int | None
    comment: str
    status: Status


class Entry(NamedTuple):
    """A line of the journal. ``at``: epoch milliseconds."""

    at: int
    who: str
    what: str
    title: str | None
    version: int | None
    detail: str


class Added(NamedTuple):
    """What an import did. ``expired``: how many of its rows are in the store already, but out of force for good."""

    new: int
    expired: int


class Rewrapped(NamedTuple):
    """What a rewrap did. ``left``: expired keys that no KEK at hand opens, as they were."""

    sealed: int
    left: int


class SealedKeyStore:
    """A ``KeyStore`` at rest in ``database``, sealed under ``keks``. ``who`` stands in the journal."""

    def __init__(self, database: Database, keks: Keks, who: str) -> None:
        self._database = database
        self._keks = keks
        self._who = who
        self._seen: int | None = -1
        self._opened: dict[Row, MeterKeys] = {}
        database.prepare()

    def changed(self) -> bool:
        """See ``KeyStore``. A promotion changes nothing in the ring."""
        return self._revision() != self._seen

    def load(self) -> KeyRing:
        """See ``KeyStore``. All versions that are not expired; opens what is new since the last time."""
        revision = self._revision()
        rows = self._rows(tables.IN_FORCE)
        known = self._opened
        fresh = [row for row in rows if row not in known]
        opened = dict(zip(fresh, self._open(fresh), strict=True))
        self._opened = {row: known.get(row) or opened[row] for row in rows}
        self._seen = revision
        resets = dict(self._database.read(tables.RESETS))
        return KeyRing(((row[0], keys) for row, keys in self._opened.items()), resets)

    def promote(self, title: str, version: int, at: int, with_tag: bool) -> None:
        """See ``KeyStore``."""
        detail = f"verified with{'' if with_tag else 'out'} a tag"
        self._database.write([(tables.NOTE_ONCE, [(at, self._who, "promote", detail, title, version)])])

    def add(self, rows: Sequence[KeyRow], source: str, progress: Progress) -> Added:
        """Seal and keep new keys, all or none.

        Raises ``KeyRowsError`` for rows that contradict what is there. ``progress`` is told how many rows are done.
        """
        in_force = self._of({row.system_title for row in rows})
        expired = {row[:2]: row[2:] for row in self._database.read(f"{tables.CHECK_VALUES} {tables.EXPIRED}")}
        problems = [problem for row in rows if (problem := _contradiction(row, in_force, expired))]
        if problems:
            raise KeyRowsError(problems)
        new = [row for row in rows if _name(row) not in in_force and _name(row) not in expired]
        progress(len(rows) - len(new))
        if new:
            self._database.write(self._additions(new, source, progress))
        return Added(len(new), sum(_name(row) in expired for row in rows))

    def listed(self, title: str = "") -> list[Listed]:
        """Every key whose title begins so, expired ones too."""
        return [Listed(*row) for row in self._database.read(tables.STATUS, f"{title}%")]

    def expire(self, title: str, version: int) -> bool:
        """Take a version out of force, for good. False where there is none in force."""
        in_force = any(
            (one.title, one.version) == (title, version) and one.status != "EXPIRED" for one in self.listed(title)
        )
        if in_force:
            self._expire([(title, version)], "")
        return in_force

    def expire_replaced(self, before: int) -> int:
        """Expire every version that was replaced by a newer one's promotion before then (epoch milliseconds)."""
        replaced = self._database.read(tables.REPLACED, before)
        self._expire(replaced, "replaced by a newer version")
        return len(replaced)

    def reset_counter(self, title: str, reason: str) -> bool:
        """Let a meter's counters start afresh. False where no key of that meter is there."""
        known = any(one.title == title for one in self.listed(title))
        if known:
            self._note("reset", title, None, reason)
        return known

    def reveal(self, title: str, version: int) -> MeterKeys | None:
        """The keys themselves; the journal knows it first. None where there is no such version."""
        rows = self._rows(tables.ONE, title, version)
        if not rows:
            return None
        self._note("reveal", title, version, "")
        return self._open(rows)[0]

    def rewrap(self, progress: Progress) -> Rewrapped:
        """Seal every key anew under the newest key-encryption key, all or none; only expired ones may not open."""
        in_force, expired = self._rows(tables.IN_FORCE), self._rows(tables.EXPIRED)
        rows = in_force + (opening := self._that_open(expired))
        self._database.write(self._resealings(rows, progress))
        return Rewrapped(len(rows), len(expired) - len(opening))

    def journal(self) -> list[Entry]:
        """Who did what when, oldest first."""
        return [Entry(*row) for row in self._database.read(tables.JOURNAL)]

    def _revision(self) -> int | None:
        ((revision,),) = self._database.read(tables.REVISION)
        return None if revision is None else int(revision)

    def _rows(self, which: str, *parameters: Any) -> list[Row]:
        rows = self._database.read(f"{tables.ENVELOPES} {which}", *parameters)
        return [(title, version, kek, first, second) for title, version, kek, first, second in rows]

    def _of(self, titles: set[str]) -> dict[tuple[str, int], MeterKeys]:
        """The keys in force of these meters. Expired ones need not open any more."""
        rows = [row for row in self._rows(tables.IN_FORCE) if row[0] in titles]
        return {row[:2]: keys for row, keys in zip(rows, self._open(rows), strict=True)}

    def _open(self, rows: Sequence[Row]) -> list[MeterKeys]:
        envelopes = [
            Envelope(place, row[2], sealed)
            for row in rows
            for place, sealed in zip(_places(*row[:2]), row[3:], strict=True)
            if sealed is not None
        ]
        opened = iter(self._keks.open(envelopes))
        return [
            MeterKeys(EncryptionKey(next(opened)), AuthenticationKey(next(opened)) if row[4] else None, row[1])
            for row in rows
        ]

    def _that_open(self, rows: list[Row]) -> list[Row]:
        """Halved until each that does not open stands alone: a KEK may be far away, and most rows open."""
        try:
            self._open(rows)
        except DoesNotOpenError:
            half = len(rows) // 2
            return self._that_open(rows[:half]) + self._that_open(rows[half:]) if half else []
        return rows

    def _prove_kek(self) -> None:
        """Before anything is sealed: the KEK opens what one of its name has sealed. Another of that name would make
        rows that do not open beside the others, and a store where one does not open is not loaded."""
        self._open(self._rows(tables.OLDEST_UNDER, self._keks.sealing))

    def _seal(self, keys: Sequence[tuple[str, MeterKeys]]) -> Iterator[Row]:
        items = [
            (place, key)
            for title, one in keys
            for place, key in zip(_places(title, one.version), (one.encryption, one.authentication), strict=True)
            if key is not None
        ]
        sealed = iter(self._keks.seal(items))
        for title, one in keys:
            first = next(sealed)
            yield title, one.version, first.kek, first.sealed, next(sealed).sealed if one.authentication else None

    def _additions(self, new: Sequence[KeyRow], source: str, progress: Progress) -> Iterator[Step]:
        self._prove_kek()
        at = _now()
        for start in range(0, len(new), CHUNK):
            chunk = new[start : start + CHUNK]
            sealed = self._seal([(row.system_title, row.keys()) for row in chunk])
            yield tables.ADD_KEY, [(*one, *_shown(row), at) for row, one in zip(chunk, sealed, strict=True)]
            progress(len(chunk))
        yield tables.NOTE, [(at, self._who, "import", None, None, f"{len(new)} keys from {source}")]

    def _resealings(self, rows: Sequence[Row], progress: Progress) -> Iterator[Step]:
        self._prove_kek()
        for start in range(0, len(rows), CHUNK):
            chunk = rows[start : start + CHUNK]
            keys = [(row[0], keys) for row, keys in zip(chunk, self._open(chunk), strict=True)]
            yield tables.RESEAL, [(*sealed, title, version) for title, version, *sealed in self._seal(keys)]
            progress(len(chunk))
        yield tables.NOTE, [(_now(), self._who, "rewrap", None, None, f"{len(rows)} keys")]

    def _expire(self, versions: Sequence[tuple[Any, ...]], detail: str) -> None:
        at = _now()
        self._database.write(
            [(tables.NOTE_ONCE, [(at, self._who, "expire", detail, title, version) for title, version in versions])]
        )

    def _note(self, what: str, title: str, version: int | None, detail: str) -> None:
        self._database.write([(tables.NOTE, [(_now(), self._who, what, title, version, detail)])])


def _contradiction(
    row: KeyRow, in_force: Mapping[tuple[str, int], MeterKeys], expired: Mapping[tuple[Any, ...], tuple[Any, ...]]
) -> str | None:
    """Why a row cannot be added to the versions that are there. The very same row once more is no contradiction."""
    held, out_of_force = in_force.get(_name(row)), expired.get(_name(row))
    if (held is None or _same(held, row)) and (out_of_force is None or out_of_force == _shown(row)[:2]):
        return None
    return f"{row.place}: {row.system_title} version {row.key_version} is in the store with other keys"


def _name(row: KeyRow) -> tuple[str, int]:
    return row.system_title, row.key_version


def _same(held: MeterKeys, row: KeyRow) -> bool:
    return (held.encryption, held.authentication) == (row.encryption_key, row.authentication_key)


def _places(title: str, version: int) -> tuple[Place, Place]:
    return Place(title, "encryption", version), Place(title, "authentication", version)


def _shown(row: KeyRow) -> tuple[bytes, bytes | None, int | None, str]:
    """The columns that may be shown."""
    authentication = None if row.authentication_key is None else check_value(row.authentication_key)
    return check_value(row.encryption_key), authentication, row.valid_from, row.comment


def _now() -> int:
    return time.time_ns() // 1_000_000
