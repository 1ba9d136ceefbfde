"""A key-encryption key that never leaves Vault or OpenBao: their transit engine seals and opens, in batches.

The key's type must be AEAD (``aes256-gcm96``, the engine's default), so that the place is bound. Transit has versions
of its own; it opens all that its ``min_decryption_version`` allows.
"""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, Final

import hvac
from hvac.exceptions import VaultError
from requests.exceptions import RequestException

from stream_app.keys.envelope import Place, does_not_open
from stream_app.keys.ring import KeyStoreError

BATCH: Final = 240  # keys a request: OpenBao refuses JSON with more than 1000 strings, and a key with its place is four
TIMEOUT_S: Final = 10


class TransitKek:
    """The key ``name`` of the engine mounted at ``mount``. The token's file is read for every call: agents renew it."""

    def __init__(self, url: str, mount: str, name: str, token_file: Path, ca_file: Path | None) -> None:
        self.id = f"{mount}/{name}"
        self._mount = mount
        self._name = name
        self._token_file = token_file
        self._client = hvac.Client(url=url, verify=str(ca_file) if ca_file else True, timeout=TIMEOUT_S)

    def seal(self, keys: Sequence[tuple[Place, bytes]]) -> list[bytes]:
        """See ``Kek``."""
        call = self._client.secrets.transit.encrypt_data
        items = [(place, "plaintext", base64.b64encode(key).decode()) for place, key in keys]
        return [found["ciphertext"].encode() for found in self._batches(call, items)]

    def open(self, sealed: Sequence[tuple[Place, bytes]]) -> list[bytes]:
        """See ``Kek``."""
        call = self._client.secrets.transit.decrypt_data
        items = [(place, "ciphertext", data.decode("ascii", "replace")) for place, data in sealed]
        return [base64.b64decode(found["plaintext"]) for found in self._batches(call, items)]

    def _batches(self, call: Callable[..., Any], items: Sequence[tuple[Place, str, str]]) -> Iterator[dict[str, str]]:
        for start in range(0, len(items), BATCH):
            batch = items[start : start + BATCH]
            results = self._results(call, batch)
            for (place, _, _), found in zip(batch, results, strict=True):
                if found.get("error"):
                    raise does_not_open(place, self.id)
                yield found

    def _results(self, call: Callable[..., Any], batch: Sequence[tuple[Place, str, str]]) -> list[dict[str, str]]:
        """The answers to one request. hvac's own errors can hold plaintexts, so none is kept as cause or context."""
        associated = [base64.b64encode(place.associated()).decode() for place, _, _ in batch]
        wanted = [
            {field: value, "associated_data": data} for (_, field, value), data in zip(batch, associated, strict=True)
        ]
        try:
            self._client.token = self._token_file.read_text("utf-8").strip()
            answer = call(self._name, batch_input=wanted, mount_point=self._mount)
            return list(answer["data"]["batch_results"])
        except VaultError as error:
            if results := ((error.json or {}).get("data") or {}).get("batch_results"):
                return list(results)  # 400, because one of them could not be opened: it says which
            reason = f"{type(error).__name__}: {', '.join(error.errors or [])}"
        except (RequestException, OSError) as error:
            reason = type(error).__name__
        except (TypeError, KeyError):  # hvac hands on a page that is no JSON: a proxy's
            reason = "what answers there is no transit engine"
        raise KeyStoreError(f"transit {self.id}: {reason}")
