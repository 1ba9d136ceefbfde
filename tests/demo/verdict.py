"""What came out, beside what must have."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Hashable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from tests.demo.watch import Watch

QUARTER_MS = 900_000
QUARTER_FIELDS = ("amount", "quality")
BALANCE_FIELDS = (
    *("import_wh", "export_wh", "net_wh", "matched_wh", "grid_import_wh", "grid_export_wh"),
    *("points", "points_missing", "quality"),
)


class Tally(NamedTuple):
    """How many were compared, by quality; those that differ and those that are not there."""

    expected: Counter[str]
    deviating: list[str]
    missing: list[str]

    @property
    def compared(self) -> int:
        """All of them."""
        return self.expected.total()

    @property
    def exact(self) -> int:
        """Equal in every field compared."""
        return self.compared - len(self.deviating) - len(self.missing)


class Verdict(NamedTuple):
    """Telegrams delivered and read, both comparisons, and the seconds from the first reading to the first balance."""

    telegrams: int
    readings: int
    quarters: Tally
    balances: Tally
    first_balance_s: float | None

    @property
    def right(self) -> bool:
        """Nothing lost, nothing doubled, nothing wrong."""
        wrong = any(tally.deviating or tally.missing for tally in (self.quarters, self.balances))
        return not wrong and self.telegrams == self.readings


def judge(oracle: Path, watch: Watch) -> Verdict:
    """Compare all quarter-hours that every meter of the site has passed."""
    told = json.loads(oracle.read_text())
    settled = told["settled_ms"]
    expected_quarters = {
        (row["metering_point"], row["quantity"], row["start"]): row
        for row in told["quarters"]
        if row["start"] + QUARTER_MS <= settled[row["site"]]
    }
    expected_balances = {
        (row["site"], row["start"]): row
        for row in told["balances"]
        if row["start"] + QUARTER_MS <= settled[row["site"]]
    }
    return Verdict(
        told["telegrams"],
        watch.readings,
        _compare(expected_quarters, watch.quarters, QUARTER_FIELDS),
        _compare(expected_balances, watch.balances, BALANCE_FIELDS),
        watch.first_balance - watch.first_reading if watch.first_balance and watch.first_reading else None,
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
    return Tally(Counter(row["quality"] for row in expected.values()), deviating, missing)


def _name(key: tuple[Hashable, ...]) -> str:
    return "|".join(map(str, key))


def lines(verdict: Verdict) -> list[str]:
    """For people."""
    shown = [f"telegrams delivered {verdict.telegrams}, readings {verdict.readings}"]
    if verdict.first_balance_s is not None:
        shown.append(f"first balance {verdict.first_balance_s:.1f} s after the first reading")
    for name, tally in (("quarter-hours", verdict.quarters), ("balances", verdict.balances)):
        shown.append(
            f"{name}: {tally.compared} compared with the oracle, {tally.exact} exact, "
            f"{len(tally.deviating)} deviating, {len(tally.missing)} missing"
        )
        shown.append(f"  {', '.join(f'{count} {quality}' for quality, count in tally.expected.most_common())}")
        shown += [f"  {line}" for line in (*tally.deviating, *(f"{key}: missing" for key in tally.missing))][:10]
    return shown
