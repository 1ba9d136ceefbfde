"""The key list a grid operator hands out: CSV or JSON, with whatever headings and hex habits its maker has.

``system_title, encryption_key, authentication_key, key_version, valid_from, comment``; columns with other headings are
nobody's business here. All or nothing: one bad row, and none is taken. No message ever holds key material.
"""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any, Final, NamedTuple

from stream_app.dlms.cipher import KEY_OCTETS, TITLE_OCTETS, AuthenticationKey, EncryptionKey, MeterKeys

# Headings, without case, blanks and signs. GUEK/GAK: Green Book; GPK60/61: Landis+Gyr; the rest: operators' letters.
HEADINGS: Final = {
    "system_title": ("systemtitle", "title", "st", "serversystemtitle", "systitle"),
    "encryption_key": (
        "encryptionkey", "ek", "guek", "gek", "gpk60", "globalunicastencryptionkey", "globalencryptionkey",
        "globalunicastkey", "unicastencryptionkey", "blockcipherkey", "decryptionkey",
    ),
    "authentication_key": (
        "authenticationkey", "ak", "gak", "gpk61", "globalauthenticationkey", "authkey",
        "globalunicastauthenticationkey",
    ),
    "key_version": ("keyversion", "version"),
    "valid_from": ("validfrom",),
    "comment": ("comment", "remark", "note"),
}  # fmt: skip
COLUMN_OF: Final = {heading: column for column, headings in HEADINGS.items() for heading in headings}
DELIMITERS: Final = ",;\t|"

_DECORATION: Final = re.compile(r"0[xX]|[\s:-]")
_HEX: Final = re.compile(r"(?:[0-9A-Fa-f]{2})*")
_LIKE_A_KEY: Final = re.compile(r"[0-9A-Fa-f]{32}")
_GERMAN_POINT: Final = re.compile(r"\bDE[0-9]{11}[0-9A-Z]{20}\b")  # a metering point; 33 hex digits more often than not


class KeyRow(NamedTuple):
    """One version of one meter's keys. ``valid_from``: epoch milliseconds; ``place``: where in the file it stands."""

    system_title: str
    encryption_key: EncryptionKey
    authentication_key: AuthenticationKey | None
    key_version: int
    valid_from: int | None
    comment: str
    place: str

    def __repr__(self) -> str:
        return f"KeyRow({self.system_title}, version {self.key_version}, {self.place})"

    def keys(self) -> MeterKeys:
        """The keys, ready for use."""
        return MeterKeys(self.encryption_key, self.authentication_key, self.key_version)


class KeyRowsError(ValueError):
    """The list cannot be taken; ``problems`` says why, row by row."""

    def __init__(self, problems: list[str]) -> None:
        super().__init__("\n".join(problems))
        self.problems = problems


def read_key_file(path: Path) -> list[KeyRow]:
    """Every row of a key list in a file. Raises ``KeyRowsError`` with all its problems, ``OSError``."""
    octets = path.read_bytes()
    try:
        text = octets.decode("utf-8-sig")
    except UnicodeDecodeError:  # holds the octets
        text = None
    if text is None:
        raise KeyRowsError(["no UTF-8 text"])
    return read_key_rows(text)


def read_key_rows(text: str) -> list[KeyRow]:
    """Every row of a key list. Raises ``KeyRowsError`` with all its problems."""
    problems: list[str] = []
    rows: dict[tuple[str, int], KeyRow] = {}
    versions: dict[tuple[str, bytes, bytes | None], int] = {}
    for place, cells in _records(text.removeprefix("\N{BYTE ORDER MARK}")):
        row = _row(place, cells, problems)
        if row is None:
            continue
        first = rows.setdefault((row.system_title, row.key_version), row)
        if first is not row:
            problems += _second(row, first)
            continue
        other = versions.setdefault((row.system_title, row.encryption_key, row.authentication_key), row.key_version)
        if other != row.key_version:
            problems.append(f"{place}: version {row.key_version} of {row.system_title} has the keys of version {other}")
    if problems:
        raise KeyRowsError(problems)
    return list(rows.values())


def _second(row: KeyRow, first: KeyRow) -> list[str]:
    """What is wrong with a second row of a version; nothing if it says the same."""
    stands = f"{row.place}: {row.system_title} version {row.key_version} stands already in {first.place}"
    if row[1:3] != first[1:3]:
        return [f"{stands} with other keys: give each its key_version"]
    return [] if row[:-1] == first[:-1] else [f"{stands} with another valid_from or comment"]


def _records(text: str) -> Iterator[tuple[str, Mapping[str, str]]]:
    """Place and cells by column of every row."""
    records = _json_records(text) if text.lstrip()[:1] in ("[", "{") else _csv_records(text)
    for place, record in records:
        cells = [(_column(name), value.strip()) for name, value in record]
        yield place, {column: value for column, value in cells if column and value}


