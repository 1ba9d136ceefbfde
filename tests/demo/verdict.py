"""What came out, beside what must have."""

from __future__ import annotations

import json
from collections.abc import Hashable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from stream_app.records import Balance, QuarterHour
from tests.demo.watch import BalanceKey, QuarterKey

QUARTER_MS = 900_000
QUARTER_FIELDS = ("amount", "quality")
BALANCE_FIELDS = (
    *("import_wh", "export_wh", "net_wh", "matched_wh", "grid_import_wh", "grid_export_wh"),
    *("points", "points_missing", "quality"),
)


class Tally(NamedTuple):
    """How many were compared; the keys of those that differ and of those that are not there."""

    compared: int
    deviating: list[str]
    missing: list[str]

    @property
    def exact(self) -> int:
        """Equal in every field compared."""
        return self.compared - len(self.deviating) - len(self.missing)


class Verdict(NamedTuple):
    """Telegrams delivered and read, and both comparisons."""

    telegrams: int
    readings: int
    quarters: Tally
    balances: Tally

    @property
    def right(self) -> bool:
        """Nothing lost, nothing doubled, nothing wrong, and something to compare."""
        tallies = (self.quarters, self.balances)
        wrong = any(tally.deviating or tally.missing or not tally.compared for tally in tallies)
        return not wrong and self.telegrams == self.readings


def judge(
    oracle: Path, readings: int, quarters: Mapping[QuarterKey, QuarterHour], balances: Mapping[BalanceKey, Balance]
) -> Verdict:
    """Compare all quarter-hours that every meter has passed."""
    told = json.loads(oracle.read_text())
    expected_quarters = {
        (row["metering_point"], row["quantity"], row["start"]): row
        for row in told["quarters"]
        if row["start"] + QUARTER_MS <= told["settled_ms"]
    }
    expected_balances = {
        (row["site"], row["start"]): row for row in told["balances"] if row["start"] + QUARTER_MS <= told["settled_ms"]
    }
    return Verdict(
        told["telegrams"],
        readings,
        _compare(expected_quarters, quarters, QUARTER_FIELDS),
        _compare(expected_balances, balances, BALANCE_FIELDS),
    )


def _compare(expected: Mapping[Any, Any], found: Mapping[Any, Any], fields: tuple[str, ...]) -> Tally:
    """A quarter that can only be MISSING may be published or not: the first of a run is nobody's."""
    deviating, missing = [], []
    for key, row in expected.items():
        wanted = tuple(row[field] for field in fields)
        if key in found:
            got = tuple(getattr(found[key], field) for field in fields)
            if got != wanted:
                deviating.append(f"{_name(key)}: {got}, expected {wanted}")
        elif row["quality"] != "MISSING":
            missing.append(_name(key))
    return Tally(len(expected), deviating, missing)


def _name(key: tuple[Hashable, ...]) -> str:
    return "|".join(map(str, key))


def lines(verdict: Verdict) -> list[str]:
    """For people."""
    shown = [f"telegrams delivered {verdict.telegrams}, readings {verdict.readings}"]
    for name, tally in (("quarter-hours", verdict.quarters), ("balances", verdict.balances)):
        shown.append(
            f"{name}: {tally.compared} compared with the oracle, {tally.exact} exact, "
            f"{len(tally.deviating)} deviating, {len(tally.missing)} missing"
        )
        shown += [f"  {line}" for line in (*tally.deviating, *(f"{key}: missing" for key in tally.missing))][:10]
    return shown
