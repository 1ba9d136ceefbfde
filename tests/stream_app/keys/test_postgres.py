from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psycopg
import pytest

from stream_app.keys.postgres import PostgresDatabase
from stream_app.keys.ring import KeyStoreError
from stream_app.keys.sealed import SealedKeyStore
from tests.stream_app.keys.conftest import TITLE, add, reopened, row


def test_many_workers_may_start_on_an_empty_database_at_once(dsn_file: Path) -> None:
    with ThreadPoolExecutor(8) as pool:
        stores = list(pool.map(lambda _: reopened(PostgresDatabase(dsn_file)), range(8)))

    assert [0] * 8 == [len(store.load()) for store in stores]


def test_a_worker_needs_no_right_to_make_tables_where_they_are(dsn_file: Path, postgres: str) -> None:
    add(reopened(PostgresDatabase(dsn_file)), row())
    with psycopg.connect(postgres, autocommit=True) as connection:
        connection.execute("DROP ROLE IF EXISTS worker")
        connection.execute("CREATE ROLE worker LOGIN")
        connection.execute(
            "GRANT USAGE ON SCHEMA public TO worker; GRANT SELECT ON ALL TABLES IN SCHEMA public TO worker"
        )
        connection.execute("GRANT INSERT, UPDATE ON key_journal TO worker")
    dsn_file.write_text(postgres.replace("postgres:@", "worker:@"))
    worker = reopened(PostgresDatabase(dsn_file))
    worker.promote(TITLE, 1, 1, with_tag=True)

    assert 1 == len(worker.load())
    with pytest.raises(KeyStoreError, match="permission denied"):
        add(worker, row(version=2, key=2))


def test_writers_come_one_after_the_other(dsn_file: Path) -> None:
    """A ring that was loaded between two of them would miss the slower one for ever."""
    store, other = reopened(PostgresDatabase(dsn_file)), reopened(PostgresDatabase(dsn_file))
    add(store, row())
    with ThreadPoolExecutor(1) as pool:
        late = []

        def meanwhile(done: int) -> None:
            if done:
                late.append(pool.submit(other.reset_counter, TITLE, "serviced"))

        store.add([row(version=2, key=2)], "keys.csv", meanwhile)
        assert late[0].result()

    assert ["import", "import", "reset"] == [entry.what for entry in store.journal()]


@pytest.mark.parametrize(
    ("dsn", "reason"),
    [
        pytest.param("hunter2", "ProgrammingError", id="no-dsn"),
        pytest.param("host=127.0.0.1 port=1 password=hunter2", "connection failed", id="no-server"),
        pytest.param(None, "No such file", id="no-file"),
    ],
)
def test_a_database_that_cannot_be_reached_is_named_without_its_dsn(
    tmp_path: Path, dsn: str | None, reason: str
) -> None:
    file = tmp_path / "dsn"
    if dsn is not None:
        file.write_text(dsn)

    with pytest.raises(KeyStoreError, match=reason) as refusal:
        reopened(PostgresDatabase(file))
    assert str(file) in str(refusal.value)
    assert "hunter2" not in str(refusal.value)


def test_a_server_that_comes_back_is_used_again(dsn_file: Path, postgres: str) -> None:
    store: SealedKeyStore = reopened(PostgresDatabase(dsn_file))
    with psycopg.connect(postgres, autocommit=True) as connection:
        connection.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid() AND datname <> ''"
        )

    assert not store.load().of(TITLE)
