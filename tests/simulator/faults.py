"""What happens to telegrams between the meter and the edge: noise, a cut, an echo, a cable pulled for a while."""

from __future__ import annotations

import random
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from tests.simulator.meter import Telegram


class Silence(NamedTuple):
    """The cable of a meter is off at ``start_ms ≤ time < end_ms``; the meter goes on counting and pushing."""

    title: str
    start_ms: int
    end_ms: int


class Faults(NamedTuple):
    """Chances per telegram of noise before it, of its being cut short, of its coming twice; and silences."""

    noise: float = 0.0
    cut: float = 0.0
    echo: float = 0.0
    silences: tuple[Silence, ...] = ()
    seed: int = 1


class Wire(NamedTuple):
    """What comes over the line at ``telegram.time_ms``; ``intact``: the telegram is whole in it."""

    telegram: Telegram
    data: bytes
    intact: bool


NOISE_OCTETS = 40
FLAG_OCTETS = 1  # an HDLC frame is whole without its last flag


def disturbed(telegrams: Iterable[Telegram], faults: Faults) -> Iterator[Wire]:
    """What is left of the telegrams; the same again for the same seed."""
    chance = random.Random(faults.seed)
    for telegram in telegrams:
        if any(s.title == telegram.title and s.start_ms <= telegram.time_ms < s.end_ms for s in faults.silences):
            continue
        noise = chance.randbytes(chance.randint(1, NOISE_OCTETS)) if chance.random() < faults.noise else b""
        whole = len(telegram.link_bytes) - FLAG_OCTETS
        cut = chance.randrange(1, whole) if chance.random() < faults.cut else None
        times = 2 if chance.random() < faults.echo else 1
        yield Wire(telegram, noise + telegram.link_bytes[:cut] * times, cut is None)
