"""Stage one's energy: what one device counted between two boundaries, from its telegrams in whatever order they come.

A meter has one timeline per register, so that a telegram counts for the registers it carries. ``advance`` takes a
telegram, ``adopt`` a change of the registry (or a restored state), ``sweep`` the passing of time. All three change the
state they are given, read no clock, and answer with what is to be published: a later ``MeterQuarter`` of the same site,
title, quantity, start and end replaces the earlier one. ``clock_ms`` is the stream clock.

In ordinary life a telegram moves the front of each register and nothing else; everything rarer is in ``timeline``.
"""

from __future__ import annotations

import struct
from typing import Final

from stream_app.energy.meter_rules import MeterRules, RegisterRules, rules_for
from stream_app.energy.settling import NEVER
from stream_app.energy.timeline import Register, Timeline
from stream_app.records import Event, MeterQuarter

__all__ = ["MeterEnergy", "MeterRules", "Sample", "adopt", "advance", "rules_for", "sweep"]

_FRONT: Final = struct.Struct(">qqIIB")
_HEAD: Final = struct.Struct(">IB")
_SIZES: Final = struct.Struct(">HB")
NOTHING: Final[list[MeterQuarter | Event]] = []  # shared, so that ordinary life allocates nothing; never to be changed


class Sample:
    """One verified telegram: measured time (epoch ms) and one register value per quantity of the rules, or None."""

    __slots__ = ("at", "authenticated", "values")

    def __init__(self, at: int, values: tuple[int | None, ...], authenticated: bool) -> None:
        self.at = at
        self.values = values
        self.authenticated = authenticated


class MeterEnergy:
    """The state of one meter. ``due``: the stream clock at which time alone changes something.

    ``wide_dirty``: what ``pack_wide`` packs has changed since it was last packed. A state that was unpacked is to be
    given to ``adopt`` before anything else.
    """

    __slots__ = ("due", "fingerprint", "quantities", "registers", "silent", "wide_dirty")

    def __init__(self) -> None:
        self.registers: tuple[Register, ...] = ()
        self.quantities: tuple[str, ...] = ()
        self.fingerprint = 0
        self.due = NEVER
        self.silent = False
        self.wide_dirty = False

    def pack_thin(self) -> bytes:
        """What changes with every telegram: 26 bytes a register."""
        fronts = [_FRONT.pack(r.at, r.raw, r.telegrams, r.coverage, r.authenticated) for r in self.registers]
        return b"".join((b"\1" if self.silent else b"\0", *fronts))

    def unpack_thin(self, data: bytes) -> None:
        """Take what ``pack_thin`` wrote."""
        fronts = list(_FRONT.iter_unpack(data[1:]))
        self._make_registers(len(fronts))
        self.silent = data[0] != 0
        for register, (at, raw, telegrams, coverage, authenticated) in zip(self.registers, fronts, strict=True):
            register.at, register.raw, register.telegrams, register.coverage = at, raw, telegrams, coverage
            register.authenticated = bool(authenticated)

    def pack_wide(self) -> bytes:
        """What changes with the quarter."""
        self.wide_dirty = False
        names = " ".join(self.quantities).encode()
        parts = [_HEAD.pack(self.fingerprint, len(names)), names]
        for register in self.registers:
            parts += _SIZES.pack(len(register.history), len(register.profile)), register.history, register.profile
        return b"".join(parts)

    def unpack_wide(self, data: bytes) -> None:
        """Take what ``pack_wide`` wrote."""
        self.fingerprint, length = _HEAD.unpack_from(data)
        at = _HEAD.size + length
        self.quantities = tuple(data[_HEAD.size : at].decode().split())
        self._make_registers(len(self.quantities))
        for register in self.registers:
            history, profile = _SIZES.unpack_from(data, at)
            middle = at + _SIZES.size + history
            register.history = data[at + _SIZES.size : middle]
            register.profile = data[middle : middle + profile]
            at = middle + profile

    def _make_registers(self, count: int) -> None:
        """Thin and wide record may come in any order."""
        if len(self.registers) != count:
            self.registers = tuple(Register() for _ in range(count))


