"""What a sealed store needs of a database: two answers, SQLite and PostgreSQL."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Protocol

Step = tuple[str, Iterable[Sequence[Any]]]  # a statement and the rows it is executed with


class Database(Protocol):
    """Statements have ``?`` for parameters. Each call is a transaction; all raise ``KeyStoreError``."""

    def prepare(self) -> None:
        """Make the tables where there are none."""

    def read(self, statement: str, *parameters: Any) -> list[tuple[Any, ...]]:
        """The rows of a query."""

    def write(self, steps: Iterable[Step]) -> None:
        """All of the steps or none; they may be made while they are written. Writers come one after the other, so that
        a row with a lower id is never seen later than one with a higher."""
