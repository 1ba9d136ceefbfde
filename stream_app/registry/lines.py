"""Files of a registry folder, line by line: every problem as ``file:line: what``, all of them at once."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

Parser = Callable[[str], Any]


class Problem(NamedTuple):
    """What is wrong where."""

    file: str
    line: int
    text: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line}: {self.text}"


class Findings:
    """What is wrong in a folder, and the files of which rows are lost: nobody knows what stands in those."""

    def __init__(self) -> None:
        self.problems: list[Problem] = []
        self.cut: set[str] = set()

    def lose(self, file: str, line: int, text: str) -> None:
        """A problem from which on the file cannot be read."""
        self.problems.append(Problem(file, line, text))
        self.cut.add(file)


class Table(NamedTuple):
    """A CSV file: its rows' type and its columns. A column without a default in the type is required."""

    row: type[Any]
    columns: Mapping[str, Parser]

    def required(self) -> set[str]:
        """The columns no row can do without."""
        return set(self.columns) - set(self.row._field_defaults)


class Read(NamedTuple):
    """Rows by their line: those that are right, and every one, with None for what cannot be read of it."""

    right: dict[int, Any]
    every: dict[int, Any]


def read_text(path: Path, found: Findings) -> str | None:
    """What is in a file; None where there is none, or nothing that can be read."""
    try:
        return path.read_bytes().decode("utf-8-sig")
    except FileNotFoundError:
        pass
    except OSError as error:
        found.lose(path.name, 1, f"cannot be read: {error.strerror}")
    except UnicodeDecodeError as error:
        upto = error.object[: error.start + 1]
        found.lose(path.name, len(upto.splitlines()), f"is not UTF-8: octet {upto[-1]:02X}")
    return None


def read_table(path: Path, table: Table, found: Findings) -> Read:
    """The rows of a file. One that is not there has none."""
    read = Read({}, {})
    if (text := read_text(path, found)) is None:
        return read
    reader = csv.reader(io.StringIO(text, newline=None), strict=True)
    try:
        header = [cell.strip() for cell in next(reader, [])]
        for problem in _wrong_columns(header, table):
            found.lose(path.name, 1, problem)
        for cells in () if path.name in found.cut else reader:
            values, refused = _read_cells(header, [cell.strip() for cell in cells], table)
            found.problems += [Problem(path.name, reader.line_num, problem) for problem in refused]
            if values or refused:
                read.every[reader.line_num] = table.row(**dict.fromkeys(table.required()) | values)
            if values and not refused:
                read.right[reader.line_num] = read.every[reader.line_num]
    except csv.Error as error:
        found.lose(path.name, reader.line_num, str(error))
    return read


def _wrong_columns(header: list[str], table: Table) -> list[str]:
    wrong = [f"unknown column {name!r}" for name in header if name not in table.columns]
    wrong += [f"column {name} is missing" for name in table.columns if name in table.required() - set(header)]
    return wrong + [f"column {name} occurs twice" for name in dict.fromkeys(header) if header.count(name) > 1]


def _read_cells(header: list[str], cells: list[str], table: Table) -> tuple[dict[str, Any], list[str]]:
    """The values of the cells that say something, and what is wrong with the others. A blank line has neither."""
    if not any(cells):
        return {}, []
    said = {name: cell for name, cell in zip(header, cells, strict=False) if cell}
    wrong = [f"{name} is empty" for name in table.columns if name in table.required() - set(said)]
    if len(cells) > len(header):  # a comma too many, most likely behind what the row is about
        said = {name: said[name] for name in [*table.columns][:1] if name in said}
        wrong = [f"{len(cells)} cells, but {len(header)} columns"]
    values = {}
    for name, cell in said.items():
        try:
            values[name] = table.columns[name](cell)
        except ValueError as error:
            wrong.append(f"{name}: {error}")
    return values, wrong
