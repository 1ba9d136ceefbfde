"""No key material in what the store and its commands say, whatever goes wrong."""

from __future__ import annotations

import base64
import io
import logging
import logging.config
import traceback
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import structlog
from typer.testing import CliRunner

from stream_app.commands import keys as commands
from stream_app.dlms.cipher import AuthenticationKey, EncryptionKey
from stream_app.keys.csv_file import CsvKeyStore
from stream_app.keys.database import Database
from stream_app.keys.envelope import AesKek
from stream_app.keys.kek import read_keks
from stream_app.keys.key_rows import KeyRow, KeyRowsError, read_key_file, read_key_rows
from stream_app.keys.ring import KeyRing, KeyStoreError
from stream_app.keys.sealed import SealedKeyStore
from stream_app.keys.store import open_store
from stream_app.logs import log_config
from stream_app.settings import Keys
from tests.stream_app.ingest_harness import Meter
from tests.stream_app.keys.conftest import OTHER, TITLE, add, reopened
from tests.stream_app.secrets import leaks

ENCRYPTION = bytes.fromhex("c0ffee11d00dfeed22cafebabe33f00d")
AUTHENTICATION = bytes.fromhex("f1e2d3c4b5a6978869fadecade77beef")
KEK_OCTETS = bytes.fromhex("5eed" * 8 + "ba5eba11" * 4)
SECRETS = (ENCRYPTION, AUTHENTICATION, KEK_OCTETS)
KEK = AesKek("2026", KEK_OCTETS)
ROW = KeyRow(TITLE, EncryptionKey(ENCRYPTION), AuthenticationKey(AUTHENTICATION), 1, None, "", "line 2")
HEAD = "system_title,encryption_key,authentication_key,key_version\n"
LINE = f"{TITLE},{ENCRYPTION.hex()},{AUTHENTICATION.hex()},1\n"


@pytest.fixture
def store(database: Database) -> SealedKeyStore:
    sealed = reopened(database, KEK)
    add(sealed, ROW)
    return sealed


@pytest.fixture
def logged() -> Iterator[io.StringIO]:
    stream = io.StringIO()
    logging.config.dictConfig(log_config(stream))
    yield stream
    structlog.reset_defaults()
    logging.root.handlers.clear()


def broken(store: SealedKeyStore, folder: Path) -> dict[str, Callable[[], Any]]:
    """Every way for the store to fail, with the secrets in hand."""
    database = store._database
    no_list, no_kek, no_text = folder / "list", folder / "kek", folder / "octets"
    no_list.write_text(HEAD + LINE + LINE + LINE.replace(",1\n", f",{AUTHENTICATION.hex()}\n"))
    no_kek.write_text(KEK_OCTETS.hex())
    no_text.write_bytes(b"\xff" + LINE.encode() + KEK_OCTETS)
    no_text.chmod(0o600)  # or a warning comes with the refusal
    other = ROW._replace(encryption_key=EncryptionKey(AUTHENTICATION))

    def swapped() -> KeyRing:
        database.write([("UPDATE meter_keys SET encryption = authentication", [()])])
        return store.load()

    return {
        "another-key": lambda: add(store, other),
        "twice": partial(database.write, [("INSERT INTO meter_keys SELECT * FROM meter_keys", [()])]),
        "wrong-kek": lambda: reopened(database, AesKek("2026", KEK_OCTETS[::-1])).load(),
        "no-such-kek": lambda: reopened(database, AesKek("2025", KEK_OCTETS[::-1])).load(),
        "no-kek": lambda: read_keks(no_kek.read_text(), "kek"),
        "short-kek": lambda: read_keks(f"a {KEK_OCTETS.hex()[:-2]}", "kek"),
        "bad-list": lambda: read_key_rows(no_list.read_text()),
        "bad-list-watched": lambda: CsvKeyStore(no_list).load(),
        "list-without-head": lambda: read_key_rows(LINE),
        "json-cut-short": lambda: read_key_rows(f'[{{"title": "{TITLE}", "EK": "{ENCRYPTION.hex()}"'),
        "quotation-mark": lambda: read_key_rows(f'title,EK,comment\n{TITLE},{ENCRYPTION.hex()},"x\n{LINE}'),
        "key-as-comment": lambda: read_key_rows(f"title,EK,note\n{TITLE},{ENCRYPTION.hex()},{AUTHENTICATION.hex()}"),
        "no-text": lambda: read_key_file(no_text),
        "no-text-watched": lambda: CsvKeyStore(no_text).load(),
        "kek-is-no-text": lambda: open_store(Keys(sqlite=folder / "other.db", kek_file=no_text), {}),
        "key-too-long": lambda: read_key_rows(f"title,EK\n{TITLE},{ENCRYPTION.hex()}ff\n"),
        "bad-statement": partial(database.write, [("UPDATE meter_keys SET title = ?", [(ENCRYPTION.hex(),)])]),
        "not-null": partial(database.write, [("INSERT INTO meter_keys (title, comment) VALUES (?, ?)", [(TITLE, "")])]),
        "swapped": swapped,
    }


