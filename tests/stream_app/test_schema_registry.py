"""Schema ids from a registry, spoken to over HTTP: the double keeps to Confluent's REST API v1."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pytest

from stream_app.avro import committed_ids, load_codecs, read_schema, subjects
from stream_app.records import Event
from stream_app.schema_registry import SchemaRegistryError, look_up, register, schema_ids
from stream_app.settings import SchemaRegistry, Settings
from stream_app.topics import Topics

TOPICS = Topics("zev")


class Double(ThreadingHTTPServer):
    """A registry in memory; ids count from 101, one per text."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.versions: dict[str, list[str]] = {}
        self.compatibility: dict[str, str] = {}
        self.credentials: set[str | None] = set()
        self.texts: list[str] = []

    @property
    def settings(self) -> SchemaRegistry:
        return SchemaRegistry(url=f"http://127.0.0.1:{self.server_address[1]}")

    def id_of(self, text: str) -> int:
        if text not in self.texts:
            self.texts.append(text)
        return 101 + self.texts.index(text)

    def answer(self, method: str, path: list[str], body: Any) -> Any:
        """What the API answers, None for 404."""
        if path[0] == "config":
            return self.compatibility.update({path[1]: body["compatibility"]}) or body
        held = self.versions.get(path[1], [])
        if path[2:] == ["versions"] and method == "POST":
            self.versions.setdefault(path[1], []).append(body["schema"])
            return {"id": self.id_of(body["schema"])}
        if path[2:] == ["versions"]:
            return list(range(1, len(held) + 1))
        text = body["schema"] if method == "POST" else held[int(path[3]) - 1]
        return {"id": self.id_of(text), "schema": text} if text in held else None


class Handler(BaseHTTPRequestHandler):
    server: Double

    def do_POST(self) -> None:
        length = int(self.headers.get("Content-Length") or 0)
        body = json.loads(self.rfile.read(length)) if length else None
        self.server.credentials.add(self.headers.get("Authorization"))
        answer = self.server.answer(self.command, [unquote(part) for part in self.path.split("/")[1:]], body)
        data = json.dumps({"error_code": 40403} if answer is None else answer).encode()
        self.send_response(404 if answer is None else 200)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    do_GET = do_PUT = do_POST  # noqa: N815 - the names http.server looks for

    def log_message(self, *_: object) -> None:
        """Nothing on stderr."""


@pytest.fixture
def registry() -> Iterator[Double]:
    with Double() as double:
        thread = threading.Thread(target=double.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield double
        double.shutdown()
        thread.join()


def test_without_a_registry_the_committed_ids_hold_under_any_prefix() -> None:
    assert committed_ids() == schema_ids(Settings(kafka={"prefix": "zev"}))


def test_what_was_registered_is_looked_up_and_written_with(registry: Double) -> None:
    registered = register(registry.settings, TOPICS)
    ids = look_up(registry.settings, TOPICS)

    assert registered == ids
    assert list(subjects(TOPICS).values()) == list(registry.versions)
    assert {"FULL_TRANSITIVE"} == set(registry.compatibility.values())
    assert load_codecs(ids).events.schema_id == ids.written["Event"] >= 101


def test_looking_up_registers_nothing_and_names_what_is_missing(registry: Double) -> None:
    register(registry.settings, TOPICS)
    del registry.versions["zev.balances.v1-value"]

    with pytest.raises(SchemaRegistryError, match=r"zev\.balances\.v1-value;"):
        look_up(registry.settings, TOPICS)
    assert "zev.balances.v1-value" not in registry.versions


def test_records_written_with_an_older_registered_schema_are_read(registry: Double) -> None:
    older = read_schema("Event")
    older["fields"] = older["fields"][:-1]
    registry.versions["zev.events.v1-value"] = [json.dumps(older)]
    codec = load_codecs(register(registry.settings, TOPICS)).events
    older_id = registry.id_of(json.dumps(older))
    value = codec.encode(Event("a", 5, "data.gap", "INFO", "quiet"))

    assert codec.decode(b"\x00" + older_id.to_bytes(4, "big") + value[5:-1]) == codec.decode(value)


def test_records_written_before_there_was_a_registry_are_read(registry: Double) -> None:
    event = Event("a", 5, "data.gap", "INFO", "quiet")

    assert event == load_codecs(register(registry.settings, TOPICS)).events.decode(load_codecs().events.encode(event))


def test_credentials_come_from_the_password_file(registry: Double, tmp_path: Path) -> None:
    (tmp_path / "password").write_text("hunter2\n")
    settings = SchemaRegistry(url=registry.settings.url, username="me", password_file=tmp_path / "password")
    register(settings, TOPICS)

    assert {"Basic bWU6aHVudGVyMg=="} == registry.credentials


def test_a_registry_that_does_not_answer_is_an_error_of_its_own(registry: Double) -> None:
    settings = registry.settings
    registry.shutdown()
    registry.server_close()

    with pytest.raises(SchemaRegistryError, match="refused"):
        look_up(settings, TOPICS)
