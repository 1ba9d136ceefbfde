"""A table into a file, row by row: CSV with times in ISO 8601, or Parquet.

A file appears under its name only when it is whole.
"""

from __future__ import annotations

import csv
from collections.abc import Callable
from enum import Enum
from pathlib import Path
from typing import Final

from stream_app.energy.site import instant
from stream_app.export.tables import Table


class Format(Enum):
    """A kind of file; the value is its suffix."""

    CSV = "csv"
    PARQUET = "parquet"


def write(table: Table, path: Path, form: Format) -> None:
    """Write ``table`` to ``path``, in the place of an earlier file. Raises ``OSError`` that names ``path``."""
    unfinished = path.with_name(f".{path.name}.part")
    try:
        WRITERS[form](table, unfinished)
        unfinished.replace(path)
    except OSError as error:
        raise OSError(error.errno, error.strerror or str(error), str(path)) from error
    finally:
        unfinished.unlink(missing_ok=True)


def _write_csv(table: Table, path: Path) -> None:
    times = [n for n, column in enumerate(table.columns) if column.type == "time"]
    flags = [n for n, column in enumerate(table.columns) if column.type == "flag"]
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow([column.name for column in table.columns])
        for row in table.rows:
            for n in times:
                row[n] = instant(row[n])
            for n in flags:
                row[n] = "true" if row[n] else "false"
            writer.writerow(row)


def _write_parquet(table: Table, path: Path) -> None:
    from stream_app.export.parquet import write_parquet  # pyarrow loads slowly, and every command would wait for it

    write_parquet(table, path)


WRITERS: Final[dict[Format, Callable[[Table, Path], None]]] = {Format.CSV: _write_csv, Format.PARQUET: _write_parquet}
