"""Stage one in a test's hands: records in, decoded outputs out."""

from __future__ import annotations

import struct
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import Any, NamedTuple

from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from stream_app.avro import load_codecs
from stream_app.dlms.cipher import AuthenticationKey, EncryptionKey, MeterKeys
from stream_app.ingest import IngestStage
from stream_app.keys.ring import KeyRing
from stream_app.lane.batches import hash_of
from stream_app.lane.stage import Headers, Output
from stream_app.meter import IngestState
from stream_app.meter_plan import Knowledge, Limits
from stream_app.registry.model import Directory
from stream_app.topics import Topics

TOPICS = Topics()
CODECS = load_codecs()
PARTITIONS = 4


class Frame(NamedTuple):
    """A record of ``frames``."""

    key: bytes | None
    value: bytes | None
    timestamp: int
    offset: int = 0
    headers: Headers = (("edge-id", b"edge-1"), ("port", b"p1"), ("link", b"auto"))
    topic: str = TOPICS.frames
    partition: int = -1


class Bench:
    """One stage with one partition; ``now`` is what the clock on the wall shows."""

    def __init__(self, ring: KeyRing | None = None, directory: Directory | None = None, **limits: int) -> None:
        self.stage = IngestStage(
            TOPICS,
            CODECS,
            Knowledge(ring or KeyRing(), directory or Directory(), Limits(**limits)),
            partitions=PARTITIONS,
            targets=2,
        )
        self.state: IngestState = self.stage.new_state(0)
        self.offset = 0

    def feed(self, frames: Iterable[Frame], now: int) -> list[Output]:
        """Run a batch; offsets are given here, partitions follow from the keys unless the frame names one."""
        records = []
        for frame in frames:
            home = hash_of(frame.key or b"") % PARTITIONS
            self.state.partition = home if frame.partition < 0 else frame.partition
            records.append(frame._replace(offset=self.offset, partition=self.state.partition))
            self.offset += 1
        return self.stage.step(self.state, records, now)

    def restart(self) -> None:
        """Another worker, with nothing but the changelog."""
        changelog = dict(getattr(self, "changelog", {}))
        changelog.update(self.stage.changes(self.state))
        self.changelog: dict[bytes, Any] = changelog
        self.state = self.stage.new_state(0)
        self.stage.restore(self.state, changelog)


def decoded(outputs: Iterable[Output], topic: str) -> list[Any]:
    """The values of one topic, decoded; rejects as their headers."""
    codec: Any = {
        TOPICS.readings: CODECS.readings,
        TOPICS.events: CODECS.events,
        TOPICS.meter_quarters: CODECS.meter_quarters,
    }.get(topic)
    found = [output for output in outputs if output.topic == topic and output.value is not None]
    if codec is None:
        return [{name: (value or b"").decode() for name, value in output.headers} for output in found]
    return [codec.decode(output.value) for output in found]


class Meter:
    """A meter that pushes its two energy registers, and voltages in mV, under tag and key, with its clock on UTC."""

    def __init__(self, title: str, key: bytes = bytes(range(16)), version: int = 1) -> None:
        self.title = title
        self.keys = MeterKeys(EncryptionKey(key), AuthenticationKey(key[::-1]), version)

    def ring(self) -> KeyRing:
        """Its key."""
        return KeyRing([(self.title, self.keys)])

    def apdu(
        self,
        counter: int,
        at: int,
        imported: int = 0,
        exported: int = 0,
        control: int = 0x30,
        volts: Sequence[int] = (),
    ) -> bytes:
        """One ciphered push; ``control`` 0 leaves it clear."""
        registers = ((1, imported), (2, exported))
        body = b"\x02%c" % (2 + len(volts)) + b"".join(
            b"\x02\x03\x09\x06\x01\x00%c\x08\x00\xff\x06%b\x02\x02\x0f\x00\x16\x1e" % (c, value.to_bytes(4, "big"))
            for c, value in registers
        )
        body += b"".join(
            b"\x02\x03\x09\x06\x01\x00%c\x07\x00\xff\x06%b\x02\x02\x0f\xfd\x16\x23" % (c, value.to_bytes(4, "big"))
            for c, value in zip((32, 52, 72), volts, strict=False)
        )
        plain = b"\x0f\x00\x00\x00\x00\x0c" + cosem_time(at) + body
        if not control:
            return plain
        title, head = bytes.fromhex(self.title), bytes([control])
        associated = head + self.keys.authentication if control & 0x10 and self.keys.authentication else None
        sealed = AESGCM(self.keys.encryption).encrypt(title + counter.to_bytes(4, "big"), plain, associated)
        content = head + counter.to_bytes(4, "big") + sealed[: -4 if control & 0x10 else -16]
        return b"\xdb\x08" + title + b"\x81" + bytes([len(content)]) + content

    def frame(
        self,
        counter: int,
        at: int,
        imported: int = 0,
        exported: int = 0,
        control: int = 0x30,
        volts: Sequence[int] = (),
    ) -> Frame:
        """The push as a record, received as it was sent."""
        captured = self.apdu(counter, at, imported, exported, control, volts)
        headers = (("edge-id", b"edge-1"), ("port", b"p1"), ("link", b"apdu"))
        return Frame(self.title.encode(), captured, at, headers=headers)


def cosem_time(at: int) -> bytes:
    """COSEM date-time in UTC, deviation 0."""
    t = datetime.fromtimestamp(at / 1000, UTC)
    return struct.pack(">HBBBBBBBhB", t.year, t.month, t.day, 255, t.hour, t.minute, t.second, 255, 0, 0)
