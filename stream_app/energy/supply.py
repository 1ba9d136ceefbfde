"""Events of the supply: voltage sag, swell and cut per phase, outage and return, maximum demand exceeded.

After 003 §7.4.7–8 and 004 §5.9.2–3, as far as pushes can tell, each of which shows an instant. A condition is told once
consecutive readings have shown it for the minimum duration; its event bears the time it began. Within its band, which
is hysteresis wider than its threshold, a condition goes on; what ends it has to last as long as what begins it. A cut
prevails over a sag.

* ``voltage.sag``, ``.swell``, ``.cut`` begin, ``voltage.normal`` ends them. A phase that is dead when its meter is
  first heard is taken for one that is not connected.
* ``supply.outage`` and ``supply.return`` stand for the cut and return of the last phase that was alive. A meter whose
  supply fails says nothing at all, and silence alone may be the cable's or the gateway's (``data.silent``). It was the
  supply's if the meter made no telegrams meanwhile, which its frame counter shows, and counted no energy: a port that
  pushes on request makes none either. Both are told on return; what is not proved is not told.
* ``demand.exceeded``: the registers' mean over a quarter of an hour was above the connection's ``max_power_w``. A rise
  that the rules of validation do not believe is ``register.glitch`` instead.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Sequence
from typing import Final, NamedTuple

from stream_app.energy.meter_energy import MeterEnergy, Sample
from stream_app.energy.meter_rules import TOLERANCE
from stream_app.energy.quality import IMPORT, QUARTER_MS
from stream_app.records import Event, MeterQuarter, Severity

PHASES: Final = ("32.7.0", "52.7.0", "72.7.0")  # instantaneous voltage of L1, L2, L3
NOMINAL_MV: Final = 230_000
SAG_MV: Final = NOMINAL_MV * 90 // 100  # EN 50160: 230 V ± 10 %
SWELL_MV: Final = NOMINAL_MV * 110 // 100
CUT_MV: Final = NOMINAL_MV * 50 // 100  # about where a meter itself goes down (120 V, 003 §7.4.7)
HYSTERESIS: Final = 2  # percent of the threshold (004 §5.9.2)
MINIMUM_S: Final = 5  # 004 §5.9.2, stabilisation
OUTAGE_MS: Final = 180_000  # EN 50160: a long interruption
ANY_MV: Final = 1 << 40

Kind = tuple[str, Severity]
OUTAGE: Final[Kind] = ("supply.outage", "ALARM")
RETURN: Final[Kind] = ("supply.return", "INFO")
DEMAND: Final[Kind] = ("demand.exceeded", "WARNING")
NORMAL, SAG, SWELL, CUT = range(4)


class Condition(NamedTuple):
    """A condition of a phase: what its beginning is called, and the band (mV, inclusive) within which it goes on."""

    kind: Kind
    low: int
    high: int


CONDITIONS: Final = (
    Condition(("voltage.normal", "INFO"), SAG_MV, SWELL_MV),
    Condition(("voltage.sag", "WARNING"), CUT_MV, SAG_MV * (100 + HYSTERESIS) // 100 - 1),
    Condition(("voltage.swell", "WARNING"), SWELL_MV * (100 - HYSTERESIS) // 100 + 1, ANY_MV),
    Condition(("voltage.cut", "ALARM"), -ANY_MV, CUT_MV * (100 + HYSTERESIS) // 100 - 1),
)

_HEAD: Final = struct.Struct(">H")
_DOUBTS: Final = struct.Struct(">IH")
_HEARD: Final = 1
ALL_NORMAL: Final = [NORMAL] * len(PHASES)
CALM: Final = _HEAD.pack(_HEARD << 12)
NOTHING: Final[list[Event]] = []  # shared, never to be changed


# A phase: number (0–2), place in a push, bands in raw steps, up and down; ``values[place] * up // down`` are mV.
Phase = tuple[int, int, tuple[tuple[int, int], ...], int, int]  # a plain one: it is unpacked for every telegram


def phase(number: int, at: int, scale: int) -> Phase:
    """The compiled phase of a register that counts steps of 10 ** ``scale`` volts."""
    up, down = 10 ** max(scale + 3, 0), 10 ** max(-scale - 3, 0)
    bands = tuple((-(-one.low * down // up), -(-(one.high + 1) * down // up) - 1) for one in CONDITIONS)
    return number, at, bands, up, down


class Limits(NamedTuple):
    """What the registry says of a meter's supply."""

    system_title: str
    push_ms: int
    max_power_w: int | None


