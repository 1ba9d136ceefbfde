"""The records cipstream publishes, field for field as in ``schemas/``: all times epoch milliseconds UTC, all energy Wh.

Meaning, units and sources of each field stand in the schema's doc strings.
"""

from __future__ import annotations

from typing import Literal, NamedTuple

Quality = Literal["MEASURED", "ESTIMATED", "CALCULATED", "ADJUSTED", "INCOMPLETE", "MISSING"]
Method = Literal["REGISTER", "INTERPOLATED", "COMPARABLE_DAY", "POWER", "NONE"]
Severity = Literal["INFO", "WARNING", "ALARM"]
TimeSource = Literal["METER", "GATEWAY"]
Validation = Literal["NON_VALIDATED", "VALIDATED"]
Substitute = Literal["NONE", "ZERO", "PREVIOUS_DAY", "PREVIOUS_WEEK", "DISTRIBUTED"]


class OtherValue(NamedTuple):
    """A register without a column: ``value`` × 10 ** ``scale`` in ``unit``; None where nobody tells."""

    obis: str
    value: int
    scale: int | None
    unit: str | None


class Reading(NamedTuple):
    """What one telegram said; key = title. First what is the same in every telegram of a meter, then what is not.

    The quantities are the columns of ``reading_columns``; None = not in the telegram.
    """

    system_title: str
    device_id: str | None
    metering_point: str | None
    site: str | None
    encrypted: bool
    authenticated: bool
    key_version: int | None
    push_list: str | None
    edge_id: str | None
    port: str | None
    source_partition: int
    source_offset: int
    measured_at: int
    received_at: int
    time_source: TimeSource
    clock_status: int | None
    frame_counter: int | None
    import_wh: int | None = None
    export_wh: int | None = None
    import_t1_wh: int | None = None
    import_t2_wh: int | None = None
    import_t3_wh: int | None = None
    import_t4_wh: int | None = None
    export_t1_wh: int | None = None
    export_t2_wh: int | None = None
    export_t3_wh: int | None = None
    export_t4_wh: int | None = None
    reactive_import_varh: int | None = None
    reactive_import_t1_varh: int | None = None
    reactive_import_t2_varh: int | None = None
    reactive_export_varh: int | None = None
    reactive_export_t1_varh: int | None = None
    reactive_export_t2_varh: int | None = None
    reactive_q1_varh: int | None = None
    reactive_q1_t1_varh: int | None = None
    reactive_q1_t2_varh: int | None = None
    reactive_q2_varh: int | None = None
    reactive_q2_t1_varh: int | None = None
    reactive_q2_t2_varh: int | None = None
    reactive_q3_varh: int | None = None
    reactive_q3_t1_varh: int | None = None
    reactive_q3_t2_varh: int | None = None
    reactive_q4_varh: int | None = None
    reactive_q4_t1_varh: int | None = None
    reactive_q4_t2_varh: int | None = None
    import_w: int | None = None
    export_w: int | None = None
    import_l1_w: int | None = None
    import_l2_w: int | None = None
    import_l3_w: int | None = None
    export_l1_w: int | None = None
    export_l2_w: int | None = None
    export_l3_w: int | None = None
    reactive_import_var: int | None = None
    reactive_export_var: int | None = None
    reactive_import_l1_var: int | None = None
    reactive_import_l2_var: int | None = None
    reactive_import_l3_var: int | None = None
    reactive_export_l1_var: int | None = None
    reactive_export_l2_var: int | None = None
    reactive_export_l3_var: int | None = None
    voltage_l1_mv: int | None = None
    voltage_l2_mv: int | None = None
    voltage_l3_mv: int | None = None
    current_l1_ma: int | None = None
    current_l2_ma: int | None = None
    current_l3_ma: int | None = None
    current_n_ma: int | None = None
    power_factor_permille: int | None = None
    other: tuple[OtherValue, ...] = ()


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
    validation: Validation
    revision: int
    reason: str
    rule: str | None = None
    substitute: Substitute = "NONE"
    original_amount: int | None = None


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


class RegistryEntry(NamedTuple):
    """One row of the registry, ``body`` a JSON object; key = ``kind|id``."""

    kind: str
    id: str
    body: str
    applied_at: int
