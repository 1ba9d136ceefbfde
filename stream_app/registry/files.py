"""A registry folder, read and judged line by line.

What one line says is judged here (columns, codes, numbers, dates); what lines say about each other in ``rules``.
"""

from __future__ import annotations

import difflib
import json
import re
from collections import Counter
from collections.abc import Collection, Mapping
from datetime import datetime
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple, get_args
from zoneinfo import ZoneInfo

from stream_app.dlms import units
from stream_app.dlms.definitions import Definitions
from stream_app.registry.lines import Findings, Parser, Problem, Table, read_table, read_text
from stream_app.registry.model import Action, Condition, Member, Meter, Point, Site, ValidationRule


class Rows(NamedTuple):
    """The contents of a folder: the rows of each table by their line, the definitions by their name.

    ``every``, by file, has the faulty rows too, with None for what cannot be read; of the files ``cut`` rows are lost.
    """

    meters: dict[int, Meter]
    points: dict[int, Point]
    sites: dict[int, Site]
    members: dict[int, Member]
    validation_rules: dict[int, ValidationRule]
    push_lists: dict[str, Any]
    scale_profiles: dict[str, Any]
    every: Mapping[str, Mapping[int, Any]] = MappingProxyType({})
    cut: Collection[str] = ()

    def sizes(self) -> dict[str, int]:
        """How many there are of each kind."""
        return {kind: len(getattr(self, kind)) for kind in self._fields if kind not in ("every", "cut")}


def _name(text: str) -> str:
    if "|" in text:
        raise ValueError(f"{text!r} must not contain |, which separates the parts of keys")
    return text


def _title(text: str) -> str:
    if not re.fullmatch(r"[0-9A-Fa-f]{16}", text):
        raise ValueError(f"{text!r} is no system title: wanted 16 hex digits")
    return text.upper()


def _instant(text: str) -> int:
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        raise ValueError(f"{text!r} is no date: wanted ISO 8601, such as 2026-03-29T00:00:00+01:00") from None
    if at.tzinfo is None:
        raise ValueError(f"{text!r} has no offset: wanted one, such as +01:00 or Z")
    return round(at.timestamp() * 1000)


def _zone(text: str) -> str:
    try:
        ZoneInfo(text)
    except (ValueError, OSError, KeyError):
        raise ValueError(f"{text!r} is no time zone, such as Europe/Zurich") from None
    return text


def _quantity(text: str) -> str:
    if not re.fullmatch(r"(0-\d{1,2}:(?=24\.))?\d{1,3}\.\d{1,3}\.\d{1,3}", text):
        raise ValueError(f"{text!r} is no C.D.E, such as 1.8.0, and no channel's, such as 0-2:24.2.1")
    return text


def _quantities(text: str) -> tuple[str, ...]:
    named = tuple(_quantity(quantity) for quantity in text.split())
    if len(set(named)) < len(named):
        raise ValueError(f"{text!r} names a quantity twice")
    return named


def _whole(least: int, most: int = 2**63 - 1) -> Parser:
    def parse(text: str) -> int:
        if not re.fullmatch(r"\d{1,19}", text) or not least <= int(text) <= most:
            raise ValueError(f"{text!r} is no whole number from {least}" + (f" to {most}" if most < 2**63 - 1 else ""))
        return int(text)

    return parse


def _one_of(*words: str) -> Parser:
    def parse(text: str) -> str:
        if text not in words:
            raise ValueError(f"{text!r} is none of {', '.join(words)}")
        return text

    return parse


