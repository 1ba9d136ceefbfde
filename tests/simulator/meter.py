"""One meter: what it measures, when it speaks, and what it says."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property
from typing import NamedTuple
from zoneinfo import ZoneInfo

from tests.simulator.cipher import Cipher
from tests.simulator.models import Encoder, Model, Nameplate
from tests.simulator.registers import Counter, Registers


class Telegram(NamedTuple):
    """What leaves a meter's port at ``time_ms`` (epoch ms). The meter's clock shows that time cut to the second."""

    time_ms: int
    title: str
    link_bytes: bytes

    @property
    def measured_at(self) -> int:
        """The time inside the telegram, epoch ms; the registers are those of this moment."""
        return self.time_ms // 1000 * 1000


class Rhythm(NamedTuple):
    """Pushes at the seconds ``phase_s`` modulo ``push_s``; each leaves the port ``delay_ms`` (< 1000) later."""

    push_s: int
    phase_s: int
    delay_ms: int


class Secrets(NamedTuple):
    """The keys, and the frame counter shown before the first push of 1970."""

    encryption_key: bytes
    authentication_key: bytes
    first_counter: int
    invocation_ahead: int


class Meter:
    """A meter of a fleet. All it says is a function of time, so that any span can be asked for, again too."""

    def __init__(
        self, model: Model, nameplate: Nameplate, zone: ZoneInfo, rhythm: Rhythm, secrets: Secrets, counter: Counter
    ) -> None:
        self.model = model
        self.nameplate = nameplate
        self.zone = zone
        self.rhythm = rhythm
        self.secrets = secrets
        self.title = nameplate.title.hex().upper()
        self._counter = counter

    def registers(self, time_ms: int) -> Registers:
        """The truth at a time (epoch ms)."""
        return self._counter.at(time_ms)

    def telegrams(self, start_ms: int, end_ms: int) -> Iterator[Telegram]:
        """What leaves the port at ``start_ms ≤ time < end_ms``, in order."""
        push_s, phase_s, delay_ms = self.rhythm
        number = -((phase_s * 1000 + delay_ms - start_ms) // (push_s * 1000))
        while (at := number * push_s + phase_s) * 1000 + delay_ms < end_ms:
            yield Telegram(at * 1000 + delay_ms, self.title, self.telegram(at, number))
            number += 1

    def telegram(self, at: int, number: int) -> bytes:
        """The link bytes of push ``number`` at second ``at``."""
        counter = (self.secrets.first_counter + number) & 0xFFFFFFFF
        return self._encoder.telegram(at, counter, amounts(self.registers(at * 1000), at))

    @cached_property
    def _encoder(self) -> Encoder:
        keys = self.secrets
        control = self.model.security_control
        cipher = Cipher(self.nameplate.title, keys.encryption_key, keys.authentication_key, control)
        return Encoder(self.model, self.nameplate, cipher, self.zone, keys.invocation_ahead)


SHARES = ((1, 50), (2, 30), (3, 20))  # phase, per cent of the power on it


def amounts(now: Registers, at: int) -> dict[str, int]:
    """Every register a list of the fleet may ask for, by C.D.E, in Wh, W, varh, var, mV, mA and per mille.

    Reactive energy is a fixed part of the active one, and two tariffs share a register two to one; voltage swings a
    little, so that telegrams differ.
    """
    took, gave, draw, feed = now
    said = {"1.7.0": draw, "2.7.0": feed, "3.7.0": draw // 8, "4.7.0": feed // 9, "13.7.0": 985}
    quadrants = took // 10, gave // 40, gave // 30, took // 40
    for c, energy in enumerate((took, gave, took // 8, gave // 9, *quadrants), 1):
        said |= {f"{c}.8.0": energy, f"{c}.8.1": energy - energy // 3, f"{c}.8.2": energy // 3}
    for phase, share in SHARES:
        said |= _phase(phase, draw * share // 100, feed * share // 100, 228_000 + (at * 37 + phase * 700) % 6000)
    return said


def _phase(phase: int, draw: int, feed: int, millivolts: int) -> dict[str, int]:
    return {
        f"{2 * phase}1.7.0": draw,
        f"{2 * phase}2.7.0": feed,
        f"{2 * phase}3.7.0": draw // 8,
        f"{2 * phase}4.7.0": feed // 9,
        f"{2 * phase + 1}1.7.0": (draw + feed) * 1_000_000 // millivolts,
        f"{2 * phase + 1}2.7.0": millivolts,
    }
