"""Registry rows as the entries of the compacted topic, and what has to change there. Pure.

The key of an entry, ``kind|id``, says which row it is; its body holds the columns that differ from their default, so
that a new column with a default changes nobody's entry, and an older worker passes over columns it does not know.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from typing import Any, NamedTuple

from stream_app.energy.site import instant
from stream_app.records import RegistryEntry
from stream_app.registry.files import Rows
from stream_app.registry.model import Directory, Member, Meter, Point, Site, ValidationRule

Row = Meter | Point | Site | Member | ValidationRule
Definition = dict[str, Any]


class Kind(NamedTuple):
    """A kind of row: its type and the columns that tell one from another."""

    row: type[Any]
    key: tuple[str, ...]


KINDS = {
    "site": Kind(Site, ("site",)),
    "meter": Kind(Meter, ("system_title",)),
    "point": Kind(Point, ("metering_point", "valid_from")),
    "member": Kind(Member, ("site", "metering_point", "valid_from")),
    "validation": Kind(ValidationRule, ("metering_point", "place")),
}
PUSH_LIST, SCALE_PROFILE = "push-list", "scale-profile"
APPLIED_AT = "applied_at"  # of a point: carried by the entry


class Change(NamedTuple):
    """One key to write: the new entry, None to take it away. ``before``: what stands there now."""

    key: str
    before: RegistryEntry | None
    after: RegistryEntry | None

    def __str__(self) -> str:
        if self.after is None:
            return f"- {self.key}"
        body = json.loads(self.after.body)
        if self.before is None:
            return f"+ {self.key} {_brief(self.after.kind, body)}".rstrip()
        old = json.loads(self.before.body)
        changed = [name for name in sorted({*old, *body}) if old.get(name) != body.get(name)]
        return f"~ {self.key} " + ", ".join(
            name if _is_definition(self.after.kind) else f"{name} {old.get(name)} → {body.get(name)}"
            for name in changed
        )


def entries_of(rows: Rows, now: int) -> dict[str, RegistryEntry]:
    """The entries of a folder by key, applied ``now`` (epoch milliseconds)."""
    tables: dict[str, Iterable[Row]] = {
        "site": rows.sites.values(),
        "meter": rows.meters.values(),
        "point": rows.points.values(),
        "member": rows.members.values(),
        "validation": rows.validation_rules.values(),
    }
    definitions = {PUSH_LIST: rows.push_lists, SCALE_PROFILE: rows.scale_profiles}
    made = [
        RegistryEntry(kind, name, _dump(body), now) for kind, all_ in definitions.items() for name, body in all_.items()
    ]
    made += [
        RegistryEntry(kind, _id(kind, row), _dump(_said(row)), now) for kind, table in tables.items() for row in table
    ]
    return {key_of(entry): entry for entry in made}


def changes(before: Mapping[str, RegistryEntry], after: Mapping[str, RegistryEntry]) -> list[Change]:
    """What has to be written for ``before`` to become ``after``. An entry with the same body stays as it is.

    What is referred to comes before what refers to it, and goes after it: a reader of half of it misses a row at
    worst, and never sees one that points to nothing.
    """
    written = [
        Change(key, before.get(key), entry)
        for key, entry in after.items()
        if key not in before or before[key].body != entry.body
    ]
    gone = [Change(key, entry, None) for key, entry in before.items() if key not in after]
    return written + sorted(gone, key=lambda change: _rank(change.before), reverse=True)


def key_of(entry: RegistryEntry) -> str:
    """The Kafka key."""
    return f"{entry.kind}|{entry.id}"


def parse(entry: RegistryEntry) -> Row | Definition:
    """The row of an entry, or the body of a push list or scale profile. Raises ``ValueError``."""
    try:
        body = json.loads(entry.body)
        if _is_definition(entry.kind):
            return dict(body)
        row = KINDS[entry.kind].row
        values = {name: tuple(value) if isinstance(value, list) else value for name, value in body.items()}
        if APPLIED_AT in row._fields:
            values[APPLIED_AT] = entry.applied_at
        made: Row = row(**{name: value for name, value in values.items() if name in row._fields})
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise ValueError(f"registry entry {key_of(entry)}: {error!r}") from error
    return made


def directory_of(parsed: Mapping[str, Row | Definition]) -> Directory:
    """The snapshot that the rows make together, by their keys."""

    def rows(kind: type[Any]) -> list[Any]:
        return [row for row in parsed.values() if type(row) is kind]

    def definitions(kind: str) -> dict[str, Any]:
        return {key.removeprefix(f"{kind}|"): body for key, body in parsed.items() if key.startswith(f"{kind}|")}

    return Directory(
        rows(Meter),
        rows(Point),
        rows(Site),
        rows(Member),
        definitions(PUSH_LIST),
        definitions(SCALE_PROFILE),
        rows(ValidationRule),
    )


def _is_definition(kind: str) -> bool:
    return kind in (PUSH_LIST, SCALE_PROFILE)


def _id(kind: str, row: Row) -> str:
    return "|".join(PARTS.get(column, str)(getattr(row, column)) for column in KINDS[kind].key)


PARTS: dict[str, Callable[[Any], str]] = {"valid_from": instant}


def _said(row: Row) -> dict[str, Any]:
    defaults = row._field_defaults
    return {name: value for name, value in row._asdict().items() if not (name in defaults and value == defaults[name])}


def _dump(body: Mapping[str, Any]) -> str:
    return json.dumps(body, ensure_ascii=False, sort_keys=True, separators=(",", ":"))


def _brief(kind: str, body: Mapping[str, Any]) -> str:
    if _is_definition(kind):
        return str(body.get("title", ""))
    return " ".join(f"{name}={value}" for name, value in body.items() if name not in KINDS[kind].key)


def _rank(entry: RegistryEntry | None) -> int:
    order = (PUSH_LIST, SCALE_PROFILE, *KINDS)
    return order.index(entry.kind) if entry is not None and entry.kind in order else len(order)
