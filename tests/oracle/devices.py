"""Simulated meters with everything that befalls them: what they truly counted, what they sent, and when it arrived.

Shares no code with ``stream_app``. Power is constant within a minute, so the true register is known at any instant. The
meter's clock drifts; telegrams are lost (a minute to three days), held back (minutes to days, delivered in order or
shuffled), jumbled within the grace; registers wrap, glitch and are reset; a device may be exchanged.
"""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Iterator
from typing import NamedTuple

MINUTE = 60_000
HOUR = 60 * MINUTE
DAY = 24 * HOUR
LIMIT = 99_999_999  # KSMW §5.2, CT meters
MAX_POWER_W = 30_000


class Sent(NamedTuple):
    """A telegram: arrival, the meter's time, its registers as sent, and as they truly counted (None: a glitch)."""

    arrival: int
    at: int
    raw: tuple[int, ...]
    authenticated: bool
    value: tuple[int | None, ...]


class Stretch(NamedTuple):
    """Minutes in which something happens to the telegrams."""

    begin: int
    end: int
    fate: str
    arrival: int = 0


class Device:
    """One meter from ``start`` on for a number of minutes; import and export in Wh.

    ``reset_at``: minute in which service sets the registers to zero, if ever.
    """

    def __init__(self, seed: int, start: int, minutes: int, *, wraps: bool = False, resets: bool = False) -> None:
        self.chance = random.Random(seed)
        self.start = start
        self.minutes = minutes
        chance = self.chance
        self.first = (LIMIT - 200_000 if wraps else chance.randrange(50_000_000), chance.randrange(1_000_000))
        self.reset_at = chance.randrange(minutes // 3, minutes // 2) if resets else None
        self.cumulated = tuple(self._cumulate(power) for power in (self._load, self._sun))
        self.stretches = self._stretches()

    def true(self, at: int, register: int) -> int:
        """The register at an instant in thousandths of a Wh, counted on across wraps and resets."""
        minute, rest = divmod(at - self.start, MINUTE)
        done = self.cumulated[register]
        minute = min(max(minute, 0), self.minutes - 1)
        return self.first[register] * 1000 + done[minute] + (done[minute + 1] - done[minute]) * rest // MINUTE

    def telegrams(self) -> Iterator[Sent]:
        """What arrives, in order of arrival."""
        sent = [telegram for minute in range(self.minutes) if (telegram := self._send(minute))]
        return iter(sorted(sent, key=lambda telegram: telegram.arrival))

    def _send(self, minute: int) -> Sent | None:
        chance = self.chance
        moment = self.start + minute * MINUTE + 7_000 + chance.randrange(900)
        fates = [s for s in self.stretches if s.begin <= minute < s.end]
        if any(s.fate == "lost" for s in fates):
            return None
        arrival = moment + 300 + chance.randrange(2_000)
        for stretch in fates:
            if stretch.fate == "jumbled":
                arrival = moment + chance.randrange(25 * MINUTE)
            elif stretch.fate == "held":
                arrival = self.start + stretch.arrival * MINUTE + (minute - stretch.begin) * 40
            elif stretch.fate == "shuffled":
                arrival = self.start + stretch.arrival * MINUTE + chance.randrange(MINUTE)
        drift = int(8_000 * math.sin(minute / 9_000)) // 1000 * 1000
        value = tuple(self.true(moment, register) // 1000 for register in (0, 1))
        at = (moment + drift) // 1000 * 1000
        raw = tuple(self._shown(v, minute, register) for register, v in enumerate(value))
        if minute > 2 and chance.random() < 1 / 15_000 and raw[0] > 1_000_000 and raw[0] < LIMIT - 1_000_000:
            raw = (chance.choice([0, raw[0] - 5_000, raw[0] + 10_000_000]), raw[1])
            return Sent(arrival, at, raw, True, (None, value[1]))
        return Sent(arrival, at, raw, chance.random() > 1e-4, value)

    def _shown(self, value: int, minute: int, register: int) -> int:
        if self.reset_at is not None and minute >= self.reset_at:
            value -= self.true(self.start + self.reset_at * MINUTE, register) // 1000
        return value % (LIMIT + 1)

    def _stretches(self) -> list[Stretch]:
        chance, stretches = self.chance, []
        at = 200
        while at < self.minutes - 1:
            at += chance.randrange(300, 30_000)
            fate = chance.choice(["lost", "lost", "jumbled", "held", "shuffled"])
            longest = {"lost": 4_320, "jumbled": 2_000, "held": 4_320, "shuffled": 12}[fate]
            length = max(int(math.exp(chance.uniform(0, math.log(longest)))), 8 if fate in ("held", "shuffled") else 1)
            arrival = at + length + chance.randrange(60, 14_000)
            if self.reset_at is not None and at - 60 < self.reset_at < at + length + 60:
                continue
            if fate in ("lost", "jumbled") or arrival < self.minutes - 60:
                stretches.append(Stretch(at, at + length, fate, arrival))
            at += length + 60
        return stretches

    def _cumulate(self, power: Callable[[int], float]) -> list[int]:
        done, total = [0], 0
        for minute in range(self.minutes):
            total += int(power(minute) * 1000 / 60)
            done.append(total)
        return done

    def _load(self, minute: int) -> float:
        hour = minute / 60 % 24
        weekend = minute // 1440 % 7 in (5, 6)
        morning = 900 * math.exp(-((hour - (10 if weekend else 7)) ** 2) / 3)
        base = 180 + morning + 1500 * math.exp(-((hour - 19) ** 2) / 4)
        return base * self.chance.uniform(0.6, 1.4) + (6_000 if self.chance.random() < 0.004 else 0)

    def _sun(self, minute: int) -> float:
        season = 1 - 0.7 * math.cos(2 * math.pi * minute / 525_600)
        height = math.sin(math.pi * (minute / 60 % 24 - 6) / 12)
        return max(height, 0) * 3_000 * season * self.chance.uniform(0.3, 1)
