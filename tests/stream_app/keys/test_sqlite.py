from __future__ import annotations

from pathlib import Path

import pytest

from stream_app.keys.ring import KeyStoreError
from stream_app.keys.sqlite import SqliteDatabase
from tests.stream_app.keys.conftest import OTHER, add, reopened, row


def test_a_new_file_is_its_owners_alone(tmp_path: Path) -> None:
    reopened(SqliteDatabase(tmp_path / "keys.db"))

    assert 0o600 == (tmp_path / "keys.db").stat().st_mode & 0o777


@pytest.mark.parametrize("kept", [0, 100, 4096, 5000, 0.5])
def test_a_truncated_file_is_refused_and_not_taken_for_an_empty_store(tmp_path: Path, kept: float) -> None:
    file = tmp_path / "keys.db"
    store = reopened(SqliteDatabase(file))
    add(store, *(row(f"{number:016X}") for number in range(500)))
    whole = file.read_bytes()
    file.write_bytes(whole[: int(len(whole) * kept) if kept == 0.5 else int(kept)])

    with pytest.raises(KeyStoreError, match=str(file)):
        store.load()


def test_a_vanished_file_is_refused_and_not_made_anew(tmp_path: Path) -> None:
    file = tmp_path / "keys.db"
    store = reopened(SqliteDatabase(file))
    file.unlink()

    with pytest.raises(KeyStoreError, match=r"keys\.db: unable to open"):
        store.changed()
    assert not file.exists()


def test_a_file_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    with pytest.raises(KeyStoreError, match=r"nowhere/keys\.db: No such file"):
        reopened(SqliteDatabase(tmp_path / "nowhere" / "keys.db"))


def test_workers_read_on_while_an_import_is_being_written(tmp_path: Path) -> None:
    database = SqliteDatabase(tmp_path / "keys.db")
    store, worker = reopened(database), reopened(database)
    add(store, row())
    seen: list[int] = []
    store.add([row(OTHER)], "keys.csv", lambda done: seen.append(len(worker.load())))

    assert ([1, 1], 2) == (seen, len(worker.load()))
