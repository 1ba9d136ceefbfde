"""OBIS codes (IEC 62056-6-1, Blue Book 7): their text form, and what kind of value an object of that code holds."""

from __future__ import annotations

import re
from enum import Enum
from functools import lru_cache
from typing import Final, NamedTuple

ABSTRACT, ELECTRICITY = 0, 1
LIMIT_GROUPS: Final = range(31, 47)  # value group D: thresholds, occurrences, durations and magnitudes of limits
CURRENTS: Final = frozenset({31, 51, 71})
LAST_MEASURE: Final = 95  # value group C: from 96 on service entries, lists and profiles
FIRST_MAKER_MEASURE: Final = 128
PURE_NUMBERS: Final = frozenset({13, 33, 53, 73, 82, *range(84, 88)})  # value group C: power factors; pulses or pieces
MODEL_ID: Final = 7  # 96.1.7: by the book the eighth device id, on Nordic meters the model
CURRENT: Final = 255  # value group F
PERIODS: Final = frozenset({*range(127), CURRENT})  # billing periods: to 99 by number, from 101 on counted back

# DSMR 4 prints 1-0:99:97.0 and 1-0:72:32.0, and there are meters made after it. A billing period stands behind * if the
# meter ended it, behind & if somebody did by hand.
_TEXT: Final = re.compile(r"(?:(\d{1,3})-(\d{1,3}):)?(\d{1,3})[.:](\d{1,3})\.(\d{1,3})(?:\.255|[*&](\d{1,3}))?")


class Kind(Enum):
    """What an object holds, as far as a push is concerned."""

    REGISTER = "register"
    ID = "id"
    CLOCK = "clock"
    OTHER = "other"


class Obis(NamedTuple):
    """A code: ``name`` as ``A-B:C.D.E``, ``quantity`` as ``C.D.E`` (A and B differ between meters).

    What a register was when a billing period ended is another quantity: ``A-B:C.D.E*F``, ``C.D.E*F``.
    """

    name: str
    quantity: str
    kind: Kind


NO_CODE: Final = Obis("?", "", Kind.OTHER)


@lru_cache(maxsize=8192)
def obis(code: bytes) -> Obis:
    """The OBIS code of six octets."""
    a, b, c, d, e, f = code
    kind = _kind(a, c, d, e)
    if f == CURRENT:
        quantity = f"{c}.{d}.{e}"
    else:
        quantity = f"{c}.{d}.{e}*{f}"
        kind = kind if kind is Kind.REGISTER else Kind.OTHER
    return Obis(f"{a}-{b}:{quantity}", quantity, kind)


def parse(text: str) -> Obis:
    """The code written as ``A-B:C.D.E`` or ``A-B:C.D.E*F``, of electricity without ``A-B:``. Raises ``ValueError``."""
    match = _TEXT.fullmatch(text)
    if match is None:
        raise ValueError(f"{text!r} is no OBIS code")
    a, b, c, d, e, f = match.groups()
    return obis(bytes((int(a or ELECTRICITY), int(b or 0), int(c), int(d), int(e), int(f or CURRENT))))


def is_pure_number(one: Obis) -> bool:
    """Whether it is a quantity of electricity that has no unit."""
    return one.name.startswith("1-") and int(one.quantity.partition(".")[0]) in PURE_NUMBERS


def _kind(a: int, c: int, d: int, e: int) -> Kind:
    if a == ABSTRACT:
        return _abstract_kind(c, d, e)
    if (c, d) in ((0, 0), (96, 1)) and e <= 9:
        return Kind.ID
    if d in LIMIT_GROUPS or (c in CURRENTS and d == 4):  # DSMR: 31.4.0 is the fuse threshold
        return Kind.OTHER
    return Kind.REGISTER if 0 < c <= LAST_MEASURE or c >= FIRST_MAKER_MEASURE else Kind.OTHER


def _abstract_kind(c: int, d: int, e: int) -> Kind:
    if (c, d, e) == (1, 0, 0):
        return Kind.CLOCK
    if (c, d, e) in ((42, 0, 0), (24, 1, 0)) or ((c, d) == (96, 1) and e <= 9 and e != MODEL_ID):
        return Kind.ID
    return Kind.REGISTER if (c, d) == (24, 2) else Kind.OTHER
