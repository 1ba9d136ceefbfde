"""Blind mutation: many telegrams, cheaply made, and a look at the memory."""

from __future__ import annotations

import random
import resource
import time
from collections import Counter
from typing import NamedTuple

from stream_app.dlms.notification import Reader
from tests.fuzz.target import corpus, run_in_time

INTERESTING = (
    0x00,
    0x01,
    0x02,
    0x09,
    0x0C,
    0x0F,
    0x10,
    0x16,
    0x20,
    0x30,
    0x68,
    0x7E,
    0x7F,
    0x80,
    0x81,
    0x84,
    0xDB,
    0xE0,
    0xFF,
)
WARM = 0.2  # of the telegrams: caches are full after them


class Outcome(NamedTuple):
    """A storm's result; ``growth_kb``: peak memory at the end beyond that when caches were full."""

    telegrams: int
    seconds: float
    kinds: Counter[str]
    growth_kb: int


def mutate(data: bytes, chance: random.Random) -> bytes:
    """Change, drop, double or cut a few octets, behind the three that choose."""
    octets = bytearray(data)
    for _ in range(chance.choice((1, 1, 1, 2, 4))):
        at = chance.randrange(3, max(4, len(octets)))
        match chance.randrange(6):
            case 0 | 1:
                octets[at : at + 1] = bytes((chance.randrange(256),))
            case 2:
                octets[at : at + 1] = bytes((chance.choice(INTERESTING),))
            case 3:
                del octets[at : at + chance.randrange(1, 9)]
            case 4:
                octets[at:at] = octets[at : at + chance.randrange(1, 40)]
            case _:
                del octets[at : None if chance.random() < 0.2 else at + 1]
    return bytes(octets)


def storm(count: int, seed: int) -> Outcome:
    """Run ``count`` mutated telegrams."""
    chance, inputs, reader = random.Random(seed), corpus(), Reader()
    kinds: Counter[str] = Counter()
    start, warm = time.perf_counter(), 0
    for number in range(count):
        if number == int(count * WARM):
            warm = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        kinds[run_in_time(mutate(chance.choice(inputs), chance), reader)] += 1
    growth = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - warm
    return Outcome(count, time.perf_counter() - start, kinds, growth)