TABLES = {
    "meters.csv": Table(
        Meter,
        {
            "system_title": _title,
            "serial": str,
            "model": str,
            "push_list": str,
            "scale_profile": str,
            "timezone": _zone,
            "security": _one_of("authenticated", "encrypted", "clear"),
            "push_seconds": _whole(1, 86_400),
            "register_limit_wh": _whole(1),
            "max_power_w": _whole(1),
            "replay": _one_of("once", "strict"),
        },
    ),
    "points.csv": Table(
        Point,
        {
            "metering_point": _name,
            "system_title": _title,
            "site": _name,
            "valid_from": _instant,
            "valid_to": _instant,
            "role": _one_of("consumer", "producer", "prosumer"),
            "start_import_wh": _whole(0),
            "start_export_wh": _whole(0),
            "end_import_wh": _whole(0),
            "end_export_wh": _whole(0),
            "quantities": _quantities,
        },
    ),
    "sites.csv": Table(
        Site,
        {
            "site": _name,
            "name": str,
            "timezone": _zone,
            "kind": _one_of("building", "community"),
            "sharing": _one_of("none", "at-static", "at-dynamic", "ch-proportional", "ch-equal"),
        },
    ),
    "members.csv": Table(
        Member,
        {
            "site": _name,
            "metering_point": _name,
            "valid_from": _instant,
            "valid_to": _instant,
            "factor_percent": _whole(1, 100),
            "share_permyriad": _whole(0, 10_000),
        },
    ),
    "validation.csv": Table(
        ValidationRule,
        {
            "metering_point": _name,
            "quantity": _quantity,
            "condition": _one_of(*get_args(Condition)),
            "limit": _whole(0),
            "percent": _whole(1, 100_000),
            "hours": _whole(1, 72),
            "action": _one_of(*get_args(Action)),
        },
    ),
}
DEFINITIONS = ("push_lists.json", "scale_profiles.json")


def read_folder(folder: Path) -> tuple[Rows, list[Problem]]:
    """Every row that can be read, and every problem of a single line. A file that is not there has no rows."""
    found = Findings()
    found.problems += _misnamed(folder)
    tables = {name: read_table(folder / name, table, found) for name, table in TABLES.items()}
    contents: list[dict[Any, Any]] = [table.right for table in tables.values()]
    contents += [_read_definitions(folder / name, found) for name in DEFINITIONS]
    rows = Rows(*contents)
    rows = rows._replace(
        validation_rules=_in_place(rows.validation_rules),
        every={name: table.every for name, table in tables.items()},
        cut=found.cut,
    )
    return rows, found.problems


def _in_place(rules: Mapping[int, ValidationRule]) -> dict[int, ValidationRule]:
    """The rules with their place among those of their point: first line first."""
    places: Counter[str] = Counter()
    placed = {}
    for line, rule in rules.items():
        places[rule.metering_point] += 1
        placed[line] = rule._replace(place=places[rule.metering_point])
    return placed


def _misnamed(folder: Path) -> list[Problem]:
    """A registry without its points would end every one of them: a slip in a file's name must not pass as absence."""
    known = [*TABLES, *DEFINITIONS]
    there = sorted(path.name for path in folder.iterdir() if path.is_file())
    if not set(known) & set(there):
        return [Problem(str(folder), 1, f"holds none of {', '.join(known)}")]
    unknown = [name for name in there if name not in known]
    likely = {name: difflib.get_close_matches(name.lower(), known, 1, 0.8) for name in unknown}
    return [Problem(name, 1, f"should this be {match[0]}?") for name, match in likely.items() if match]


def _read_definitions(path: Path, found: Findings) -> dict[str, Any]:
    if (text := read_text(path, found)) is None:
        return {}
    try:
        entries = json.loads(text)
    except (ValueError, RecursionError) as error:
        found.lose(path.name, getattr(error, "lineno", 1), f"is no JSON in UTF-8: {error}")
        return {}
    if not isinstance(entries, dict):
        found.lose(path.name, 1, "is no JSON object of names")
        return {}
    for name, entry in entries.items():
        line = text[: max(0, text.find(json.dumps(name, ensure_ascii=False)))].count("\n") + 1
        try:
            one = {_name(name): entry}
            Definitions(*((one, {}) if path.name == "push_lists.json" else ({}, one)))
        except ValueError as error:
            found.problems += [Problem(path.name, line, text) for text in str(error).split("\n")]
        else:
            foreign = _units(entry) - units.KNOWN
            found.problems += [Problem(path.name, line, f"{name!r}: unit {unit!r} is not known") for unit in foreign]
    return entries


def _units(entry: Mapping[str, Any]) -> set[str]:
    """The units in a list or profile. One that decodes with any name would count as nothing, or as another."""
    parts = entry.get("items") or entry.get("rules", {}).values()
    return {part.get("unit") or "" for part in parts}
