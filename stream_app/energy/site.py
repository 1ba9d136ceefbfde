"""What a site knows of one quarter-hour, and what follows from it: quarter-hours, balance, allocations. Pure.

Meter-quarters arrive as *parts* (one device, one quantity, a stretch of the quarter). The registry rows of the site
say which parts make up which *series* (metering point, quantity). Everything published is a function of the parts held
and the rows in force, ``view``; nothing is ever added to or taken from an earlier result. So a revision is the
difference between two views, whatever has changed: late data, an exchange announced late, a member that joined.

Parts of one quarter are put together only when all are there: amounts, coverage and telegrams add up, the worst
quality, method and boundary distance count, authenticated if all are, the later device names it. A quarter of which one
part has no amount has none either: the sum of the rest would be too small and look true.

Where the site has rules for plausibility, a view is made with their verdicts on the quarter (``judge``).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from functools import lru_cache
from typing import Final, NamedTuple

from stream_app.energy.community import allocations_of, withdrawn
from stream_app.energy.plausibility import Verdict
from stream_app.energy.quality import EXPORT, IMPORT, METHODS, QUALITIES, QUARTER_MS, Series, quality_of_sum, unit_of
from stream_app.energy.sharing import SharingError
from stream_app.records import Allocation, Balance, Method, Quality, QuarterHour
from stream_app.registry.model import Member, Point, Site, ValidationRule

Stretch = tuple[str, int, int]  # system title, start, end: a part that a series is made of


class Part(NamedTuple):
    """What one device counted in a stretch of a quarter: the fields of ``MeterQuarter`` behind its key."""

    amount: int | None
    quality: Quality
    method: Method
    coverage_s: int
    telegrams: int
    boundary_distance_ms: int
    authenticated: bool


ABSENT: Final = Part(None, "MISSING", "NONE", 0, 0, 0, False)


class Rows(NamedTuple):
    """The registry rows of one site, as adopted, each table in the order of the ``Directory``."""

    site: Site | None = None
    points: tuple[Point, ...] = ()
    members: tuple[Member, ...] = ()
    rules: tuple[ValidationRule, ...] = ()


class Quarter:
    """One quarter-hour of a site: the parts that are held, and the revision each record has reached.

    ``parts`` by system title and quantity, then by start and end; ``adjusted`` are the series that a correction of the
    registry has touched after they were published.
    """

    __slots__ = ("adjusted", "allocations", "balance", "parts", "series", "start")

    def __init__(self, start: int) -> None:
        self.start = start
        self.parts: dict[tuple[str, str], dict[tuple[int, int], Part]] = {}
        self.series: dict[Series, int] = {}
        self.adjusted: set[Series] = set()
        self.balance = 0
        self.allocations: dict[str, int] = {}

    def put(self, title: str, quantity: str, start: int, end: int, part: Part) -> None:
        """Hold a part, in the place of an earlier one of the same device, quantity and stretch."""
        self.parts.setdefault((title, quantity), {})[start, end] = part


class View(NamedTuple):
    """What stands published of a quarter, or ought to: the records without revision and reason.

    ``defect`` says why there are no allocations where there should be.
    """

    series: dict[Series, QuarterHour]
    balance: Balance | None
    allocations: dict[str, Allocation]
    defect: str | None = None


NOTHING: Final = View({}, None, {})
PLAUSIBLE: Final[Mapping[Series, Verdict]] = {}


@lru_cache(maxsize=4096)  # the same few quarters, again and again
def instant(ms: int) -> str:
    """A start as it stands in a record key.

    >>> instant(1_774_745_100_000)
    '2026-03-29T00:45:00Z'
    """
    return datetime.fromtimestamp(ms // 1000, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def expected(rows: Rows, start: int) -> dict[Series, tuple[Stretch, ...]]:
    """The series of which this quarter must have a record, each with its stretches in order of time."""
    end = start + QUARTER_MS
    found: defaultdict[Series, tuple[Stretch, ...]] = defaultdict(tuple)
    for point in rows.points:
        since = max(point.valid_from, start)
        until = end if point.valid_to is None else min(point.valid_to, end)
        if since < until:
            for quantity in point.measured_quantities():
                found[point.metering_point, quantity] += ((point.system_title, since, until),)
    return dict(found)


def members_at(rows: Rows, start: int) -> tuple[Member, ...]:
    """The members that share in this quarter: those whose membership is in force when it begins."""
    if rows.site is None or rows.site.sharing == "none":
        return ()
    return tuple(m for m in rows.members if m.valid_from <= start and (m.valid_to is None or start < m.valid_to))


def view(
    site: str, rows: Rows, quarter: Quarter, *, closed: bool, verdicts: Mapping[Series, Verdict] = PLAUSIBLE
) -> View:
    """Everything there is to publish of this quarter.

    A series whose parts are not all there is left out while it may still come; it is MISSING once the quarter is
    ``closed`` or a record of it has been published. The balance waits until every series has its record; it and the
    shares are made of the amounts that the verdicts leave or put there.
    """
    wanted = expected(rows, quarter.start)
    series: dict[Series, QuarterHour] = {}
    for key in wanted.keys() | quarter.series.keys():
        record = _quarter_hour(site, quarter, key, wanted.get(key, ()), closed=closed)
        if record is not None:
            series[key] = record
    for key, verdict in verdicts.items():
        if key in series:
            series[key] = verdict.of(series[key])
    if wanted.keys() - series.keys():
        return View(series, None, {})
    records = {key: series[key] for key in wanted}
    balance = balance_of(site, quarter.start, records)
    if not (balance.points or quarter.balance):
        return View(series, None, {})
    try:
        return View(series, balance, _allocations(site, rows, quarter, records))
    except SharingError as error:
        return View(series, balance, {}, str(error))


def _allocations(site: str, rows: Rows, quarter: Quarter, records: dict[Series, QuarterHour]) -> dict[str, Allocation]:
    model = rows.site.sharing if rows.site else "none"
    members = members_at(rows, quarter.start)
    allocations = allocations_of(site, model, quarter.start, members, records) if members else {}
    for point in quarter.allocations.keys() - allocations.keys():
        allocations[point] = withdrawn(site, model, quarter.start, point)
    return allocations


def balance_of(site: str, start: int, members: dict[Series, QuarterHour]) -> Balance:
    """The balance of a quarter from its members' records. A side that nobody measures counts as nothing in the rest."""
    energy = {key: record for key, record in members.items() if key[1] in (IMPORT, EXPORT)}
    imported = _side(energy, IMPORT)
    exported = _side(energy, EXPORT)
    points = {point for point, _ in energy}
    missing = {point for (point, _), record in energy.items() if record.amount is None}
    net = matched = grid_import = grid_export = None
    measured = {quantity for _, quantity in energy}
    taken = imported if IMPORT in measured else 0
    given = exported if EXPORT in measured else 0
    if measured and taken is not None and given is not None:
        net, matched = taken - given, min(taken, given)
        grid_import, grid_export = taken - matched, given - matched
    return Balance(
        site,
        start,
        start + QUARTER_MS,
        imported,
        exported,
        net,
        matched,
        grid_import,
        grid_export,
        len(points),
        len(missing),
        quality_of_sum(record.quality for record in energy.values()),
        0,
    )


