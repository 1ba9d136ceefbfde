"""No key material and no plaintext in anything stage one says: outputs, headers, events, tallies, exceptions.

A reading tells what a telegram said, in fields of its own; the octets of the plaintext are nowhere.
"""

from __future__ import annotations

import random
import traceback
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from edge_agent.link.errors import MeterDataError
from stream_app.dlms.cipher import AuthenticationKey, EncryptionKey, MeterKeys, Sealed, unseal
from stream_app.keys.ring import KeyRing
from stream_app.lane.stage import Output
from stream_app.registry.model import Directory, Meter, Point, Site
from stream_app.replay import MAX_COUNTER
from stream_app.trust import open_telegram
from tests.stream_app import ingest_harness
from tests.stream_app.ingest_harness import TOPICS, Bench, Frame
from tests.stream_app.secrets import leaks

T0 = 1_790_000_100_000
METERS = [
    ingest_harness.Meter(f"4C475A10{number:08X}", random.Random(number).randbytes(16), version=number)
    for number in range(1, 4)
]
UNKNOWN = ingest_harness.Meter("4B464D0005F5E101", random.Random(99).randbytes(16))
NEXT = MeterKeys(EncryptionKey(b"the next key, EK"), AuthenticationKey(b"the next key, AK"), 9)
DIRECTORY = Directory(
    meters=[Meter(METERS[0].title, security="authenticated"), Meter(METERS[1].title, replay="strict")],
    points=[Point(f"CH{meter.title}", meter.title, "S1", 0) for meter in METERS],
    sites=[Site("S1", "Europe/Zurich")],
)
ALL_KEYS = [NEXT, UNKNOWN.keys, *(meter.keys for meter in METERS)]
SECRETS: list[bytes] = [key for keys in ALL_KEYS for key in (keys.encryption, keys.authentication) if key]
ALL_REFUSALS = {"unknown_key", "authentication", "plaintext", "replay", "misrouted", "downgrade", "clear_text_refused",
                "cipher_header"}  # fmt: skip

Disturbance = Callable[[random.Random, ingest_harness.Meter, Frame], Frame]


def flipped(chance: random.Random, meter: ingest_harness.Meter, frame: Frame) -> Frame:
    value = bytearray(frame.value or b"")
    value[chance.randrange(11, len(value))] ^= chance.randrange(1, 256)
    return frame._replace(value=bytes(value))


def cut(chance: random.Random, meter: ingest_harness.Meter, frame: Frame) -> Frame:
    value = frame.value or b""
    return frame._replace(value=value[: chance.randrange(len(value))])


def under_anothers_header(chance: random.Random, meter: ingest_harness.Meter, frame: Frame) -> Frame:
    other = chance.choice([one for one in METERS if one is not meter])
    value = frame.value or b""
    return frame._replace(key=other.title.encode(), value=value[:2] + bytes.fromhex(other.title) + value[10:])


def misrouted(chance: random.Random, meter: ingest_harness.Meter, frame: Frame) -> Frame:
    return frame._replace(key=chance.choice([None, UNKNOWN.title.encode(), b"\xff" * 8]))


def of_an_unknown_meter(chance: random.Random, meter: ingest_harness.Meter, frame: Frame) -> Frame:
    return UNKNOWN.frame(7, frame.timestamp)


def under_the_next_key(chance: random.Random, meter: ingest_harness.Meter, frame: Frame) -> Frame:
    renewed = ingest_harness.Meter(meter.title)
    renewed.keys = NEXT
    return renewed.frame(chance.randrange(1000), frame.timestamp)


DISTURBANCES: tuple[Disturbance, ...] = (
    lambda chance, meter, frame: frame,
    flipped,
    cut,
    under_anothers_header,
    misrouted,
    of_an_unknown_meter,
    under_the_next_key,
    lambda chance, meter, frame: meter.frame(0, frame.timestamp, control=0),
    lambda chance, meter, frame: meter.frame(1, T0 + 60_000),
    lambda chance, meter, frame: meter.frame(MAX_COUNTER, frame.timestamp + 900_000),
)


def telegrams(chance: random.Random) -> Iterator[Frame]:
    """Two good ones for each that is disturbed."""
    for counter in range(1, 200):
        meter, control = chance.choice(METERS), chance.choice([0x30, 0x20])
        frame = meter.frame(counter, T0 + counter * 60_000, counter, control=control)
        yield frame if counter % 3 else chance.choice(DISTURBANCES)(chance, meter, frame)


def said(outputs: list[Output]) -> Iterator[str | bytes]:
    """Everything that leaves, but for the captured octets of a reject: those were on the cable."""
    for output in outputs:
        yield output.key or b""
        yield b"" if output.topic == TOPICS.rejects else output.value or b""
        yield from (name.encode() + b"=" + (value or b"") for name, value in output.headers)


@pytest.mark.interpreted
def test_stage_one_tells_no_key_and_no_plaintext(monkeypatch: pytest.MonkeyPatch) -> None:
    raised: list[str] = []
    plaintexts: set[bytes] = set()  # the nonsense under a wrong key among them

    def overheard(*arguments: Any) -> Any:
        try:
            return open_telegram(*arguments)
        except MeterDataError as error:
            raised.append("".join(traceback.format_exception(error)) + f"{error!r}{vars(error)}{error.__context__!r}")
            raise

    def watched(sealed: Sealed, keys: MeterKeys) -> bytes:
        plaintexts.add(plaintext := unseal(sealed, keys))
        return plaintext

    monkeypatch.setattr("stream_app.ingest.open_telegram", overheard)
    monkeypatch.setattr("stream_app.trust.unseal", watched)
    keys = [(meter.title, one) for meter in METERS for one in (meter.keys, NEXT)]
    bench = Bench(KeyRing(keys), DIRECTORY, rotation_grace_ms=100_000_000)
    outputs = bench.feed(telegrams(random.Random(4)), T0 + 20_000_000) + bench.stage.sweep(bench.state, T0 + 40_000_000)
    changelog = [octets or b"" for entry in bench.stage.changes(bench.state) for octets in entry]
    state = [repr(bench.stage.tally), repr(bench.stage.knowledge), repr(vars(bench.stage)), repr(bench.state.meters)]
    everything = [*said(outputs), *raised, *changelog, *state]

    assert ALL_REFUSALS <= bench.stage.tally.keys()
    assert bench.stage.tally["accepted"] > 50
    assert {"key.promoted", "key.wrong"} < {event.type for event in ingest_harness.decoded(outputs, TOPICS.events)}
    assert [] == [leak for one in everything for leak in leaks(one, SECRETS)]
    assert [] == leaks(b"|".join(one if isinstance(one, bytes) else one.encode() for one in everything), plaintexts)
