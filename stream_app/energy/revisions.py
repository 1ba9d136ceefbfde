"""What has to be published of a site when something has changed: the difference between two views of a quarter.

Same content, no record; other content, next revision. ``revise`` is the only place where a revision is counted.
``Reopened`` gathers what a batch changes. Where a site has rules for plausibility, an amount that changes may change
the verdict on quarters that refer to it: on its neighbours in a run of zeros, on the same time of later days.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from stream_app.energy.judge import Judge
from stream_app.energy.originals import LOOK_BACK_MS
from stream_app.energy.plausibility import SILENT, Verdict
from stream_app.energy.quality import QUARTER_MS, Series
from stream_app.energy.site import NOTHING, PLAUSIBLE, Quarter, Rows, View, expected, instant, members_at, view
from stream_app.energy.site_memory import LOST_MS, SiteMemory
from stream_app.records import Allocation, Balance, Event, QuarterHour

REGISTRY: Final = "registry"
REFERENCE: Final = "comparable data"

Published = QuarterHour | Balance | Allocation | Event


class Reopened:
    """The quarters of a site that a batch changes, and what stood published of them."""

    __slots__ = ("_amounts", "_before", "_site")

    def __init__(self, site: SiteMemory) -> None:
        self._site = site
        self._before: dict[int, tuple[Quarter, View]] = {}
        self._amounts: dict[int, dict[Series, int | None]] = {}

    def quarter(self, start: int) -> Quarter:
        """The quarter that begins at ``start``, to be changed."""
        known = self._before.get(start)
        if known is not None:
            return known[0]
        quarter = self._site.open(start)
        judge = self._site.judge
        if judge is not None:
            self._amounts[start] = judge.amounts(start)
        self._before[start] = quarter, self._stood(quarter, judge)
        return quarter

    def revise(self) -> list[Published]:
        """What the changes change."""
        found: list[Published] = []
        judge = self._site.judge
        if judge is not None:
            for quarter, _ in self._before.values():
                judge.counted.refresh(quarter)
        for quarter, before in self._before.values():
            found += revise(self._site, quarter, before, "late data")
        if judge is not None:
            for start in self._referring(judge):
                if judge.verdicts(start) != judge.verdicts(start, self._was):
                    quarter = self._site.open(start)
                    found += revise(self._site, quarter, self._stood(quarter, judge), REFERENCE)
        return found

    def _stood(self, quarter: Quarter, judge: Judge | None) -> View:
        verdicts = PLAUSIBLE if judge is None else judge.verdicts(quarter.start, self._was)
        return _published(self._site, quarter, verdicts)

    def _was(self, series: Series, start: int) -> int | None:
        amounts = self._amounts.get(start)
        if amounts is not None:
            return amounts[series]
        judge = self._site.judge
        return None if judge is None else judge.counted(series, start)

    def _referring(self, judge: Judge) -> list[int]:
        found: set[int] = set()
        for start, amounts in self._amounts.items():
            for series, amount in amounts.items():
                if judge.counted(series, start) != amount:
                    found.update(judge.referring(series, start, self._was, self._site.holds))
        return sorted(found - self._before.keys())


def _published(site: SiteMemory, quarter: Quarter, verdicts: Mapping[Series, Verdict]) -> View:
    """What stands published of a quarter."""
    if not quarter.series:
        return NOTHING
    return view(site.name, site.rows, quarter, closed=quarter.start < site.through, verdicts=verdicts)


def revise(site: SiteMemory, quarter: Quarter, before: View, reason: str) -> list[Published]:
    """The records in which the view of a quarter differs from ``before``; ``reason`` is a revision's."""
    verdicts = site.verdicts(quarter.start)
    after = view(site.name, site.rows, quarter, closed=quarter.start < site.through, verdicts=verdicts)
    records: list[Published] = []
    for series, record in sorted(after.series.items()):
        if before.series.get(series) != record:
            revision = quarter.series[series] = quarter.series.get(series, 0) + 1
            why = REGISTRY if series in quarter.adjusted else reason
            records.append(record._replace(revision=revision, reason=why if revision > 1 else ""))
            if series in verdicts and reason != REGISTRY:
                records += _news(site, record, before.series.get(series), verdicts[series])
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


