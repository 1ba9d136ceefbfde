"""What every contestant of a run is given: the same telegrams of the same meters."""

from __future__ import annotations

from collections.abc import Iterator
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
    for turn in range(rounds):
        at = START + turn * PUSH_SECONDS
        amounts = Amounts({"1.8.0": 1_000_000 + turn})
        for meter in meters:
            yield Telegram(meter.title.encode(), meter.encoder.telegram(at, turn + 1, amounts), at * 1000)
