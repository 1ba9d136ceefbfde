"""What the wire does not say, as immutable data: meters, points, sites, members, rules. Times: epoch milliseconds.

Columns, defaults and meaning: README, "Registry". A ``Directory`` is one consistent snapshot; a change makes a new one.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from typing import Any, Literal, NamedTuple

Security = Literal["authenticated", "encrypted", "clear"]
Role = Literal["consumer", "producer", "prosumer"]
Sharing = Literal["none", "at-static", "at-dynamic", "ch-proportional", "ch-equal"]
Condition = Literal[
    "missing", "zero", "negative", "above", "below", "above-average", "below-average", "above-median", "below-median"
]
Action = Literal["flag", "keep", "zero", "previous-day", "previous-week", "distribute"]

NAMES_OCTETS = 255  # the quantities of a device in its state, of all its points, with a blank between


class Meter(NamedTuple):
    """A device, by its system title (16 upper-case hex digits)."""

    system_title: str
    serial: str = ""
    model: str = ""
    push_list: str | None = None
    scale_profile: str | None = None
    timezone: str | None = None
    security: Security = "encrypted"
    push_seconds: int = 60
    register_limit_wh: int | None = None
    max_power_w: int | None = None
    replay: Literal["once", "strict"] = "once"


class Point(NamedTuple):
    """A metering point served by a device from ``valid_from`` to ``valid_to`` (half-open; None = open)."""

    metering_point: str
    system_title: str
    site: str
    valid_from: int
    valid_to: int | None = None
    role: Role = "prosumer"
    start_import_wh: int | None = None
    start_export_wh: int | None = None
    end_import_wh: int | None = None
    end_export_wh: int | None = None
    quantities: tuple[str, ...] = ()
    applied_at: int = 0

    def measured_quantities(self) -> tuple[str, ...]:
        """The registers (C.D.E) this point publishes: its own list, else import and export by role."""
        named = tuple(dict.fromkeys(self.quantities))  # folders that named one twice have been applied
        return named or ROLE_QUANTITIES[self.role]


ROLE_QUANTITIES: dict[Role, tuple[str, ...]] = {
    "consumer": ("1.8.0",),
    "producer": ("2.8.0",),
    "prosumer": ("1.8.0", "2.8.0"),
}


class Site(NamedTuple):
    """A building or a community whose points are balanced together."""

    site: str
    timezone: str
    name: str = ""
    kind: Literal["building", "community"] = "building"
    sharing: Sharing = "none"


class Member(NamedTuple):
    """A metering point's part in a community's sharing, valid from ``valid_from`` to ``valid_to`` (half-open)."""

    site: str
    metering_point: str
    valid_from: int
    valid_to: int | None = None
    factor_percent: int = 100
    share_permyriad: int | None = None


class ValidationRule(NamedTuple):
    """What is done with a quarter-hour that meets a condition; of a point's rules the first in order of ``place``.

    No ``quantity``: every quantity of the point. ``limit``: in the unit of the amount, of ``above`` and ``below``;
    ``percent``: of the average or median; ``hours``: how long there must have been zeros.
    """

    metering_point: str
    condition: Condition
    action: Action
    quantity: str = ""
    limit: int | None = None
    percent: int | None = None
    hours: int | None = None
    place: int = 0

    def concerns(self, quantity: str) -> bool:
        """Is it a rule for this quantity (C.D.E)?"""
        return self.quantity in ("", quantity)


class Directory:
    """One consistent snapshot of the registry, indexed the ways the two stages ask."""

    def __init__(
        self,
        meters: Iterable[Meter] = (),
        points: Iterable[Point] = (),
        sites: Iterable[Site] = (),
        members: Iterable[Member] = (),
        push_lists: dict[str, Any] | None = None,
        scale_profiles: dict[str, Any] | None = None,
        validation_rules: Iterable[ValidationRule] = (),
    ) -> None:
        self.meters = {meter.system_title: meter for meter in meters}
        self.sites = {site.site: site for site in sites}
        by_title: defaultdict[str, list[Point]] = defaultdict(list)
        by_site: defaultdict[str, list[Point]] = defaultdict(list)
        for point in sorted(points, key=lambda p: (p.metering_point, p.valid_from, p.system_title)):
            by_title[point.system_title].append(point)
            by_site[point.site].append(point)
        self.points_of_title = {title: tuple(rows) for title, rows in by_title.items()}
        self.points_of_site = {site: tuple(rows) for site, rows in by_site.items()}
        member_rows: defaultdict[str, list[Member]] = defaultdict(list)
        for member in sorted(members):
            member_rows[member.site].append(member)
        self.members_of_site = {site: tuple(rows) for site, rows in member_rows.items()}
        self.rules_of_site = self._by_site(validation_rules)
        self.push_lists = push_lists or {}
        self.scale_profiles = scale_profiles or {}

    def _by_site(self, rules: Iterable[ValidationRule]) -> dict[str, tuple[ValidationRule, ...]]:
        """In order of point and place; those of a point that has moved stand with each of its sites."""
        by_point: defaultdict[str, list[ValidationRule]] = defaultdict(list)
        for rule in sorted(rules, key=lambda rule: (rule.metering_point, rule.place)):
            by_point[rule.metering_point].append(rule)
        if not by_point:
            return {}
        points = {site: dict.fromkeys(row.metering_point for row in rows) for site, rows in self.points_of_site.items()}
        at_site = {
            site: tuple(rule for name in names for rule in by_point.get(name, ())) for site, names in points.items()
        }
        return {site: found for site, found in at_site.items() if found}

    def timezone_of(self, system_title: str) -> str:
        """The zone of the meter's clock: its own, else that of its newest point's site, else UTC."""
        meter = self.meters.get(system_title)
        if meter is not None and meter.timezone:
            return meter.timezone
        points = self.points_of_title.get(system_title, ())
        site = self.sites.get(max(points, key=lambda p: p.valid_from).site) if points else None
        return site.timezone if site else "UTC"
