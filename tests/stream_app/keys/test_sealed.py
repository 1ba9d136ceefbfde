"""The sealed store over both databases."""

from __future__ import annotations

from typing import Any

import pytest

from stream_app.keys.database import Database
from stream_app.keys.envelope import Place
from stream_app.keys.key_rows import KeyRowsError
from stream_app.keys.ring import KeyStoreError, check_value
from stream_app.keys.sealed import SealedKeyStore
from tests.stream_app.keys.conftest import KEK, OTHER, TITLE, add, reopened, row


def versions(store: SealedKeyStore, title: str = TITLE) -> list[int]:
    return [held.keys.version for held in store.load().of(title)]


def statuses(store: SealedKeyStore, title: str = TITLE) -> dict[int, str]:
    return {listed.version: listed.status for listed in store.listed(title)}


def test_keys_come_back_as_they_were_given(store: SealedKeyStore, database: Database) -> None:
    add(store, row(), row(OTHER, 7, key=2, authentication=None))
    ring = reopened(database).load()

    assert {TITLE, OTHER} == set(ring)
    for given in (row(), row(OTHER, 7, key=2, authentication=None)):
        (held,) = ring.of(given.system_title)
        assert (given.encryption_key, given.authentication_key) == (held.keys.encryption, held.keys.authentication)
        assert given.key_version == held.keys.version


def test_an_import_is_all_or_nothing(store: SealedKeyStore) -> None:
    add(store, row())

    with pytest.raises(KeyRowsError, match=f"line 2: {TITLE} version 1 is in the store with other keys"):
        add(store, row(OTHER), row(key=9))
    assert [TITLE] == list(store.load())


