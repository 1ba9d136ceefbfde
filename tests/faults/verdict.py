"""Was it exactly once? Everything that came out, against everything that went in."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Sequence
from itertools import pairwise
from typing import Any

from tests.faults.toy import LOW_EVERY, Counted
from tests.integration.lane.harness import read_all

Memory = dict[str, dict[str, list[int]]]


def judge(bootstrap: str, prefix: str, memories: Sequence[Memory]) -> dict[str, object]:
    """Name of each wrong thing → the measure of it; empty when all is well."""
    return asyncio.run(_judge(bootstrap, prefix, memories))


async def _judge(bootstrap: str, prefix: str, memories: Sequence[Memory]) -> dict[str, object]:
    fed = await read_all(bootstrap, f"{prefix}-in", "read_uncommitted")
    out = await read_all(bootstrap, f"{prefix}-out")
    low = await read_all(bootstrap, f"{prefix}-low")
    changelog = await read_all(bootstrap, f"{prefix}-changelog")
    oracle = _oracle(fed)
    sources = {(r.partition, r.offset) for r in fed}
    written = {record.key: record.value for record in changelog if not record.key.startswith(b"\x00")}
    remembered = {key: seen for memory in memories for keys in memory.values() for key, seen in keys.items()}
    wrong = {
        "nothing fed": not fed,
        "outputs": _differences(sources, out),
        "out of order": _disorder(out),
        "timestamps changed": _timestamps(fed, out),
        "low-volume outputs": _differences({source for source in sources if source[1] % LOW_EVERY == 0}, low),
        "changelog is not the oracle": {key: Counted.unpack(value) for key, value in written.items()} != oracle,
        "memory is not the oracle": {key.encode(): Counted(*seen) for key, seen in remembered.items()} != oracle,
        "partitions not in exactly one memory": Counter(p for memory in memories for p in memory)
        != Counter({str(partition): 1 for partition in range(4)}),
    }
    return {name: measure for name, measure in wrong.items() if measure}


def _oracle(fed: Sequence[Any]) -> dict[bytes, Counted]:
    known: dict[bytes, Counted] = {}
    for record in fed:
        before = known[record.key].records if record.key in known else 0
        known[record.key] = Counted(int.from_bytes(record.value[:8], "big"), before + 1, record.offset)
    return known


def _source(output: Any) -> tuple[int, int]:
    partition, offset = map(int, output.value.split(b":"))
    return partition, offset


def _differences(wanted: set[tuple[int, int]], got: Sequence[Any]) -> str:
    counts = Counter(map(_source, got))
    missing, doubled, strange = len(wanted - counts.keys()), counts.total() - len(counts), len(counts.keys() - wanted)
    return f"{missing} missing, {doubled} doubled, {strange} strange" if missing or doubled or strange else ""


def _disorder(out: Sequence[Any]) -> int:
    """Outputs go to the partition of their input, in its order."""
    offsets: dict[int, list[int]] = {}
    strayed = 0
    for record in out:
        partition, offset = _source(record)
        strayed += partition != record.partition
        offsets.setdefault(partition, []).append(offset)
    return strayed + sum(a >= b for one in offsets.values() for a, b in pairwise(one))


def _timestamps(fed: Sequence[Any], out: Sequence[Any]) -> int:
    stamps = {(r.partition, r.offset): r.timestamp for r in fed}
    return sum(stamps.get(_source(record)) != record.timestamp for record in out)