def _side(energy: dict[Series, QuarterHour], quantity: str) -> int | None:
    amounts = [r.amount for (_, q), r in energy.items() if q == quantity and r.amount is not None]
    return sum(amounts) if amounts else None


def _quarter_hour(
    site: str, quarter: Quarter, key: Series, stretches: Sequence[Stretch], *, closed: bool
) -> QuarterHour | None:
    """The record of a series; None while parts may still come. No stretch: the registry has withdrawn the series."""
    point, quantity = key
    parts: list[Part] = []
    for title, since, until in stretches:
        covering = _covering(quarter.parts.get((title, quantity), {}), since, until)
        if not covering:
            if not closed and key not in quarter.series:
                return None
            covering = [ABSENT]
        parts += covering
    whole = _together(parts) if parts else ABSENT._replace(quality="ADJUSTED")
    if key in quarter.adjusted and whole.amount is not None:
        whole = whole._replace(quality="ADJUSTED")
    title = stretches[-1][0] if stretches else ""
    end = quarter.start + QUARTER_MS
    return QuarterHour(
        point, site, title, quantity, unit_of(quantity), quarter.start, end, *whole, "NON_VALIDATED", 0, ""
    )


def amount_of(quarter: Quarter, quantity: str, stretches: Sequence[Stretch]) -> int | None:
    """What was counted in all of the stretches together; None unless it is known of each."""
    covers = [_covering(quarter.parts.get((title, quantity), {}), since, until) for title, since, until in stretches]
    return _together([part for cover in covers for part in cover]).amount if covers and all(covers) else None


def _covering(parts: Mapping[tuple[int, int], Part], since: int, until: int) -> list[Part]:
    """The parts that cover a stretch without gap or overlap; none if there is no such cover."""
    exact = parts.get((since, until))
    if exact is not None:
        return [exact]
    cover: list[Part] = []
    at = since
    while at < until:
        reach = max((end for start, end in parts if start == at and end <= until), default=None)
        if reach is None:
            return []
        cover.append(parts[at, reach])
        at = reach
    return cover


def _together(parts: Sequence[Part]) -> Part:
    if len(parts) == 1:
        return parts[0]
    amounts = [part.amount for part in parts if part.amount is not None]
    complete = len(amounts) == len(parts)
    return Part(
        sum(amounts) if complete else None,
        max((part.quality for part in parts), key=QUALITIES.index),
        max((part.method for part in parts), key=METHODS.index),
        sum(part.coverage_s for part in parts),
        sum(part.telegrams for part in parts),
        max(part.boundary_distance_ms for part in parts),
        all(part.authenticated for part in parts),
    )