class Doubt(NamedTuple):
    """A condition not yet told, and the second (epoch) of the first of the readings that show it."""

    condition: int
    since: int


class Supply:
    """What was told of each phase, and what is in doubt. Ordinary life packs to 2 bytes, any other to 8."""

    __slots__ = ("doubts", "heard", "settled", "told")

    def __init__(self) -> None:
        self.told = ALL_NORMAL.copy()
        self.doubts: dict[int, Doubt] = {}
        self.heard = False
        self.settled = False  # heard, and nothing in doubt

    def pack(self) -> bytes:
        """Two bits each for what is told and what is in doubt; doubts are less than ``MINIMUM_S`` from each other."""
        if self.settled and self.told == ALL_NORMAL:
            return CALM
        head = _HEARD if self.heard else 0
        for number, told in enumerate(self.told):
            doubt = self.doubts.get(number)
            head = head << 4 | told << 2 | (doubt.condition if doubt else told)
        if not self.doubts:
            return _HEAD.pack(head)
        base = min(doubt.since for doubt in self.doubts.values())
        ages = sum(doubt.since - base << 3 * number for number, doubt in self.doubts.items())
        return _HEAD.pack(head) + _DOUBTS.pack(base, ages)

    @classmethod
    def unpack(cls, data: bytes, at: int) -> tuple[Supply, int]:
        """What was packed at ``at``, and where the next item begins."""
        supply = cls()
        (head,) = _HEAD.unpack_from(data, at)
        at += _HEAD.size
        supply.heard = bool(head >> 12)
        shifts = (8, 4, 0)
        supply.told = [head >> shift + 2 & 3 for shift in shifts]
        shown = [head >> shift & 3 for shift in shifts]
        if shown != supply.told:
            base, ages = _DOUBTS.unpack_from(data, at)
            at += _DOUBTS.size
            supply.doubts = {
                number: Doubt(condition, base + (ages >> 3 * number & 7))
                for number, condition in enumerate(shown)
                if condition != supply.told[number]
            }
        supply.settled = supply.heard and not supply.doubts
        return supply, at


