from __future__ import annotations

from pathlib import Path

import pytest

from stream_app.keys.csv_file import CsvKeyStore
from stream_app.keys.ring import KeyStoreError, check_value

TITLE = "4C475A1030A1B2C3"
HEAD = "system_title,encryption_key,authentication_key,key_version\n"
OTHER = "4B464D0005F5E101"
OLD, NEW, AK = "11" * 16, "22" * 16, "44" * 16
STRAY = f'system_title,encryption_key,comment\n{TITLE},{OLD},"hall 2\n{OTHER},{NEW},\n'


def test_every_version_is_held_newest_first(tmp_path: Path) -> None:
    file = tmp_path / "keys.csv"
    file.write_text(HEAD + f"{TITLE},{OLD},{AK},1\n{TITLE},{NEW},{AK},2\n")

    assert [2, 1] == [held.keys.version for held in CsvKeyStore(file).load().of(TITLE)]


def test_a_new_authentication_key_continues_the_series_of_its_encryption_key(tmp_path: Path) -> None:
    file = tmp_path / "keys.csv"
    file.write_text(HEAD + f"{TITLE},{OLD},{AK},1\n{TITLE},{OLD},{NEW},2\n")
    second, first = CsvKeyStore(file).load().of(TITLE)

    assert first.series == second.series == check_value(first.keys.encryption) + b"\x00"


def test_a_changed_file_is_noticed_and_an_unchanged_one_not_read_again(tmp_path: Path) -> None:
    file = tmp_path / "keys.csv"
    file.write_text(HEAD + f"{TITLE},{OLD},{AK},1\n")
    store = CsvKeyStore(file)
    before = store.changed()
    store.load()
    unchanged = store.changed()
    file.write_text(HEAD + f"{TITLE},{OLD},{AK},1\n{TITLE},{NEW},{AK},2\n")

    assert (True, False, True) == (before, unchanged, store.changed())


@pytest.mark.parametrize(
    "text",
    [
        None,
        "no,such\ncolumns,here\n",
        HEAD + f"{TITLE},{OLD[:-2]},{AK},1\n",
        STRAY,
        STRAY + f"{OTHER},{NEW},\n" * 3000,
    ],
    ids=["no-file", "other-columns", "short-key", "stray-quote", "stray-quote-in-a-long-list"],
)
def test_a_file_that_cannot_be_read_says_so_without_its_keys(tmp_path: Path, text: str | None) -> None:
    file = tmp_path / "keys.csv"
    if text is not None:
        file.write_text(text)

    with pytest.raises(KeyStoreError) as refusal:
        CsvKeyStore(file).load()
    assert str(file) in str(refusal.value)
    assert OLD[:-2] not in str(refusal.value)


def test_each_problem_of_a_list_is_told_with_its_file(tmp_path: Path) -> None:
    file = tmp_path / "keys.csv"
    file.write_text("title,ek\n4C,00\n")

    with pytest.raises(KeyStoreError) as refusal:
        CsvKeyStore(file).load()
    told = [
        f"{file}: line 2: {what} octets in hex digits" for what in ("system_title is not 8", "encryption_key is not 16")
    ]
    assert told == str(refusal.value).splitlines()
