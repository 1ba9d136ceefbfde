"""What the rules of ``validation.csv`` make of a series, from all its amounts at once.

Shares no code with ``stream_app``. Brute force: runs of zeros by grouping the whole series, other days by an index of
all local times.
"""

from __future__ import annotations

import statistics
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from fractions import Fraction
from itertools import groupby
from typing import NamedTuple
from zoneinfo import ZoneInfo

from stream_app.registry.model import ValidationRule

Amounts = Sequence[int | None]


class Expected(NamedTuple):
    """What must stand published: amount, name of the rule, substitute."""

    amount: int | None
    rule: str | None = None
    substitute: str = "NONE"


def expected(
    amounts: Amounts, first: int, zone: ZoneInfo, rules: Sequence[ValidationRule], wanted: Iterable[int]
) -> dict[int, Expected]:
    """Of the ``wanted`` quarter-hours, counted from the one at ``first`` (epoch ms), at which ``amounts`` begin."""
    clock = [datetime.fromtimestamp(first / 1000 + n * 900, zone).replace(tzinfo=None) for n in range(len(amounts))]
    index = {}
    for n, local in reversed(list(enumerate(clock))):
        index[local] = n  # of a doubled hour the first
    runs = _runs(amounts)
    even = {n: one for rule in rules if rule.action == "distribute" for n, one in _distributed(amounts, rule, runs)}
    found = {}
    for n in wanted:

        def back(days: int, n: int = n) -> int | None:
            local = clock[n] - timedelta(days=days)
            if local < clock[0]:
                return None
            return amounts[
                index[local] if local in index else index[local + timedelta(hours=1)]
            ]  # spring skips an hour

        weeks = [Fraction(a) for a in (back(7), back(14), back(21), back(28)) if a is not None]
        earlier = {"previous-day": [back(k) for k in range(1, 8)], "previous-week": [back(7 * k) for k in range(1, 5)]}
        answers = (
            _answer(rule, amounts[n], weeks, earlier)
            for rule in rules
            if rule.action != "distribute"
            and _met(rule, amounts[n], weeks)
            and (rule.hours is None or runs[n] >= 4 * rule.hours)
        )
        found[n] = even.get(n) or next(answers, Expected(amounts[n]))
    return found


def _runs(amounts: Amounts) -> dict[int, int]:
    """The length of the run of zeros that a quarter is in."""
    runs: dict[int, int] = {}
    for zero, group in groupby(range(len(amounts)), key=lambda n: amounts[n] == 0):
        members = list(group)
        runs |= dict.fromkeys(members, len(members) if zero else 0)
    return runs


def _met(rule: ValidationRule, amount: int | None, weeks: list[Fraction]) -> bool:
    if rule.condition == "missing" or amount is None:
        return rule.condition == "missing" and amount is None
    if rule.condition in ("zero", "negative"):
        return amount == 0 if rule.condition == "zero" else amount < 0
    limit = Fraction(rule.limit or 0)
    if rule.percent is not None:
        if len(weeks) < 2:
            return False
        limit = (
            (statistics.mean(weeks) if "average" in rule.condition else statistics.median(weeks)) * rule.percent / 100
        )
    return amount > limit if rule.condition.startswith("above") else amount < limit


def _answer(
    rule: ValidationRule, amount: int | None, weeks: list[Fraction], earlier: dict[str, list[int | None]]
) -> Expected:
    name = f"{rule.condition} {rule.action}"
    if rule.action == "zero":
        return Expected(0, name, "ZERO")
    fit = [a for a in earlier.get(rule.action, []) if a is not None and not _met(rule, a, weeks)]
    return Expected(fit[0], name, rule.action.upper().replace("-", "_")) if fit else Expected(amount, name)


def _distributed(amounts: Amounts, rule: ValidationRule, runs: dict[int, int]) -> Iterable[tuple[int, Expected]]:
    for end, total in enumerate(amounts):
        length = runs.get(end - 1, 0)
        if total and max(1, 4 * (rule.hours or 0)) <= length <= 288:
            share, rest = divmod(total, length + 1)
            for n in range(length + 1):
                yield end - length + n, Expected(share + (n < rest), "zero distribute", "DISTRIBUTED")
