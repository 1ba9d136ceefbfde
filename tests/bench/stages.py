"""Where the time goes inside stage one: each step alone, on the same telegrams, in this process.

The best of some rounds counts, for the machine is never ours alone. A step alone has the processor's caches for itself:
their sum is less than the whole.
"""

from __future__ import annotations

import gc
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any
from zlib import crc32

from edge_agent.link.telegram import reread
from stream_app.avro import load_codecs
from stream_app.commands.worker import GARBAGE
from stream_app.dlms.cipher import AuthenticationKey, EncryptionKey, MeterKeys, Sealed, read_header, unseal
from stream_app.ingest import IngestStage
from stream_app.keys.ring import KeyRing
from stream_app.lane.stage import Headers
from stream_app.meter_plan import Knowledge, Limits
from stream_app.registry.model import Directory, Point, Site
from stream_app.registry.model import Meter as RegisteredMeter
from stream_app.replay import ReplayGuard, Verdict
from stream_app.topics import Topics
from tests.bench.load import PUSH_SECONDS, START, ZONE, Meter, Telegram

HEADERS: Headers = (
    ("edge-id", b"edge-1"),
    ("port", b"p1"),
    ("edge-seq", b"1234567"),
    ("received-at", b"2026-03-29T01:00:00.000Z"),
    ("link", b"hdlc"),
    ("clock-synced", b"true"),
)


class Record:
    """A record of ``frames`` as the lane hands it over."""

    __slots__ = ("headers", "key", "offset", "partition", "timestamp", "topic", "value")

    def __init__(self, telegram: Telegram, offset: int, topic: str) -> None:
        self.topic, self.partition, self.offset = topic, 0, offset
        self.key, self.value, self.timestamp = telegram
        self.headers = HEADERS


def knowledge_of(meters: Sequence[Meter]) -> Knowledge:
    """Keys and registry of the bench's meters."""
    keys = [
        (m.title, MeterKeys(EncryptionKey(m.encryption_key), AuthenticationKey(m.authentication_key))) for m in meters
    ]
    directory = Directory(
        [RegisteredMeter(m.title, scale_profile="lg-e450", push_seconds=PUSH_SECONDS) for m in meters],
        [Point(f"CH{n:08d}", m.title, f"S{n // 10}", START * 1000 - 900_000) for n, m in enumerate(meters)],
        [Site(f"S{n}", ZONE) for n in range(len(meters) // 10 + 1)],
    )
    return Knowledge(KeyRing(keys), directory, Limits())


def time_stages(meters: Sequence[Meter], telegrams: Sequence[Telegram]) -> dict[str, float]:
    """µs of CPU per telegram, by step. "Changelog" is what the lane has the stage write of the meters it has heard."""
    topics = Topics()
    knowledge = knowledge_of(meters)
    stage = IngestStage(topics, load_codecs(), knowledge, partitions=1, targets=1)
    state = stage.new_state(0)
    now = telegrams[-1].at
    records = [Record(telegram, offset, topics.frames) for offset, telegram in enumerate(telegrams)]
    gc.collect()
    gc.freeze()
    gc.set_threshold(*GARBAGE)
    stage.step(state, records[: len(meters)], now)
    stage.changes(state)
    whole, written = [], []
    for round_ in list(_rounds(records, len(meters)))[1:]:
        whole.append(_each(lambda part: stage.step(state, part, now), [round_]) / len(meters))
        written.append(_each(lambda _: stage.changes(state), [round_]) / len(meters))

    rest = telegrams[len(meters) :]
    apdus = [reread(t.captured, "hdlc").apdu for t in rest]
    sealed = [read_header(apdu) for apdu in apdus]
    keys = [knowledge.ring.of(t.title.decode())[0].keys for t in rest]
    plain = [unseal(s, k) for s, k in zip(sealed, keys, strict=True) if s]
    plan = knowledge.plan(meters[0].title)
    profile = plan.policy.profile
    pushes = [stage.reader.read(p, profile) for p in plain]
    encoder, prefix = knowledge.shape(pushes[0].layout, plan.rules.quantities).encoder, bytes(100)
    guards = {t.title: ReplayGuard() for t in rest}
    judged = zip(rest, sealed, apdus, strict=True)
    alone: dict[str, tuple[Callable[[Any], object], Sequence[Any]]] = {
        "link: five blocks to one telegram": (lambda t: reread(t.captured, "hdlc"), rest),
        "cipher: header, tag, plaintext": (_open, list(zip(apdus, keys, strict=True))),
        "replay guard: fingerprint, judge, move": (_guard, [(guards[t.title], s, a) for t, s, a in judged]),
        "push: remembered layout": (lambda p: stage.reader.read(p, profile), plain),
        "Avro: the reading": (lambda p: encoder.encode(prefix, 9999, now, now, False, 0, 9999, p.values), pushes),
    }
    figures = {
        name: min(_each(step, part) for part in _rounds(items, len(meters))) for name, (step, items) in alone.items()
    }
    return figures | {"all of stage one": min(whole), "changelog, per meter and commit": min(written)}


def _rounds(items: Sequence[Any], meters: int) -> Iterator[Sequence[Any]]:
    """One telegram of every meter each."""
    return (items[at : at + meters] for at in range(0, len(items), meters))


def _each(step: Callable[[Any], object], items: Sequence[Any]) -> float:
    began = time.process_time()
    for item in items:
        step(item)
    return (time.process_time() - began) / len(items) * 1e6


def _guard(one: tuple[ReplayGuard, Sealed | None, bytes]) -> None:
    guard, sealed, apdu = one
    assert sealed
    fingerprint = crc32(apdu)
    assert guard.judge(sealed.frame_counter, fingerprint) is Verdict.NEW
    guard.accept(sealed.frame_counter, fingerprint)


def _open(one: tuple[bytes, MeterKeys]) -> bytes:
    sealed = read_header(one[0])
    assert sealed
    return unseal(sealed, one[1])