def _news(site: SiteMemory, record: QuarterHour, before: QuarterHour | None, verdict: Verdict) -> list[Event]:
    """The event that a rule has been met: one for the first quarter of a run."""
    if verdict.rule.action in SILENT or (before is not None and before.rule == record.rule):
        return []
    series, previous = (record.metering_point, record.quantity), record.start - QUARTER_MS
    if site.first is not None and site.first <= previous:
        last = site.verdicts(previous).get(series)
        if last is not None and last.name == verdict.name:
            return []
    counted = record.amount if record.substitute == "NONE" else record.original_amount
    amount = "nothing" if counted is None else f"{counted} {record.unit}"
    detail = f"{record.quantity} from {instant(record.start)} on: {amount} meets {verdict.name}"
    return [
        Event(
            record.system_title,
            record.start,
            f"validation.{verdict.rule.condition}",
            "WARNING",
            detail,
            record.system_title,
            record.metering_point,
        )
    ]


def close(site: SiteMemory, start: int) -> list[Published]:
    """Publish what is lacking in the quarter at ``site.through``: it has waited long enough."""
    known = start in site.complete or not (site.holds(start) or expected(site.rows, start))
    quarter = Quarter(start) if known else site.open(start)
    before = NOTHING if known else _published(site, quarter, site.verdicts(start))
    site.complete.discard(start)
    site.through = start + QUARTER_MS
    return [] if known else revise(site, quarter, before, "no data")


def change_rows(site: SiteMemory, rows: Rows, reach: int) -> list[Published]:
    """Put new registry rows in force, and publish what they change from ``reach`` on."""
    old, judge = site.rows, site.judge
    site.adopt(rows)
    records: list[Published] = []
    for start in site.starts():
        was, will = expected(old, start), expected(rows, start)
        judged = PLAUSIBLE if judge is None else judge.verdicts(start)
        verdicts = site.verdicts(start)
        if start < reach:
            changed = was == will and judged != verdicts
        else:
            changed = was != will or judged != verdicts or _sharing(old, start) != _sharing(rows, start)
        if not changed:
            continue
        quarter = site.open(start)
        before = view(site.name, old, quarter, closed=start < site.through, verdicts=judged)
        quarter.adjusted.update(
            series
            for series in quarter.series
            if was.get(series) != will.get(series) or _substitute(judged, series) != _substitute(verdicts, series)
        )
        records += revise(site, quarter, before, REGISTRY)
    since = [point.valid_from for point in rows.points if point not in old.points]
    if since and site.first is not None:
        site.look_again(max(site.first, min(since), reach) // QUARTER_MS * QUARTER_MS)
    return records


def fold(site: SiteMemory, clock: int, kept_ms: int) -> None:
    """Pack what is old, and let go of what is older than ``kept_ms``, later if something in it is missing."""
    for block in site.fold(clock):
        quarters = site.quarters_of(block - kept_ms)
        whole = quarters and not any(_has_gaps(site, quarter) for quarter in quarters)
        for leaving in (block - LOST_MS, *([block - kept_ms] if whole else ())):
            if site.judge is None:
                site.forget(leaving)
            else:
                site.retire(leaving)
        for held_ms in (LOST_MS, kept_ms):
            site.release(block - held_ms - LOOK_BACK_MS, LOOK_BACK_MS)


def _has_gaps(site: SiteMemory, quarter: Quarter) -> bool:
    """Is anything missing in what was counted, whatever stands in its place?"""
    return any(record.amount is None for record in _published(site, quarter, PLAUSIBLE).series.values())


def _substitute(verdicts: Mapping[Series, Verdict], series: Series) -> tuple[object, ...]:
    verdict = verdicts.get(series)
    return (verdict.substitute, verdict.amount) if verdict is not None else ("NONE", None)


def _sharing(rows: Rows, start: int) -> tuple[object, ...]:
    return (rows.site.sharing if rows.site else None, members_at(rows, start))