def test_an_import_that_breaks_off_leaves_nothing(store: SealedKeyStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("stream_app.keys.sealed.CHUNK", 1)

    def out_of_order(done: int) -> None:
        if done:
            raise KeyStoreError("the KEK's service is gone")

    with pytest.raises(KeyStoreError, match="service is gone"):
        store.add([row(), row(OTHER)], "keys.csv", out_of_order)
    assert ([], []) == (store.listed(), store.journal())


def test_the_same_list_once_more_adds_what_is_new_in_it(store: SealedKeyStore) -> None:
    first = add(store, row())
    second = add(store, row(), row(version=2, key=2))
    third = add(store, row(), row(version=2, key=2))

    assert (1, 1, 0) == (first, second, third)
    assert ["1 keys from keys.csv"] * 2 == [entry.detail for entry in store.journal()]


def test_an_expired_key_stays_out_of_force_however_often_it_is_imported(store: SealedKeyStore) -> None:
    add(store, row(), row(version=2, key=2))
    store.expire(TITLE, 1)
    added = store.add([row(), row(version=2, key=2), row(version=3, key=3)], "keys.csv", lambda done: None)

    assert (1, 1) == added
    assert [3, 2] == versions(store)
    with pytest.raises(KeyRowsError, match=f"{TITLE} version 1 is in the store with other keys"):
        add(store, row(authentication=0x42))


def test_a_meter_whose_key_does_not_open_gets_another_once_it_is_expired(
    store: SealedKeyStore, database: Database
) -> None:
    add(store, row())
    database.write([("UPDATE meter_keys SET encryption = authentication", [()])])
    with pytest.raises(KeyStoreError, match="does not open"):
        add(store, row(version=2))
    store.expire(TITLE, 1)

    assert 1 == add(store, row(version=2))
    assert [2] == versions(store)


def test_a_version_is_new_until_promoted_and_out_of_force_once_expired(store: SealedKeyStore) -> None:
    add(store, row(), row(version=2, key=2))
    store.promote(TITLE, 1, 1000, with_tag=True)
    assert {1: "ACTIVE", 2: "NEW"} == statuses(store)

    store.promote(TITLE, 2, 2000, with_tag=False)
    expired = store.expire(TITLE, 1)

    assert expired
    assert {1: "EXPIRED", 2: "ACTIVE"} == statuses(store)
    assert [2] == versions(store)
    assert not store.expire(TITLE, 1)


def test_a_promotion_told_twice_is_noted_once_with_its_proof(store: SealedKeyStore) -> None:
    add(store, row())
    for _ in range(2):
        store.promote(TITLE, 1, 1000, with_tag=False)
    store.promote(OTHER, 1, 1000, with_tag=True)
    noted = [entry for entry in store.journal() if entry.what == "promote"]

    assert [(1000, "alice@desk", "promote", TITLE, 1, "verified without a tag")] == noted


def test_replaced_versions_expire_together_once_they_are_old_enough(store: SealedKeyStore) -> None:
    add(store, row(), row(version=2, key=2), row(version=3, key=3), row(OTHER))
    store.promote(TITLE, 2, 5000, with_tag=True)

    assert [0, 1, 0] == [store.expire_replaced(before) for before in (4999, 5000, 5000)]
    assert [3, 2] == versions(store)


def test_a_ring_changes_with_imports_expiries_and_resets_but_not_with_promotions(
    store: SealedKeyStore, database: Database
) -> None:
    operator = reopened(database)
    at_first = store.changed()
    seen = []
    for act in (
        lambda: add(operator, row(), row(version=2, key=2)),
        lambda: operator.promote(TITLE, 1, 1, with_tag=True),
        lambda: operator.reveal(TITLE, 1),
        lambda: operator.expire(TITLE, 1),
        lambda: operator.reset_counter(TITLE, "serviced"),
        lambda: operator.rewrap(lambda done: None),
    ):
        store.load()
        act()
        seen.append(store.changed())
    store.load()

    assert [True, False, False, True, True, True] == seen
    assert (True, False) == (at_first, store.changed())


def test_what_was_opened_once_is_not_opened_again(store: SealedKeyStore, monkeypatch: pytest.MonkeyPatch) -> None:
    add(store, row())
    before = store.load().of(TITLE)
    opened: list[Place] = []
    honest = KEK.open

    def watched(sealed: Any) -> Any:
        opened.extend(place for place, _ in sealed)
        return honest(sealed)

    add(store, row(OTHER, authentication=None))
    monkeypatch.setattr(KEK, "open", watched)
    after = store.load()

    assert before[0].keys is after.of(TITLE)[0].keys
    assert [(OTHER, "encryption", 1)] == opened


def test_a_reset_gives_every_version_of_that_meter_a_fresh_series(store: SealedKeyStore) -> None:
    add(store, row(), row(OTHER))
    before = store.load()
    done, unknown = store.reset_counter(TITLE, "main board changed"), store.reset_counter("00" * 8, "who?")
    after = store.load()
    kcv = check_value(row().encryption_key)

    assert (True, False) == (done, unknown)
    assert (kcv + b"\x00", kcv + b"\x01") == (before.of(TITLE)[0].series, after.of(TITLE)[0].series)
    assert before.of(OTHER)[0].series == after.of(OTHER)[0].series


@pytest.mark.parametrize("title", [TITLE[:4], "%", ""])
def test_a_part_of_a_title_names_no_meter(store: SealedKeyStore, title: str) -> None:
    add(store, row())

    assert (False, False, None) == (store.expire(title, 1), store.reset_counter(title, "typo"), store.reveal(title, 1))
    assert ["import"] == [entry.what for entry in store.journal()]


def test_every_act_of_a_person_is_in_the_journal(store: SealedKeyStore) -> None:
    add(store, row(), row(version=2, key=2))
    store.reset_counter(TITLE, "serviced")
    revealed = store.reveal(TITLE, 1)
    store.expire(TITLE, 1)
    store.rewrap(lambda done: None)

    assert revealed is not None
    assert row().encryption_key == revealed.encryption
    assert store.reveal(OTHER, 1) is None
    assert [
        ("import", None, None, "2 keys from keys.csv"),
        ("reset", TITLE, None, "serviced"),
        ("reveal", TITLE, 1, ""),
        ("expire", TITLE, 1, ""),
        ("rewrap", None, None, "2 keys"),
    ] == [entry[2:] for entry in store.journal()]
    assert {"alice@desk"} == {entry.who for entry in store.journal()}


@pytest.mark.parametrize(
    "tampering",
    [
        "UPDATE meter_keys SET version = 9",
        "UPDATE meter_keys SET encryption_kcv = authentication_kcv",
        "DELETE FROM meter_keys",
        "UPDATE key_journal SET who = 'nobody'",
        "DELETE FROM key_journal",
        "INSERT INTO key_journal (at, who, what, detail) VALUES (1, 'me', 'invented', '')",
    ],
)
def test_rows_stay_and_the_journal_only_grows(store: SealedKeyStore, database: Database, tampering: str) -> None:
    add(store, row())
    before = (store.listed(), store.journal())

    with pytest.raises(KeyStoreError):
        database.write([(tampering, [()])])
    assert before == (store.listed(), store.journal())


def test_two_operators_cannot_add_the_same_version(store: SealedKeyStore, database: Database) -> None:
    """The second found the store without it, and comes to write after the first."""
    slow = reopened(database)

    with pytest.raises(KeyStoreError):
        slow.add([row(key=2)], "keys.csv", lambda done: done or add(store, row()))
    assert row().encryption_key == store.load().of(TITLE)[0].keys.encryption


def test_nothing_of_a_sealed_key_stands_in_the_database(store: SealedKeyStore, database: Database) -> None:
    add(store, row())
    ((encryption, authentication),) = database.read("SELECT encryption, authentication FROM meter_keys")

    assert row().encryption_key[:4] not in encryption
    assert b"\x41" * 4 not in authentication
