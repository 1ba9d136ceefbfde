"""What a row of ``validation.csv`` must say: conditions and what each admits (table "Value conditions and actions for
profile meterings" in a head-end's data validation).

Left out of that table: what only says "anything", and values that a person types in. A gap has no total to distribute:
the register before and after it is true, so whoever fills it with data has shared it out already.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, NamedTuple

from stream_app.registry.files import Rows
from stream_app.registry.lines import Problem
from stream_app.registry.model import Action, Condition, ValidationRule

FILE: Final = "validation.csv"
UNCHANGED: Final[tuple[Action, ...]] = ("flag", "keep")
EARLIER: Final[tuple[Action, ...]] = ("previous-day", "previous-week")


class Admits(NamedTuple):
    """What may stand in a row beside its condition: the actions, the column that it needs, the one it may have."""

    actions: tuple[Action, ...]
    needs: str = ""
    may_have: str = ""


ADMITTED: Final[dict[Condition, Admits]] = {
    "missing": Admits((*UNCHANGED, "zero", *EARLIER)),
    "zero": Admits((*UNCHANGED, *EARLIER, "distribute"), may_have="hours"),
    "negative": Admits((*UNCHANGED, *EARLIER)),
    "above": Admits((*UNCHANGED, *EARLIER), needs="limit"),
    "below": Admits((*UNCHANGED, *EARLIER), needs="limit"),
    "above-average": Admits((*UNCHANGED, *EARLIER), needs="percent"),
    "below-average": Admits((*UNCHANGED, *EARLIER), needs="percent"),
    "above-median": Admits((*UNCHANGED, *EARLIER), needs="percent"),
    "below-median": Admits((*UNCHANGED, *EARLIER), needs="percent"),
}
COLUMNS: Final = ("limit", "percent", "hours")


def admitted(rows: Rows) -> Iterator[Problem]:
    """Conditions with an action or a column that is not theirs."""
    for line, rule in rows.validation_rules.items():
        admits = ADMITTED[rule.condition]
        if rule.action not in admits.actions:
            wanted = ", ".join(admits.actions)
            yield Problem(FILE, line, f"action {rule.action} does not go with {rule.condition}: wanted {wanted}")
        for column in COLUMNS:
            there = getattr(rule, column) is not None
            if column == admits.needs and not there:
                yield Problem(FILE, line, f"{column} is empty: {rule.condition} needs it")
            if there and column not in (admits.needs, admits.may_have):
                yield Problem(FILE, line, f"{column} says nothing about {rule.condition}")


def measured(rows: Rows) -> Iterator[Problem]:
    """Quantities that their points do not measure. Of a point with a faulty row nobody knows."""
    quantities: dict[str, set[str]] = {}
    for point in rows.points.values():
        quantities.setdefault(point.metering_point, set()).update(point.measured_quantities())
    for line, point in rows.every["points.csv"].items():
        if line not in rows.points:
            quantities.pop(point.metering_point, None)
    for line, rule in rows.validation_rules.items():
        known = quantities.get(rule.metering_point)
        if known and rule.quantity and rule.quantity not in known:
            yield Problem(FILE, line, f"{rule.metering_point} does not measure {rule.quantity}")


def reachable(rows: Rows) -> Iterator[Problem]:
    """Rows that never have their turn. Distributing concerns many quarter-hours at once, so it goes before all else."""
    earlier: dict[str, list[tuple[int, ValidationRule]]] = {}
    for line, rule in rows.validation_rules.items():
        before = earlier.setdefault(rule.metering_point, [])
        for other_line, other in before:
            shared = rule.concerns(other.quantity) or other.concerns(rule.quantity)
            if shared and rule.action == "distribute":
                text = (
                    f"distribute must stand before the other rows of {rule.metering_point}, such as line {other_line}"
                )
                yield Problem(FILE, line, text)
                break
            if other.action != "distribute" and other.concerns(rule.quantity) and _includes(other, rule):
                yield Problem(FILE, line, f"line {other_line} meets all that this one does, and comes first")
                break
        before.append((line, rule))


def _includes(one: ValidationRule, other: ValidationRule) -> bool:
    if one.condition != other.condition:
        return False
    bounds = [rule.limit or rule.percent or rule.hours or 0 for rule in (one, other)]
    return bounds == sorted(bounds, reverse=one.condition.startswith("below"))


RULES: Final = (admitted, measured, reachable)