def told(error: BaseException) -> str:
    """All that a log or a crash report may show of an error, its causes and contexts included."""
    words = "".join(traceback.format_exception(error))
    chain: BaseException | None = error
    while chain is not None:
        words += f"{chain!r} {chain} {chain.args} {vars(chain)}"
        chain = chain.__cause__ or chain.__context__
    return words


def test_no_failure_of_the_store_tells_a_key(store: SealedKeyStore, tmp_path: Path, logged: io.StringIO) -> None:
    failures = broken(store, tmp_path)
    for name, act in failures.items():
        with pytest.raises((KeyStoreError, KeyRowsError)) as refusal:
            act()
        structlog.get_logger("keys").error("cannot be read", reason=str(refusal.value))
        logging.getLogger("library").error("failed", exc_info=refusal.value)

        assert [] == leaks(told(refusal.value), SECRETS), name
    assert 2 * len(failures) == len(logged.getvalue().splitlines())
    assert [] == leaks(logged.getvalue(), SECRETS)


def test_nothing_that_holds_keys_shows_them(store: SealedKeyStore) -> None:
    ring = store.load()
    (held,) = ring.of(TITLE)
    keks = read_keks(f"a {KEK_OCTETS.hex()}", "kek")
    shown = [ROW, held, held.keys, ring, store, KEK, keks, store._keks, vars(store), store.listed(), store.journal()]

    assert [] == leaks("".join(f"{one!r} {one}" for one in shown), SECRETS)


def test_nothing_at_rest_tells_a_key(store: SealedKeyStore, tmp_path: Path) -> None:
    rows = [store._database.read(f"SELECT * FROM {table}") for table in ("meter_keys", "key_journal")]
    files = b"".join(file.read_bytes() for file in tmp_path.glob("keys.db*"))

    assert [] == leaks(repr(rows), SECRETS) + leaks(files, SECRETS)


def test_no_command_but_reveal_tells_a_key(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CIP_KEYS__SQLITE", str(tmp_path / "keys.db"))
    monkeypatch.setenv("CIP_KEK", f"2026 {KEK_OCTETS.hex()}")
    (tmp_path / "good.csv").write_text(HEAD + LINE)
    (tmp_path / "bad.csv").write_text(HEAD + LINE + LINE.replace(TITLE, ENCRYPTION.hex()))
    (tmp_path / "other.csv").write_text(HEAD + f"{TITLE},{AUTHENTICATION.hex()},{ENCRYPTION.hex()},1\n")
    (tmp_path / "capture").write_bytes(Meter(TITLE, ENCRYPTION).apdu(1, 1_774_746_000_000))
    calls = f"""import good.csv|import good.csv|import bad.csv|import other.csv|list|journal|test capture --link apdu
        reveal {TITLE} 1|reveal {OTHER} 1 --show-key|rewrap|reset-counter {TITLE} --reason serviced
        expire {TITLE} 1|expire {TITLE} 1|expire|expire {ENCRYPTION.hex()} 1|list {TITLE}|--help|worker"""
    monkeypatch.chdir(tmp_path)
    output = ""
    for call in calls.replace("\n", "|").split("|"):
        result = CliRunner().invoke(commands.app, call.split())
        output += result.output + repr(result.exception) + "".join(traceback.format_exception(result.exception))
    revealed = CliRunner().invoke(commands.app, ["reveal", TITLE, "1", "--show-key"])

    assert [] == leaks(output, SECRETS)
    assert leaks(revealed.output, SECRETS)


@pytest.mark.parametrize("spelling", [bytes.hex, repr, lambda key: base64.b64encode(b"a:" + key).decode(), bytes])
def test_the_search_itself_finds_keys(spelling: Callable[[bytes], str | bytes]) -> None:
    assert leaks(spelling(ENCRYPTION), SECRETS)
