"""The records cipstream publishes, field for field as in ``schemas/``: all times epoch milliseconds UTC, all energy Wh.

Meaning, units and sources of each field stand in the schema's doc strings.
"""

from __future__ import annotations

from typing import Literal, NamedTuple

Quality = Literal["MEASURED", "ESTIMATED", "CALCULATED", "ADJUSTED", "INCOMPLETE", "MISSING"]
Method = Literal["REGISTER", "INTERPOLATED", "COMPARABLE_DAY", "POWER", "NONE"]
Severity = Literal["INFO", "WARNING", "ALARM"]


class MeterQuarter(NamedTuple):
    """What one device counted of one quantity between two boundaries: a quarter of an hour, or the part of one that is
    valid where a metering point begins or ends inside it. Internal, from stage one to stage two; key = site.

    A later record for the same (site, system_title, quantity, start, end) replaces the earlier one. ``settled`` says
    that it is the last.
    """

    site: str
    system_title: str
    quantity: str
    start: int
    end: int
    amount: int | None
    quality: Quality
    method: Method
    coverage_s: int
    telegrams: int
    boundary_distance_ms: int
    authenticated: bool
    settled: bool


class QuarterHour(NamedTuple):
    """Energy of one metering point, quantity and quarter-hour; key = ``metering_point|quantity|start``."""

    metering_point: str
    site: str
    system_title: str
    quantity: str
    unit: str
    start: int
    end: int
    amount: int | None
    quality: Quality
    method: Method
    coverage_s: int
    telegrams: int
    boundary_distance_ms: int
    authenticated: bool
    validation: str
    revision: int
    reason: str


class Balance(NamedTuple):
    """Import, export and what was shared inside a site in one quarter-hour; key = ``site|start``."""

    site: str
    start: int
    end: int
    import_wh: int | None
    export_wh: int | None
    net_wh: int | None
    matched_wh: int | None
    grid_import_wh: int | None
    grid_export_wh: int | None
    points: int
    points_missing: int
    quality: Quality
    revision: int


class Allocation(NamedTuple):
    """One member's part of a community's generation in one quarter-hour; key = ``site|metering_point|start``."""

    site: str
    metering_point: str
    start: int
    end: int
    method: str
    consumption_wh: int | None
    participating_wh: int | None
    generation_wh: int | None
    participating_generation_wh: int | None
    share_wh: int | None
    allocated_wh: int | None
    residual_wh: int | None
    delivered_wh: int | None
    surplus_wh: int | None
    factor_percent: int
    provisional: bool
    quality: Quality
    revision: int


class Event(NamedTuple):
    """Something a person may want to know; key = title, or ``edge|port``."""

    source: str
    at: int
    type: str
    severity: Severity
    detail: str
    system_title: str | None = None
    metering_point: str | None = None
