"""The rules of a site in force over what it holds: its verdicts, and which of them a changed amount may change."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Final
from zoneinfo import ZoneInfo

from stream_app.energy.comparable import later
from stream_app.energy.originals import Originals
from stream_app.energy.plausibility import (
    LONGEST,
    Counted,
    Verdict,
    backlog_around,
    days_back,
    lasts,
    verdict,
    zeros_beside,
)
from stream_app.energy.quality import QUARTER_MS, Series
from stream_app.energy.site import Quarter, Rows
from stream_app.registry.model import ValidationRule

UTC: Final = "UTC"


class Judge:
    """For the rows of a site that has rules; ``counted`` are the amounts as they stand now."""

    def __init__(self, rows: Rows, glance: Callable[[int], Mapping[int, Quarter]]) -> None:
        self._zone = ZoneInfo(rows.site.timezone if rows.site else UTC)
        self._rules = {series: rules for series in _series(rows) if (rules := _rules_of(rows, series))}
        self._days = {
            series: sorted(frozenset[int]().union(*map(days_back, rules))) for series, rules in self._rules.items()
        }
        self.counted = Originals(rows, self._rules, glance)

    def verdicts(self, start: int, counted: Counted | None = None) -> dict[Series, Verdict]:
        """The verdicts on a quarter-hour; ``counted`` in the place of the amounts as they stand now."""
        found = {
            series: verdict(rules, self._zone, series, start, counted or self.counted)
            for series, rules in self._rules.items()
            if self.counted.whole(series, start)
        }
        return {series: one for series, one in found.items() if one is not None}

    def amounts(self, start: int) -> dict[Series, int | None]:
        """What was counted in a quarter-hour, of each series that has rules."""
        return {series: self.counted(series, start) for series in self._rules}

    def referring(self, series: Series, start: int, was: Counted, among: Callable[[int], bool]) -> Iterator[int]:
        """The quarter-hours whose verdict may change with this amount, ``among`` those that count.

        ``was``: the amounts before.
        """
        for days in self._days[series]:
            yield from later(self._zone, start, days, among)
        for rule in self._rules[series]:
            if rule.hours is None and rule.action != "distribute":
                continue
            for beside in (start - QUARTER_MS, start + QUARTER_MS):
                if _fate(rule, series, beside, was) != _fate(rule, series, beside, self.counted):
                    yield from filter(among, _run(series, beside, self.counted))


def _fate(rule: ValidationRule, series: Series, start: int, counted: Counted) -> object:
    """What all zeros of a run share."""
    if rule.action == "distribute":
        return backlog_around(rule, series, start, counted)
    return counted(series, start) == 0 and lasts(rule.hours or 0, series, start, counted)


def _run(series: Series, start: int, counted: Counted) -> range:
    """The run of zeros around a quarter-hour, that one and the one behind the run."""
    behind, ahead = (zeros_beside(series, start, step, LONGEST, counted) for step in (-QUARTER_MS, QUARTER_MS))
    return range(start - behind * QUARTER_MS, start + (ahead + 2) * QUARTER_MS, QUARTER_MS)


def _series(rows: Rows) -> list[Series]:
    return list(
        dict.fromkeys((p.metering_point, quantity) for p in rows.points for quantity in p.measured_quantities())
    )


def _rules_of(rows: Rows, series: Series) -> list[ValidationRule]:
    point, quantity = series
    rules = [rule for rule in rows.rules if rule.metering_point == point and rule.concerns(quantity)]
    return sorted(rules, key=lambda rule: rule.action != "distribute")