def watch(supply: Supply, phases: Sequence[Phase], values: Sequence[int], at: int, limits: Limits) -> list[Event]:
    """Take the voltages of a telegram newer than all before. The list may be shared: do not change it.

    In ordinary life every phase stays within the band of its condition, and that is all there is to do.
    """
    if supply.settled or not phases:
        told = supply.told
        for number, index, bands, _, _ in phases:
            low, high = bands[told[number]]
            if not low <= values[index] <= high:
                break
        else:
            return NOTHING
    volts = {number: values[index] * up // down for number, index, _, up, down in phases}
    if not supply.heard:
        supply.heard = True
        supply.told = [CUT if number in volts and volts[number] < CUT_MV else NORMAL for number in range(len(PHASES))]
    return _look(supply, volts, at // 1000, limits)


def _look(supply: Supply, volts: dict[int, int], second: int, limits: Limits) -> list[Event]:
    """Readings further apart than consecutive ones are prove nothing of the time between: then doubt begins anew."""
    longest = MINIMUM_S + limits.push_ms * TOLERANCE[0] // (TOLERANCE[1] * 1000)
    known, supply.doubts = supply.doubts, {}
    sure: dict[int, Doubt] = {}
    for number, millivolts in volts.items():
        condition = _condition(supply.told[number], millivolts)
        if condition == supply.told[number]:
            continue
        doubt = known.get(number)
        if doubt is None or doubt.condition != condition or not 0 <= second - doubt.since <= longest:
            doubt = Doubt(condition, second)
        found = sure if second - doubt.since >= MINIMUM_S else supply.doubts
        found[number] = doubt
    supply.settled = not supply.doubts
    return _tell(supply, sure, volts, limits.system_title) if sure else NOTHING


def _condition(told: int, millivolts: int) -> int:
    """The condition of a phase: the one told goes on within its band, else the thresholds decide."""
    band = CONDITIONS[told]
    if band.low <= millivolts <= band.high:
        return told
    if millivolts > SWELL_MV:
        return SWELL
    return CUT if millivolts < CUT_MV else SAG if millivolts < SAG_MV else NORMAL


def _tell(supply: Supply, sure: dict[int, Doubt], volts: dict[int, int], title: str) -> list[Event]:
    """The events of what has become sure; where the last live phase goes or the first returns, it is the supply's."""
    before = all(supply.told[number] == CUT for number in volts)
    for number, doubt in sure.items():
        supply.told[number] = doubt.condition
    after = all(supply.told[number] == CUT for number in volts)
    events = []
    if before != after:
        boundary = OUTAGE if after else RETURN
        since = min(doubt.since for doubt in sure.values())
        detail = ", ".join(_volts(number, volts[number]) for number in sorted(volts))
        events = [_event(title, since * 1000, boundary, detail)]
        covered = CUT if after else NORMAL
        sure = {number: doubt for number, doubt in sure.items() if doubt.condition != covered}
    for number, (condition, since) in sure.items():
        events.append(_event(title, since * 1000, CONDITIONS[condition].kind, _volts(number, volts[number])))
    return events


def silence(
    supply: Supply, energy: MeterEnergy, sample: Sample, heard_at: int, sent: int, limits: Limits
) -> list[Event]:
    """Outage and return where they explain the silence between ``heard_at`` and the first telegram after it, a sample
    not yet given to ``energy``. ``sent``: by how much the frame counter moved, each a push interval of supply at most.
    """
    off = sample.at - heard_at - sent * limits.push_ms
    rises = [
        raw - register.raw
        for register, raw in zip(energy.registers, sample.values, strict=True)
        if raw is not None and register.at >= 0
    ]
    told = all(condition == CUT for condition in supply.told)
    if told or off <= OUTAGE_MS or not rises or any(rises):
        return NOTHING
    detail = f"no energy counted and {sent - 1} telegrams missed in {(sample.at - heard_at) // 1000} s"
    return [
        _event(limits.system_title, heard_at, OUTAGE, detail),
        _event(limits.system_title, sample.at, RETURN, detail),
    ]


def demand(found: Iterable[MeterQuarter | Event], at: int, limits: Limits) -> list[Event]:
    """The maximum demand exceeded in the quarter-hour that a telegram of ``at`` has just closed."""
    allowed = limits.max_power_w
    if allowed is None:
        return NOTHING
    end = at - at % QUARTER_MS
    means = {
        item.amount * 4
        for item in found
        if isinstance(item, MeterQuarter)
        and (item.quantity, item.start, item.end, item.quality) == (IMPORT, end - QUARTER_MS, end, "MEASURED")
        and item.amount is not None
    }
    return [
        _event(limits.system_title, end - QUARTER_MS, DEMAND, f"{mean} W on average, {allowed} W at most")
        for mean in means
        if mean > allowed
    ]


def _volts(number: int, millivolts: int) -> str:
    return f"L{number + 1} {millivolts / 1000:.1f} V"


def _event(title: str, at: int, kind: Kind, detail: str) -> Event:
    return Event(title, at, *kind, detail, title)
