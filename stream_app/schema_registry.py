"""Schema ids from a schema registry (Confluent's REST API v1, which Karapace and Apicurio speak too).

Workers only look up; ``cipstream topics apply --register-schemas`` registers.
"""

from __future__ import annotations

import base64
import json
import ssl
from typing import Any
from urllib.error import HTTPError, URLError
from urllib.parse import quote
from urllib.request import Request, urlopen

from stream_app.avro import SCHEMAS, SchemaIds, committed_ids, subjects
from stream_app.settings import SchemaRegistry, Settings
from stream_app.topics import Topics

TIMEOUT_S = 15
COMPATIBILITY = "FULL_TRANSITIVE"


class SchemaRegistryError(Exception):
    """The registry is not reachable, refuses, or does not hold a schema as it stands in ``schemas/``."""


def schema_ids(settings: Settings) -> SchemaIds:
    """The ids to write with: the registry's if one is configured, else the committed ones.

    Raises ``SchemaRegistryError``.
    """
    if settings.schema_registry.url is None:
        return committed_ids()
    return look_up(settings.schema_registry, settings.topic_names())


def look_up(registry: SchemaRegistry, topics: Topics) -> SchemaIds:
    """The ids of today's schemas, and every version there is, because topics still hold older ones.

    Among them those written under the committed ids, before there was a registry.
    """
    written, older, missing = {}, dict(committed_ids().older), []
    for name, subject in subjects(topics).items():
        found = _call(registry, "POST", f"subjects/{quote(subject)}", {"schema": _text(name)})
        if found is None:
            missing.append(subject)
            continue
        written[name] = found["id"]
        for version in _call(registry, "GET", f"subjects/{quote(subject)}/versions") or []:
            known = _call(registry, "GET", f"subjects/{quote(subject)}/versions/{version}") or {}
            older[known["id"]] = json.loads(known["schema"])
    if missing:
        raise SchemaRegistryError(
            f"not registered as in schemas/: {', '.join(missing)}; `cipstream topics apply --register-schemas` does it"
        )
    return SchemaIds(written, older)


def register(registry: SchemaRegistry, topics: Topics) -> SchemaIds:
    """Register every schema under its subject, to be compatible in both directions with all before it."""
    for name, subject in subjects(topics).items():
        _call(registry, "PUT", f"config/{quote(subject)}", {"compatibility": COMPATIBILITY})
        _call(registry, "POST", f"subjects/{quote(subject)}/versions", {"schema": _text(name)})
    return look_up(registry, topics)


def _text(name: str) -> str:
    return (SCHEMAS / f"{name}.avsc").read_text("utf-8")


def _call(registry: SchemaRegistry, method: str, path: str, body: dict[str, str] | None = None) -> Any:
    """The answer's JSON; None for 404."""
    url = f"{(registry.url or '').rstrip('/')}/{path}"
    headers = {"Content-Type": "application/vnd.schemaregistry.v1+json"}
    if registry.username and registry.password_file:
        credentials = f"{registry.username}:{registry.password_file.read_text('utf-8').rstrip()}"
        headers["Authorization"] = "Basic " + base64.b64encode(credentials.encode()).decode()
    request = Request(url, json.dumps(body).encode() if body else None, headers, method=method)
    context = ssl.create_default_context(cafile=registry.ca_file) if url.startswith("https:") else None
    try:
        with urlopen(request, timeout=TIMEOUT_S, context=context) as answer:
            return json.load(answer)
    except HTTPError as error:
        if error.code == 404:
            return None
        raise SchemaRegistryError(f"{method} {url}: {error.code} {error.read(300).decode(errors='replace')}") from error
    except (URLError, TimeoutError, ValueError) as error:
        raise SchemaRegistryError(f"{method} {url}: {error}") from error
