"""Where the time goes inside stage one: each step alone, on the same telegrams, in this process."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Any

from edge_agent.link.telegram import reread
from stream_app.avro import load_codecs
from stream_app.dlms.cipher import AuthenticationKey, EncryptionKey, MeterKeys, read_header, unseal
from stream_app.ingest import IngestStage
from stream_app.keys.ring import KeyRing
from stream_app.lane.stage import Headers
from stream_app.meter_plan import Knowledge, Limits
from stream_app.registry.model import Directory, Point, Site
from stream_app.registry.model import Meter as RegisteredMeter
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


def time_stages(meters: Sequence[Meter], telegrams: Sequence[Telegram], batch: int = 2000) -> dict[str, float]:
    """µs of CPU per telegram, by step; "all of stage one" is the stage as the lane calls it, changelog included."""
    topics = Topics()
    knowledge = knowledge_of(meters)
    stage = IngestStage(topics, load_codecs(), knowledge, partitions=1, targets=1)
    state = stage.new_state(0)
    now = telegrams[-1].at
    records = [Record(telegram, offset, topics.frames) for offset, telegram in enumerate(telegrams)]
    batches = [records[at : at + batch] for at in range(0, len(records), batch)]
    stage.step(state, batches[0], now)
    stage.changes(state)

    def whole(batch: Sequence[Record]) -> None:
        stage.step(state, batch, now)
        stage.changes(state)

    rest = telegrams[batch:]
    apdus = [reread(t.captured, "hdlc").apdu for t in rest]
    sealed = [read_header(apdu) for apdu in apdus]
    keys = [knowledge.ring.of(t.title.decode())[0].keys for t in rest]
    plain = [unseal(s, k) for s, k in zip(sealed, keys, strict=True) if s]
    plan = knowledge.plan(meters[0].title)
    profile = plan.policy.profile
    pushes = [stage.reader.read(p, profile) for p in plain]
    encoder, prefix = knowledge.shape(pushes[0].layout, plan.rules.quantities).encoder, bytes(100)
    return {
        "link: five blocks to one telegram": _each(lambda t: reread(t.captured, "hdlc"), rest),
        "cipher: header, tag, plaintext": _each(_open, list(zip(apdus, keys, strict=True))),
        "push: remembered layout": _each(lambda p: stage.reader.read(p, profile), plain),
        "Avro: the reading": _each(
            lambda push: encoder.encode(prefix, now, now, now, False, 0, now, push.values), pushes
        ),
        "all of stage one": _each(whole, batches[1:]) / batch,
    }


def _each(step: Callable[[Any], object], items: Sequence[Any]) -> float:
    began = time.process_time()
    for item in items:
        step(item)
    return (time.process_time() - began) / len(items) * 1e6


def _open(one: tuple[bytes, MeterKeys]) -> bytes:
    sealed = read_header(one[0])
    assert sealed
    return unseal(sealed, one[1])
