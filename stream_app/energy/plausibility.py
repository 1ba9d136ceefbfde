"""Which quarter-hours are not plausible, and what takes their place. Pure.

A *verdict* follows from what was counted and the rules alone, never from another verdict: no substitute is made of
substitutes. The first rule of the series whose condition is met decides, but distributing goes before all else, as it
concerns many quarter-hours at once.

==================  =================================================================================================
zero                a zero, with ``hours`` in a run of zeros of at least that length: the whole run, from its begin
above, below        than ``limit``
above-average …     than ``percent`` of the average or median of the comparable days: the same local time and weekday
                    of the last four weeks, of which at least two must have an amount
------------------  -------------------------------------------------------------------------------------------------
previous-day        what was counted at the same local time of the nearest of the last seven days that has an amount
                    which does not meet the condition; without any the amount stays
previous-week       the same for the last four weeks
distribute          a run of zeros (of at least ``hours``, at most three days) and what the register counted at once
                    behind it: shared out evenly, the earlier quarter-hour favoured, so that the sum stays
==================  =================================================================================================
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from fractions import Fraction
from typing import Final, NamedTuple
from zoneinfo import ZoneInfo

from stream_app.energy.comparable import WEEKS, earlier
from stream_app.energy.quality import QUARTER_MS, Series
from stream_app.records import QuarterHour, Substitute
from stream_app.registry.model import Action, ValidationRule

Counted = Callable[[Series, int], int | None]  # what was counted of a series in the quarter-hour from an instant on
Meets = Callable[[int | None], bool]

PER_HOUR: Final = 4
LONGEST: Final = 72 * PER_HOUR  # quarter-hours of a run of zeros
LEAST_COMPARABLE: Final = 2
SILENT: Final[tuple[Action, ...]] = ("keep", "distribute")  # no event
SOURCES: Final[dict[Action, tuple[Substitute, Sequence[int]]]] = {  # the substitute, and how many days back it may lie
    "previous-day": ("PREVIOUS_DAY", range(1, 8)),
    "previous-week": ("PREVIOUS_WEEK", WEEKS),
}


class Verdict(NamedTuple):
    """The rule that a quarter-hour has met, and the amount of the substitute unless that is NONE."""

    rule: ValidationRule
    substitute: Substitute = "NONE"
    amount: int | None = None

    @property
    def name(self) -> str:
        """As it stands in the record."""
        return f"{self.rule.condition} {self.rule.action}"

    def of(self, record: QuarterHour) -> QuarterHour:
        """The record with what the verdict makes of it."""
        if self.substitute == "NONE":
            return record._replace(rule=self.name)
        return record._replace(
            amount=self.amount,
            quality="ESTIMATED",
            rule=self.name,
            substitute=self.substitute,
            original_amount=record.amount,
        )


class Backlog(NamedTuple):
    """Zeros from ``first`` on, and at ``end`` the quarter-hour in which the register counted ``total`` at once."""

    first: int
    end: int
    total: int

    def part(self, start: int) -> int:
        """The share of the quarter-hour that begins at ``start``."""
        share, left_over = divmod(self.total, (self.end - self.first) // QUARTER_MS + 1)
        return share + ((start - self.first) // QUARTER_MS < left_over)


def verdict(
    rules: Sequence[ValidationRule], zone: ZoneInfo, series: Series, start: int, counted: Counted
) -> Verdict | None:
    """What the rules of a series say of its quarter-hour; those that distribute stand first."""
    amount = counted(series, start)
    for rule in rules:
        if rule.action == "distribute":
            backlog = backlog_around(rule, series, start, counted)
            if backlog is not None:
                return Verdict(rule, "DISTRIBUTED", backlog.part(start))
            continue
        meets = _condition(rule, zone, series, start, counted)
        if meets(amount) and (rule.hours is None or lasts(rule.hours, series, start, counted)):
            return _answer(rule, zone, series, start, counted, meets)
    return None


def backlog_around(rule: ValidationRule, series: Series, start: int, counted: Counted) -> Backlog | None:
    """The backlog that a quarter-hour belongs to, if it is one that the rule distributes."""
    amount = counted(series, start)
    if amount is None:
        return None
    end = start if amount else start + (1 + zeros_beside(series, start, QUARTER_MS, LONGEST, counted)) * QUARTER_MS
    first = start - zeros_beside(series, start, -QUARTER_MS, LONGEST, counted) * QUARTER_MS
    total = counted(series, end)
    if (
        total is not None
        and total > 0
        and max(1, (rule.hours or 0) * PER_HOUR) <= (end - first) // QUARTER_MS <= LONGEST
    ):
        return Backlog(first, end, total)
    return None


def lasts(hours: int, series: Series, start: int, counted: Counted) -> bool:
    """Does the run of zeros around a zero last so long?"""
    wanted = hours * PER_HOUR
    around = sum(zeros_beside(series, start, step, wanted, counted) for step in (-QUARTER_MS, QUARTER_MS))
    return around + 1 >= wanted


def zeros_beside(series: Series, start: int, step: int, most: int, counted: Counted) -> int:
    """How many zeros follow each other on one side of a quarter-hour, up to one more than ``most``."""
    return next((n for n in range(most + 1) if counted(series, start + (n + 1) * step) != 0), most + 1)


def days_back(rule: ValidationRule) -> frozenset[int]:
    """How many days before a quarter-hour those lie that the rule compares it with or takes instead."""
    compared = WEEKS if rule.percent is not None else ()
    return frozenset(compared).union(SOURCES[rule.action][1] if rule.action in SOURCES else ())


def _condition(rule: ValidationRule, zone: ZoneInfo, series: Series, start: int, counted: Counted) -> Meets:
    """The condition for any amount in the place of this quarter-hour."""
    side, _, base = rule.condition.partition("-")
    if side in PLAIN:
        return PLAIN[side]
    threshold = Fraction(rule.limit or 0)
    if base:
        amounts = (counted(series, earlier(zone, start, days)) for days in WEEKS)
        there = sorted(amount for amount in amounts if amount is not None)
        if len(there) < LEAST_COMPARABLE:
            return lambda amount: False
        threshold = Fraction(rule.percent or 0, 100) * BASES[base](there)
    if side == "above":
        return lambda amount: amount is not None and amount > threshold
    return lambda amount: amount is not None and amount < threshold


PLAIN: Final[dict[str, Meets]] = {
    "missing": lambda amount: amount is None,
    "zero": lambda amount: amount == 0,
    "negative": lambda amount: amount is not None and amount < 0,
}
BASES: Final[dict[str, Callable[[list[int]], Fraction]]] = {
    "average": lambda amounts: Fraction(sum(amounts), len(amounts)),
    "median": lambda amounts: Fraction(amounts[(len(amounts) - 1) // 2] + amounts[len(amounts) // 2], 2),
}


def _answer(
    rule: ValidationRule, zone: ZoneInfo, series: Series, start: int, counted: Counted, meets: Meets
) -> Verdict:
    if rule.action == "zero":
        return Verdict(rule, "ZERO", 0)
    if rule.action not in SOURCES:
        return Verdict(rule)
    substitute, days = SOURCES[rule.action]
    candidates: Iterator[int | None] = (counted(series, earlier(zone, start, day)) for day in days)
    found = next((amount for amount in candidates if amount is not None and not meets(amount)), None)
    return Verdict(rule) if found is None else Verdict(rule, substitute, found)
