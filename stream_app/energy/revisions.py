"""What has to be published of a site when something has changed: the difference between two views of a quarter.

Same content, no record; other content, next revision. ``revise`` is the only place where a revision is counted.
"""

from __future__ import annotations

from typing import Final

from stream_app.energy.quality import QUARTER_MS
from stream_app.energy.site import NOTHING, Quarter, Rows, View, expected, instant, members_at, view
from stream_app.energy.site_memory import LOST_MS, SiteMemory
from stream_app.records import Allocation, Balance, Event, QuarterHour

REGISTRY: Final = "registry"

Published = QuarterHour | Balance | Allocation | Event


def published(site: SiteMemory, quarter: Quarter) -> View:
    """What stands published of a quarter."""
    if not quarter.series:
        return NOTHING
    return view(site.name, site.rows, quarter, closed=quarter.start < site.through)


def revise(site: SiteMemory, quarter: Quarter, before: View, reason: str) -> list[Published]:
    """The records in which the view of a quarter differs from ``before``; ``reason`` is a revision's."""
    after = view(site.name, site.rows, quarter, closed=quarter.start < site.through)
    records: list[Published] = []
    for series, record in sorted(after.series.items()):
        if before.series.get(series) != record:
            revision = quarter.series[series] = quarter.series.get(series, 0) + 1
            why = REGISTRY if series in quarter.adjusted else reason
            records.append(record._replace(revision=revision, reason=why if revision > 1 else ""))
    if after.balance is not None:
        if after.balance != before.balance:
            quarter.balance += 1
            records.append(after.balance._replace(revision=quarter.balance))
        if quarter.start >= site.through:
            site.complete.add(quarter.start)
    for point, row in sorted(after.allocations.items()):
        if before.allocations.get(point) != row:
            revision = quarter.allocations[point] = quarter.allocations.get(point, 0) + 1
            records.append(row._replace(revision=revision))
    if after.defect is not None and after.defect != before.defect:
        detail = f"no allocation of {instant(quarter.start)}: {after.defect}"
        records.append(Event(site.name, quarter.start, "sharing.defect", "ALARM", detail))
    return records


def close(site: SiteMemory, start: int) -> list[Published]:
    """Publish what is lacking in the quarter at ``site.through``: it has waited long enough."""
    known = start in site.complete or not (site.holds(start) or expected(site.rows, start))
    quarter = Quarter(start) if known else site.open(start)
    before = published(site, quarter)
    site.complete.discard(start)
    site.through = start + QUARTER_MS
    return [] if known else revise(site, quarter, before, "no data")


def change_rows(site: SiteMemory, rows: Rows, reach: int) -> list[Published]:
    """Put new registry rows in force, and publish what they change from ``reach`` on."""
    old = site.rows
    site.adopt(rows)
    records: list[Published] = []
    for start in site.starts():
        was, will = expected(old, start), expected(rows, start)
        if start < reach or (was == will and _sharing(old, start) == _sharing(rows, start)):
            continue
        quarter = site.open(start)
        before = view(site.name, old, quarter, closed=start < site.through)
        quarter.adjusted.update(series for series in quarter.series if was.get(series) != will.get(series))
        records += revise(site, quarter, before, REGISTRY)
    since = [point.valid_from for point in rows.points if point not in old.points]
    if since and site.first is not None:
        site.look_again(max(site.first, min(since), reach) // QUARTER_MS * QUARTER_MS)
    return records


def fold(site: SiteMemory, clock: int, kept_ms: int) -> None:
    """Pack what is old, and let go of what is older than ``kept_ms``, later if something in it is missing."""
    for block in site.fold(clock):
        site.forget(block - LOST_MS)
        quarters = site.quarters_of(block - kept_ms)
        if quarters and not any(_has_gaps(site, quarter) for quarter in quarters):
            site.forget(block - kept_ms)


def _has_gaps(site: SiteMemory, quarter: Quarter) -> bool:
    return any(record.amount is None for record in published(site, quarter).series.values())


def _sharing(rows: Rows, start: int) -> tuple[object, ...]:
    return (rows.site.sharing if rows.site else None, members_at(rows, start))
