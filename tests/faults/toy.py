"""A stage that is easy to check: it counts the records of every key and says where each one came from."""

from __future__ import annotations

import struct
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from stream_app.lane.stage import Output, Record

LOW_EVERY = 50  # each record whose offset divides by this goes to the low-volume topic as well, partitioned by its key
COUNT = struct.Struct(">qqq")


class Counted(NamedTuple):
    """What is known of a key: the newest value, how many records, the offset of the last."""

    value: int
    records: int
    offset: int

    @classmethod
    def unpack(cls, packed: bytes) -> Counted:
        return cls(*COUNT.unpack(packed))


class ToyState:
    def __init__(self) -> None:
        self.seen: dict[bytes, Counted] = {}
        self.dirty: set[bytes] = set()
        self.sweeps = 0


class ToyStage:
    """``<prefix>-in`` → ``<prefix>-out`` (one for one), ``<prefix>-low`` (hashed); state in ``<prefix>-changelog``."""

    def __init__(self, prefix: str) -> None:
        self.topic = f"{prefix}-in"
        self.changelog = f"{prefix}-changelog"
        self._out = f"{prefix}-out"
        self._low = f"{prefix}-low"
        self.states: dict[int, ToyState] = {}  # the newest state object per partition, for tests to look at

    def new_state(self, partition: int) -> ToyState:
        self.states[partition] = state = ToyState()
        return state

    def restore(self, state: ToyState, entries: Mapping[bytes, bytes]) -> None:
        state.seen = {key: Counted.unpack(value) for key, value in entries.items()}

    def step(self, state: ToyState, records: Sequence[Record], now: int) -> list[Output]:
        outputs = []
        for record in records:
            assert record.key is not None
            assert record.value is not None
            seen = state.seen.get(record.key)
            if seen and record.offset <= seen.offset:
                continue  # a broker without transactions delivered it once more
            value = int.from_bytes(record.value[:8], "big")
            state.seen[record.key] = Counted(value, seen.records + 1 if seen else 1, record.offset)
            state.dirty.add(record.key)
            source = b"%d:%d" % (record.partition, record.offset)
            headers = (("now", b"%d" % now),)
            outputs.append(Output(self._out, record.key, source, record.timestamp, None, headers))
            if record.offset % LOW_EVERY == 0:
                outputs.append(Output(self._low, record.key, source, record.timestamp, record.key))
        return outputs

    def sweep(self, state: ToyState, now: int) -> list[Output]:
        state.sweeps += 1
        return []

    def changes(self, state: ToyState) -> list[tuple[bytes, bytes | None]]:
        dirty, state.dirty = state.dirty, set()
        return [(key, COUNT.pack(*state.seen[key])) for key in dirty]


def topics(prefix: str, partitions: int = 4) -> dict[str, int]:
    """The topics of the stage, for ``KafkaBroker.make_topics``."""
    return {f"{prefix}-{name}": partitions for name in ("in", "out", "low", "changelog")}
