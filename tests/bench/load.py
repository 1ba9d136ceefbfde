"""What every contestant of a run is given: the same telegrams of the same meters."""

from __future__ import annotations

from collections.abc import Iterator
from random import Random
from typing import NamedTuple
from zoneinfo import ZoneInfo

from tests.simulator.cipher import Cipher
from tests.simulator.models import E450_28, Encoder

START = 1_774_746_000  # 2026-03-29T01:00:00Z, an hour that local time skips
PUSH_SECONDS = 5
PARTITIONS = 4
ZONE = "Europe/Zurich"


class Amounts(dict[str, int]):
    """The registers of a telegram; those nobody set stand still."""

    def __missing__(self, quantity: str) -> int:
        return 100_000


class Meter(NamedTuple):
    """A Landis+Gyr E450 that pushes the 28 objects of the Swiss extended list under a tag."""

    title: str
    encryption_key: bytes
    authentication_key: bytes
    encoder: Encoder


class Telegram(NamedTuple):
    """A record of ``frames``; ``at`` in epoch milliseconds."""

    title: bytes
    captured: bytes
    at: int


def make_meters(count: int, version: int = 1) -> list[Meter]:
    """Meters with keys of their own, other ones in each version."""
    meters = []
    for number in range(count):
        plate = E450_28.nameplate(number)
        seed = number + (version << 32)
        keys = seed.to_bytes(16, "big"), seed.to_bytes(16, "little")
        cipher = Cipher(plate.title, *keys, E450_28.security_control)
        encoder = Encoder(E450_28, plate, cipher, ZoneInfo(ZONE))
        meters.append(Meter(plate.title.hex().upper(), *keys, encoder))
    return meters


def make_telegrams(meters: list[Meter], rounds: int) -> Iterator[Telegram]:
    """One telegram per meter and round, in the order of time; import rises by a watt-hour each."""
    random = Random(rounds)
    energies = [random.randrange(100_000, 50_000_000) for _ in meters]
    for turn in range(rounds):
        at = START + turn * PUSH_SECONDS
        for meter, energy in zip(meters, energies, strict=True):
            captured = meter.encoder.telegram(at, turn + 1, _household(random, energy, turn))
            yield Telegram(meter.title.encode(), captured, at * 1000)


def _household(random: Random, energy: int, turn: int) -> Amounts:
    """Registers as different as those of houses, powers, voltages and currents that change with every telegram."""
    watts = [random.randrange(3000) for _ in range(3)]
    amounts = Amounts({"1.8.0": energy + turn, "2.8.0": energy // 3, "3.8.0": energy // 5, "4.8.0": energy // 7})
    amounts |= {"1.7.0": sum(watts), "2.7.0": 0}
    for phase, power in enumerate(watts):
        c = 20 * phase
        amounts |= {f"{21 + c}.7.0": power, f"{22 + c}.7.0": 0, f"{23 + c}.7.0": power // 4, f"{24 + c}.7.0": 0}
        amounts |= {f"{32 + c}.7.0": random.randrange(225_000, 236_000), f"{31 + c}.7.0": power * 1000 // 230}
    return amounts
