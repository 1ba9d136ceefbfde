"""The transit engine of a real OpenBao."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import hvac
import pytest
from hvac.exceptions import VaultError

from stream_app.keys.envelope import Keks, Place
from stream_app.keys.ring import KeyStoreError
from stream_app.keys.sealed import SealedKeyStore
from stream_app.keys.sqlite import SqliteDatabase
from stream_app.keys.transit import BATCH, TransitKek
from tests.stream_app.keys.conftest import KEK, OTHER, TITLE, add, reopened, row

TOKEN = "root-of-the-tests"
PLACE = Place(TITLE, "encryption", 1)
SECRET = b"SIXTEEN OCTETS !"


@pytest.fixture(scope="session")
def openbao(tmp_path_factory: pytest.TempPathFactory) -> Iterator[hvac.Client]:
    """A server in memory with the transit engine and a key for cipstream; a client of its administrator."""
    home = tmp_path_factory.mktemp("openbao")
    with socket.create_server(("127.0.0.1", 0)) as free:
        address = f"127.0.0.1:{free.getsockname()[1]}"
    command = [str(Path(sys.executable).with_name("bao")), "server", "-dev", "-dev-no-store-token"]
    command += [f"-dev-root-token-id={TOKEN}", f"-dev-listen-address={address}"]
    with (home / "log").open("wb") as log:
        server = subprocess.Popen(command, env={**os.environ, "HOME": str(home)}, stdout=log, stderr=log)
    client = hvac.Client(url=f"http://{address}", token=TOKEN)
    try:
        wait_until_unsealed(client)
        client.sys.enable_secrets_engine("transit")
        client.secrets.transit.create_key("cipstream")
        yield client
    finally:
        server.terminate()
        server.wait()


def wait_until_unsealed(client: hvac.Client) -> None:
    deadline = time.monotonic() + 60
    while True:
        try:
            if not client.sys.is_sealed():
                return
        except (OSError, VaultError):
            if time.monotonic() > deadline:
                raise
        time.sleep(0.05)


@pytest.fixture
def token_file(tmp_path: Path) -> Path:
    file = tmp_path / "token"
    file.write_text(TOKEN + "\n")
    return file


@pytest.fixture
def kek(openbao: hvac.Client, token_file: Path) -> TransitKek:
    return TransitKek(openbao.url, "transit", "cipstream", token_file, None)


def told(error: BaseException | None) -> str:
    """All that a crash report could show of an error: messages, attributes, causes and contexts."""
    words = ""
    while error is not None:
        words += f"{error!r} {error} {vars(error)}"
        error = error.__cause__ or error.__context__
    return words


def test_more_keys_than_a_request_takes_come_back_in_order(kek: TransitKek, tmp_path: Path) -> None:
    store = SealedKeyStore(SqliteDatabase(tmp_path / "keys.db"), Keks([kek]), "alice@desk")
    rows = [row(f"{number:016X}", key=number % 255 + 1) for number in range(1, BATCH + 10)]
    add(store, *rows)
    ring = store.load()

    assert [given.encryption_key for given in rows] == [
        ring.of(given.system_title)[0].keys.encryption for given in rows
    ]


def test_an_envelope_in_another_place_is_named_and_the_others_are_not_told(kek: TransitKek) -> None:
    other = Place(OTHER, "encryption", 1)
    first, second = kek.seal([(PLACE, SECRET), (PLACE, SECRET)])

    with pytest.raises(KeyStoreError, match=f"encryption key of {OTHER} version 1 does not open") as refusal:
        kek.open([(PLACE, first), (other, second)])
    assert not any(secret in told(refusal.value) for secret in ("SIXTEEN", "U0lYVEVFTiBPQ1RFVFMgIQ", TOKEN))


@pytest.mark.parametrize("sealed", [b"", b"vault:v1:", b"vault:v9:AAAA", b"\xff\x00"])
def test_what_is_no_ciphertext_is_named(kek: TransitKek, sealed: bytes) -> None:
    with pytest.raises(KeyStoreError, match=f"encryption key of {TITLE} version 1 does not open"):
        kek.open([(PLACE, sealed)])


def test_a_token_that_is_not_good_is_refused_and_a_renewed_one_used(kek: TransitKek, token_file: Path) -> None:
    token_file.write_text("stolen-token")
    with pytest.raises(KeyStoreError, match=r"^transit transit/cipstream: Forbidden") as refusal:
        kek.seal([(PLACE, SECRET)])
    token_file.write_text(TOKEN)

    assert [SECRET] == kek.open([(PLACE, sealed) for sealed in kek.seal([(PLACE, SECRET)])])
    assert not any(secret in told(refusal.value) for secret in ("stolen", TOKEN, "SIXTEEN", "U0lYVEVFTiBPQ1RFVFMgIQ"))


def test_an_engine_that_does_not_answer_or_has_no_such_key_is_named(openbao: hvac.Client, token_file: Path) -> None:
    nowhere = TransitKek("http://127.0.0.1:1", "transit", "cipstream", token_file, None)
    unknown = TransitKek(openbao.url, "transit", "unknown", token_file, None)

    with pytest.raises(KeyStoreError, match="transit transit/cipstream: ConnectionError"):
        nowhere.seal([(PLACE, SECRET)])
    with pytest.raises(KeyStoreError, match="transit transit/unknown: InvalidRequest"):
        unknown.open([(PLACE, b"vault:v1:AAAA")])


@pytest.mark.parametrize("page", [b"<html>please log in</html>", b"{}", b'{"data": null}'])
def test_a_proxy_that_answers_in_the_engines_place_is_named(token_file: Path, page: bytes) -> None:
    class Proxy(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.send_response(200)
            self.end_headers()
            self.wfile.write(page)

    with HTTPServer(("127.0.0.1", 0), Proxy) as proxy:
        Thread(target=proxy.handle_request, daemon=True).start()
        kek = TransitKek(f"http://127.0.0.1:{proxy.server_port}", "transit", "cipstream", token_file, None)
        with pytest.raises(KeyStoreError, match="transit transit/cipstream: what answers there is no transit engine"):
            kek.open([(PLACE, b"vault:v1:AAAA")])


def test_nothing_is_sealed_by_an_engine_that_does_not_open_what_stands_there(
    openbao: hvac.Client, kek: TransitKek, token_file: Path, tmp_path: Path
) -> None:
    database = SqliteDatabase(tmp_path / "keys.db")
    add(SealedKeyStore(database, Keks([kek]), "alice@desk"), row())
    openbao.secrets.transit.create_key("elsewhere")
    elsewhere = TransitKek(openbao.url, "transit", "elsewhere", token_file, None)
    elsewhere.id = kek.id

    with pytest.raises(KeyStoreError, match=f"encryption key of {TITLE} version 1 does not open under KEK"):
        add(SealedKeyStore(database, Keks([elsewhere]), "alice@desk"), row(OTHER))
    assert [TITLE] == list(SealedKeyStore(database, Keks([kek]), "alice@desk").load())


def test_keys_move_from_a_file_kek_to_the_engine_and_to_its_next_version(
    openbao: hvac.Client, kek: TransitKek, tmp_path: Path
) -> None:
    database = SqliteDatabase(tmp_path / "keys.db")
    add(reopened(database, KEK), row())
    both: Any = [kek, KEK]
    SealedKeyStore(database, Keks(both), "alice@desk").rewrap(lambda done: None)
    store = SealedKeyStore(database, Keks([kek]), "alice@desk")
    before = database.read("SELECT encryption FROM meter_keys")
    openbao.secrets.transit.rotate_key("cipstream")
    opened = store.load().of(TITLE)[0].keys.encryption
    store.rewrap(lambda done: None)
    after = database.read("SELECT encryption FROM meter_keys")

    assert row().encryption_key == opened == store.load().of(TITLE)[0].keys.encryption
    assert before[0][0].split(b":")[1] < after[0][0].split(b":")[1]
