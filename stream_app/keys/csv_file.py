"""Keys straight from the list a grid operator hands out: for first steps and tests. Fleets use the sealed store."""

from __future__ import annotations

from pathlib import Path

from stream_app.keys.key_rows import KeyRowsError, read_key_file
from stream_app.keys.ring import KeyRing, KeyStoreError


class CsvKeyStore:
    """A key file, read whole whenever it changes."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._seen: tuple[int, int, int] | None = None

    def changed(self) -> bool:
        """See ``KeyStore``."""
        return self._stamp() != self._seen

    def load(self) -> KeyRing:
        """See ``KeyStore``."""
        self._seen = self._stamp()
        try:
            rows = read_key_file(self._path)
        except (OSError, KeyRowsError) as error:
            raise KeyStoreError("\n".join(f"{self._path}: {line}" for line in str(error).splitlines())) from error
        return KeyRing((row.system_title, row.keys()) for row in rows)

    def promote(self, title: str, version: int, at: int, with_tag: bool) -> None:
        """See ``KeyStore``. The list is the operator's: nothing is written into it."""

    def _stamp(self) -> tuple[int, int, int] | None:
        try:
            stat = self._path.stat()
        except OSError:
            return None
        return stat.st_mtime_ns, stat.st_size, stat.st_ino
