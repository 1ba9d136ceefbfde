"""The quality of what is put together from several values, and what the quantities are called."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from stream_app.records import Method, Quality

QUARTER_MS: Final = 900_000
DAY_MS: Final = 96 * QUARTER_MS
IMPORT: Final = "1.8.0"
EXPORT: Final = "2.8.0"

Series = tuple[str, str]  # metering point, quantity

# By the C field of the register (IEC 62056-6-1); 24 are the sub-meter channels of the push (gas, water, heat).
UNITS: Final = {"1": "Wh", "2": "Wh", **dict.fromkeys("345678", "varh"), "9": "VAh", "10": "VAh", "24": "litre"}

# From best to worst.
QUALITIES: Final[tuple[Quality, ...]] = ("MEASURED", "ADJUSTED", "CALCULATED", "ESTIMATED", "INCOMPLETE", "MISSING")
METHODS: Final[tuple[Method, ...]] = ("REGISTER", "INTERPOLATED", "COMPARABLE_DAY", "POWER", "NONE")


def unit_of(quantity: str) -> str:
    """The unit a quantity is counted in, empty where nobody has said."""
    return UNITS.get(quantity.rpartition(":")[2].partition(".")[0], "")


def quality_of_sum(qualities: Iterable[Quality]) -> Quality:
    """Only missing: MISSING; missing and anything: INCOMPLETE; else the worst there is."""
    ranks = {QUALITIES.index(quality) for quality in qualities} or {QUALITIES.index("MISSING")}
    worst = QUALITIES[max(ranks)]
    return "INCOMPLETE" if worst == "MISSING" and len(ranks) > 1 else worst
