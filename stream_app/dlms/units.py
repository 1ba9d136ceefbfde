"""Units: the enumeration of COSEM (Blue Book 4.3.2, table 4) and the spellings of P1 (DSMR 5.0.2 P1, 6.3)."""

from __future__ import annotations

from typing import Final

COSEM: Final = {
    1: "a", 2: "mo", 3: "wk", 4: "d", 5: "h", 6: "min", 7: "s", 8: "°", 9: "°C", 10: "currency", 11: "m", 12: "m/s",
    13: "m3", 14: "m3", 15: "m3/h", 16: "m3/h", 17: "m3/d", 18: "m3/d", 19: "l", 20: "kg", 21: "N", 22: "Nm", 23: "Pa",
    24: "bar", 25: "J", 26: "J/h", 27: "W", 28: "VA", 29: "var", 30: "Wh", 31: "VAh", 32: "varh", 33: "A", 34: "C",
    35: "V", 36: "V/m", 37: "F", 38: "Ω", 39: "Ωm2/m", 40: "Wb", 41: "T", 42: "A/m", 43: "H", 44: "Hz", 45: "1/Wh",
    46: "1/varh", 47: "1/VAh", 48: "V2h", 49: "A2h", 50: "kg/s", 51: "S", 52: "K", 56: "%", 255: "1",
}  # fmt: skip

P1_UNITS: Final = ("W", "Wh", "var", "varh", "VA", "VAh", "V", "A", "Hz", "m3", "GJ", "MJ", "J", "min", "s", "1")
P1: Final = {unit.lower(): unit for unit in P1_UNITS}
KNOWN: Final = frozenset({"", *COSEM.values(), *P1_UNITS})
PREFIXES: Final = {"k": 3, "m": -3}  # in front of one of the above: kWh, mA


def cosem_unit(number: int) -> str:
    """The unit of an enumeration value; a number the book does not know stays a number."""
    return COSEM.get(number, f"unit {number}")


def p1_unit(text: str) -> tuple[str, int]:
    """Unit and power of ten of a P1 unit: ``kWh`` is ``Wh`` and 3. The case of kVArh varies between makers."""
    unit = P1.get(text.lower())
    if unit is not None:
        return unit, 0
    unit = P1.get(text[1:].lower())
    power = PREFIXES.get(text[:1])
    return (unit, power) if unit is not None and power is not None else (text, 0)