def _csv_records(text: str) -> Iterator[tuple[str, Iterable[tuple[str, str]]]]:
    lines = _csv_lines(text)
    _, names = next(lines, (1, []))
    columns = _columns("line 1", names)
    if missing := [column for column in ("system_title", "encryption_key") if column not in columns]:
        raise KeyRowsError([f"line 1: no column {' and no column '.join(missing)}"])
    for line, cells in lines:
        if any(cell.strip() for cell in cells):
            yield f"line {line}", zip(names, cells, strict=False)


def _csv_lines(text: str) -> Iterator[tuple[int, list[str]]]:
    """Cells, with the line they begin in. Strict, because a stray quotation mark makes one cell of all that follows."""
    head = text.partition("\n")[0]
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=max(DELIMITERS, key=head.count), strict=True)
    line = 1
    try:
        for cells in reader:
            if any("\n" in cell and _like_a_key(cell) for cell in cells):
                raise csv.Error("a cell holds lines with keys")
            yield line, cells
            line = reader.line_num + 1
    except csv.Error as error:  # its words hold nothing of the text
        raise KeyRowsError([f"line {line}: no CSV: {error}; is a quotation mark not closed?"]) from None


def _columns(place: str, headings: Iterable[str]) -> list[str]:
    """The columns that headings stand for. Of two for one thing nobody knows which is meant."""
    found = [column for heading in headings if (column := _column(heading))]
    if several := [column for column in HEADINGS if found.count(column) > 1]:
        raise KeyRowsError([f"{place}: several columns {' and '.join(several)}"])
    return found


def _column(heading: str) -> str | None:
    return COLUMN_OF.get(re.sub(r"[^a-z0-9]", "", heading.lower()))


def _json_records(text: str) -> Iterator[tuple[str, Iterable[tuple[str, str]]]]:
    """A list of objects, or an object that holds one. The parser's own errors hold the text: none becomes a context."""
    found: Any = None
    line = 0
    try:
        found = json.loads(text, object_pairs_hook=tuple)  # a dict would take the last of two that have one name
    except (ValueError, RecursionError) as error:  # the latter of a list in a list in a list …
        line = getattr(error, "lineno", 1)
    if line:
        raise KeyRowsError([f"line {line}: no JSON"])
    if isinstance(found, tuple):
        found = next((value for _, value in found if isinstance(value, list)), [found])
    for number, entry in enumerate(found, 1):
        if not isinstance(entry, tuple):
            raise KeyRowsError([f"entry {number}: no object"])
        _columns(f"entry {number}", [name for name, _ in entry])
        yield f"entry {number}", [(name, "" if value is None else str(value)) for name, value in entry]


def _row(place: str, cells: Mapping[str, str], problems: list[str]) -> KeyRow | None:
    before = len(problems)
    title = _octets(place, "system_title", TITLE_OCTETS, cells, problems)
    encryption = _octets(place, "encryption_key", KEY_OCTETS, cells, problems)
    authentication = None
    if "authentication_key" in cells:
        authentication = _octets(place, "authentication_key", KEY_OCTETS, cells, problems)
    version = cells.get("key_version", "1")
    if not version.isdecimal() or len(version) > 9:
        problems.append(f"{place}: key_version is no whole number")
    valid_from = _instant(place, cells.get("valid_from"), problems)
    comment = _comment(place, cells.get("comment", ""), problems)
    if len(problems) > before:
        return None
    return KeyRow(
        title.hex().upper(),
        EncryptionKey(encryption),
        None if authentication is None else AuthenticationKey(authentication),
        int(version),
        valid_from,
        comment,
        place,
    )


def _octets(place: str, column: str, size: int, cells: Mapping[str, str], problems: list[str]) -> bytes:
    """Hex digits, however decorated, or for keys as many printable characters as there are octets."""
    text = cells.get(column, "")
    digits = _DECORATION.sub("", text)
    octets = bytes.fromhex(digits) if _HEX.fullmatch(digits) else b""
    if size == KEY_OCTETS and len(text) == size and text.isascii() and text.isprintable():
        octets = text.encode("ascii")
    if not text:
        problems.append(f"{place}: {column} is missing")
    elif len(octets) != size:
        problems.append(f"{place}: {column} is not {size} octets in hex digits")
    elif not digits.strip("0"):
        problems.append(f"{place}: {column} is all zeros")
    return octets


def _instant(place: str, text: str | None, problems: list[str]) -> int | None:
    if text is None:
        return None
    try:
        instant = datetime.fromisoformat(text)
    except ValueError:
        instant = None
    if instant is None or instant.tzinfo is None:
        problems.append(f"{place}: valid_from is no ISO 8601 time with offset")
        return None
    return int(instant.timestamp() * 1000)


def _comment(place: str, text: str, problems: list[str]) -> str:
    """Whoever may see a check value sees it too, so that it must hold no key."""
    if len(text.splitlines()) > 1:
        problems.append(f"{place}: comment has more than one line")
    elif _like_a_key(text):
        problems.append(f"{place}: comment looks like a key")
    return text


def _like_a_key(text: str) -> bool:
    return _LIKE_A_KEY.search(_DECORATION.sub("", _GERMAN_POINT.sub("", text))) is not None