def advance(energy: MeterEnergy, sample: Sample, rules: MeterRules, clock_ms: int) -> list[MeterQuarter | Event]:
    """Take one verified telegram. The list may be shared: do not change it."""
    found = NOTHING
    at, authenticated = sample.at, sample.authenticated
    energy.silent = False
    for register, rule, raw in zip(energy.registers, rules.registers, sample.values):  # noqa: B905 - aligned by ``adopt``
        if raw is None:
            continue
        elapsed = at - register.at
        if elapsed > 0 and at < register.next and clock_ms < register.due and 0 <= raw - register.raw <= rule.at_once:
            register.at = at
            register.raw = raw
            register.authenticated = authenticated
            register.telegrams += 1
            if elapsed <= rules.tolerance_ms:
                register.coverage += elapsed
        elif elapsed:
            timeline = Timeline(register, rule, rules, clock_ms)
            timeline.read(at, raw, authenticated)
            found = _close(energy, timeline, rules, at, found)
    return found


def adopt(energy: MeterEnergy, rules: MeterRules, clock_ms: int) -> list[MeterQuarter | Event]:
    """Take new rules, or the same ones for a restored state. Doing it twice changes nothing."""
    changed = energy.fingerprint != rules.fingerprint
    if changed:
        kept = dict(zip(energy.quantities, energy.registers, strict=True))
        energy.registers = tuple(kept.get(quantity) or Register() for quantity in rules.quantities)
        energy.quantities, energy.fingerprint = rules.quantities, rules.fingerprint
        energy.wide_dirty = True
    found = NOTHING
    for register, rule in zip(energy.registers, rules.registers, strict=True):
        timeline = Timeline(register, rule, rules, clock_ms)
        if changed:
            timeline.recut()
            timeline.adopt_known(clock_ms, tell=True)
        found = _close(energy, timeline, rules, clock_ms, found)
    _set_due(energy)
    return found


def sweep(energy: MeterEnergy, rules: MeterRules, clock_ms: int) -> list[MeterQuarter | Event]:
    """Let time pass without a telegram. The list may be shared: do not change it."""
    found = NOTHING
    if clock_ms >= energy.due:
        found = _let_time_pass(energy, rules, clock_ms)
    if not energy.silent and energy.registers:
        newest = max(register.at for register in energy.registers)
        if 0 <= newest < clock_ms - rules.grace_ms and any(_serves(rule, clock_ms) for rule in rules.registers):
            energy.silent = True
            detail = f"no reading for {(clock_ms - newest) // 1000} s"
            event = Event(rules.system_title, clock_ms, "data.silent", "WARNING", detail, rules.system_title)
            found = [*found, event]
    return found


def _serves(rule: RegisterRules, at: int) -> bool:
    return bool(rule.sites(at, at + 1))


def _let_time_pass(energy: MeterEnergy, rules: MeterRules, clock: int) -> list[MeterQuarter | Event]:
    found = NOTHING
    for register, rule in zip(energy.registers, rules.registers, strict=True):
        if clock >= register.due:
            timeline = Timeline(register, rule, rules, clock)
            timeline.adopt_known(clock)
            found = _close(energy, timeline, rules, clock, found)
    return found


def _set_due(energy: MeterEnergy) -> None:
    energy.due = min((register.due for register in energy.registers), default=NEVER)


def _close(
    energy: MeterEnergy, timeline: Timeline, rules: MeterRules, at: int, found: list[MeterQuarter | Event]
) -> list[MeterQuarter | Event]:
    """Put a register back to sleep; ``found`` and what it has to say. A gap of several registers is one event."""
    register, rule, title = timeline.register, timeline.rules, rules.system_title
    before = register.history, register.profile
    timeline.close()
    if (register.history, register.profile) != before:
        energy.wide_dirty = True
    _set_due(energy)
    told = {item.type for item in found if isinstance(item, Event)} & {"data.gap"}
    quarters = [
        MeterQuarter(site, title, rule.quantity, start, end, *amount)
        for (start, end), amount in timeline.history.published.items()
        for site in rule.sites(start, end)
    ]
    events = [
        Event(title, at, kind, severity, f"{rule.quantity}: {detail}", title)
        for kind, severity, detail in timeline.findings
        if kind not in told
    ]
    return [*found, *quarters, *events]
