"""What the rows of a registry folder must be to each other; what a single line must be is judged in ``files``."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from itertools import combinations
from typing import Any

from stream_app.dlms.definitions import packaged
from stream_app.energy.quality import QUARTER_MS
from stream_app.registry import validation
from stream_app.registry.files import Rows
from stream_app.registry.lines import Problem
from stream_app.registry.model import NAMES_OCTETS, Member, Point

ALL_OF_IT = 10_000  # permyriad

NAMES = {"meters.csv": "system_title", "points.csv": "metering_point", "sites.csv": "site"}
REFERENCES = (
    ("meters.csv", "push_list", "push_lists.json"),
    ("meters.csv", "scale_profile", "scale_profiles.json"),
    ("points.csv", "system_title", "meters.csv"),
    ("points.csv", "site", "sites.csv"),
    ("members.csv", "site", "sites.csv"),
    ("validation.csv", "metering_point", "points.csv"),
)


def judge(rows: Rows) -> list[Problem]:
    """Every problem there is between rows, by file and line."""
    found = [problem for rule in RULES for problem in rule(rows)]
    return sorted(found, key=lambda problem: (problem.file, problem.line))


def _once(file: str, rows: Mapping[int, Any], column: str) -> Iterator[Problem]:
    first: dict[str, int] = {}
    for line, row in rows.items():
        name = getattr(row, column)
        earlier = first.setdefault(name, line)
        if name and earlier != line:
            yield Problem(file, line, f"{name} stands in line {earlier} already")


def _unique(rows: Rows) -> Iterator[Problem]:
    yield from _once("meters.csv", rows.every["meters.csv"], "system_title")
    yield from _once("sites.csv", rows.every["sites.csv"], "site")


def _references(rows: Rows) -> Iterator[Problem]:
    """To a row that is there but faulty there is nothing to be said, nor to a file of which rows are lost."""
    names = _names(rows)
    for file, column, where in REFERENCES:
        for line, row in rows.every[file].items() if where not in rows.cut else ():
            name = getattr(row, column)
            if name and name not in names[where]:
                yield Problem(file, line, f"{column} {name} is not in {where}")
    at_site = {(point.site, point.metering_point) for point in rows.every["points.csv"].values()}
    for line, (site, point, *_) in rows.every["members.csv"].items() if "points.csv" not in rows.cut else ():
        if point and site in names["sites.csv"] and not {(site, point), (None, point)} & at_site:
            yield Problem("members.csv", line, f"{point} is no metering point of site {site}")


def _names(rows: Rows) -> dict[str, set[str]]:
    """What there is to refer to, by file; faulty rows too."""
    names = {
        file: {getattr(row, column) for row in rows.every[file].values()} - {None} for file, column in NAMES.items()
    }
    return names | {
        "push_lists.json": {*packaged().push_lists, *rows.push_lists},
        "scale_profiles.json": {*packaged().scale_profiles, *rows.scale_profiles},
    }


def _validity(rows: Rows) -> Iterator[Problem]:
    for file in ("points.csv", "members.csv"):
        for line, row in rows.every[file].items():
            if None not in (row.valid_from, row.valid_to) and row.valid_to <= row.valid_from:
                yield Problem(file, line, "valid_to is not after valid_from")


def _at_once(rows: Mapping[int, Any], key: Callable[[Any], Any]) -> Iterator[tuple[int, Any, int, Any]]:
    """Pairs of rows of one key that are valid at the same time, the later line first."""
    groups = defaultdict(list)
    for line, row in rows.items():
        groups[key(row)].append((line, row))
    for group in groups.values():
        for (earlier, one), (line, other) in combinations(group, 2):
            if _begins_before_end(one, other) and _begins_before_end(other, one):
                yield line, other, earlier, one


def _begins_before_end(one: Point | Member, other: Point | Member) -> bool:
    return other.valid_to is None or one.valid_from < other.valid_to


def _one_device_at_a_time(rows: Rows) -> Iterator[Problem]:
    for line, point, earlier, _ in _at_once(rows.points, lambda point: point.metering_point):
        yield Problem("points.csv", line, f"{point.metering_point} is valid at the same time in line {earlier}")
    for line, member, earlier, _ in _at_once(rows.members, lambda member: (member.site, member.metering_point)):
        yield Problem("members.csv", line, f"{member.metering_point} is valid at the same time in line {earlier}")


def _one_site_per_quarter_hour(rows: Rows) -> Iterator[Problem]:
    """The key of a quarter-hour does not name the site, and each site would publish its part as the whole."""
    of_quarters = {line: _in_quarters(point) for line, point in rows.points.items()}
    at_once = {(line, earlier) for line, _, earlier, _ in _at_once(rows.points, lambda point: point.metering_point)}
    for line, point, earlier, other in _at_once(of_quarters, lambda point: point.metering_point):
        shared = set(point.measured_quantities()) & set(other.measured_quantities())
        if shared and point.site != other.site and (line, earlier) not in at_once:
            text = f"{point.metering_point} is at {point.site} and (line {earlier}) at {other.site} in one quarter-hour"
            yield Problem("points.csv", line, text)


def _in_quarters(point: Point) -> Point:
    until = None if point.valid_to is None else -(-point.valid_to // QUARTER_MS) * QUARTER_MS
    return point._replace(valid_from=point.valid_from // QUARTER_MS * QUARTER_MS, valid_to=until)


def _one_point_per_quantity(rows: Rows) -> Iterator[Problem]:
    """One meter may serve a consumer and a producer point at once, but no register may be counted twice."""
    for line, point, earlier, other in _at_once(rows.points, lambda point: point.system_title):
        shared = set(point.measured_quantities()) & set(other.measured_quantities())
        if shared and point.metering_point != other.metering_point:
            both = f"{other.metering_point} (line {earlier}) and {point.metering_point}"
            yield Problem(
                "points.csv", line, f"{point.system_title} serves {both} with {' '.join(sorted(shared))} at once"
            )


def _room_for_names(rows: Rows) -> Iterator[Problem]:
    """A device keeps the registers of points that have ended, too."""
    of_title: defaultdict[str, set[str]] = defaultdict(set)
    for line, point in rows.points.items():
        names = of_title[point.system_title]
        names.update(point.measured_quantities())
        if (length := len(" ".join(names))) > NAMES_OCTETS:
            text = f"quantities: all of {point.system_title} are {length} characters, {NAMES_OCTETS} at most"
            yield Problem("points.csv", line, text)


def _sharing(rows: Rows) -> Iterator[Problem]:
    sharing = {site.site: site.sharing for site in rows.sites.values()}
    for line, member in rows.members.items():
        rule = sharing.get(member.site, "none")
        if rule.startswith("ch-") and member.factor_percent != 100:
            yield Problem("members.csv", line, f"factor_percent {member.factor_percent}: {rule} admits only 100")


def _static_shares(rows: Rows) -> Iterator[Problem]:
    """At the moment a member joins, the shares of all who are members then. Nothing else can raise the sum."""
    of_site: defaultdict[str, list[Member]] = defaultdict(list)
    for member in rows.members.values():
        of_site[member.site].append(member)
    for line, joining in rows.members.items():
        at = joining.valid_from
        total = sum(
            member.share_permyriad or 0
            for member in of_site[joining.site]
            if member.valid_from <= at and (member.valid_to is None or at < member.valid_to)
        )
        if total > ALL_OF_IT:
            yield Problem(
                "members.csv", line, f"share_permyriad: the shares of {joining.site} are {total} from here on"
            )


RULES = (
    _unique,
    _references,
    _validity,
    _one_device_at_a_time,
    _one_site_per_quarter_hour,
    _one_point_per_quantity,
    _room_for_names,
    _sharing,
    _static_shares,
    *validation.RULES,
)
