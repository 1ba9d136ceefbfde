"""What a sealed store makes of key-encryption keys: the newest, another of its name, and what none opens."""

from __future__ import annotations

import pytest

from stream_app.keys.database import Database
from stream_app.keys.envelope import AesKek
from stream_app.keys.ring import KeyStoreError
from stream_app.keys.sealed import SealedKeyStore
from tests.stream_app.keys.conftest import KEK, OLDER_KEK, OTHER, TITLE, add, reopened, row

IMPOSTOR = AesKek(KEK.id, bytes(range(64, 96)))  # of the same name


def test_rewrapped_keys_need_the_newest_kek_only(store: SealedKeyStore, database: Database) -> None:
    old, both, new = (reopened(database, *keks) for keks in ((OLDER_KEK,), (KEK, OLDER_KEK), (KEK,)))
    add(old, row(), row(OTHER, authentication=None))
    with pytest.raises(KeyStoreError, match="sealed under '2025', a KEK that is not configured"):
        new.load()
    add(both, row(version=2, key=2))

    assert (3, 0) == both.rewrap(lambda done: None)
    assert [2, 1] == [held.keys.version for held in new.load().of(TITLE)]
    assert {"2026"} == {listed.kek for listed in new.listed()}


def test_another_kek_of_the_same_name_opens_nothing(store: SealedKeyStore, database: Database) -> None:
    add(store, row())

    with pytest.raises(KeyStoreError, match=f"encryption key of {TITLE} version 1 does not open under KEK '2026'"):
        reopened(database, IMPOSTOR).load()


def test_nothing_is_sealed_under_another_kek_of_the_same_name(store: SealedKeyStore, database: Database) -> None:
    add(store, row(), row(version=2, key=2))
    store.expire(TITLE, 1)
    add(reopened(database, OLDER_KEK), row(OTHER))
    before = database.read("SELECT * FROM meter_keys"), store.journal()

    wrong = reopened(database, IMPOSTOR, OLDER_KEK)
    for act in (lambda: add(wrong, row("00000000000000FF")), lambda: wrong.rewrap(lambda done: None)):
        with pytest.raises(KeyStoreError, match=f"encryption key of {TITLE} version 2 does not open under KEK '2026'"):
            act()
    assert before == (database.read("SELECT * FROM meter_keys"), store.journal())


def test_nor_beside_an_import_that_comes_in_between(store: SealedKeyStore, database: Database) -> None:
    """The second found an empty store, where any KEK will do, and comes to write after the first."""
    slow = reopened(database, IMPOSTOR)

    with pytest.raises(KeyStoreError, match="does not open under KEK '2026'"):
        slow.add([row(OTHER)], "keys.csv", lambda done: done or add(store, row()))
    assert [TITLE] == list(store.load())


def test_a_row_that_does_not_open_is_named_until_it_is_expired(store: SealedKeyStore, database: Database) -> None:
    """The worker that has asked keeps its last ring, and asks again."""
    add(store, row(), row(OTHER), row(version=2, key=2))
    worker = reopened(database)
    worker.load()
    database.write([("UPDATE meter_keys SET encryption = authentication WHERE title = ?", [(OTHER,)])])
    store.reset_counter(TITLE, "serviced")
    for act in (worker.load, worker.load, lambda: store.rewrap(lambda done: None)):
        with pytest.raises(KeyStoreError, match=f"encryption key of {OTHER} version 1 does not open"):
            act()
    still_asking = worker.changed()
    store.expire(OTHER, 1)
    store.expire(TITLE, 1)

    assert still_asking
    assert worker.changed()
    assert [TITLE] == list(worker.load())
    assert (2, 1) == reopened(database, OLDER_KEK, KEK).rewrap(lambda done: None)
    assert ({1: OLDER_KEK.id, 2: OLDER_KEK.id}, {1: KEK.id}) == tuple(
        {listed.version: listed.kek for listed in store.listed(title)} for title in (TITLE, OTHER)
    )


@pytest.mark.parametrize(
    "tampering",
    [
        "encryption = (SELECT encryption FROM meter_keys WHERE version = 1 AND title = '4C475A1030A1B2C3')",
        "encryption = authentication",
        "authentication = (SELECT authentication FROM meter_keys WHERE version = 1 AND title = '4C475A1030A1B2C3')",
        "encryption = (SELECT encryption FROM meter_keys WHERE version = 2)",
    ],
    ids=["another-meters-row", "another-type", "another-meters-authentication", "another-version"],
)
def test_an_envelope_in_another_place_does_not_open(store: SealedKeyStore, database: Database, tampering: str) -> None:
    add(store, row(), row(OTHER), row(OTHER, 2, key=2))
    database.write([(f"UPDATE meter_keys SET {tampering}", [()])])

    with pytest.raises(KeyStoreError, match="does not open"):
        store.load()
