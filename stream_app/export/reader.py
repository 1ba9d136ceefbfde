"""From a compacted topic to the store: everything committed up to where the topic ends when reading begins."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from typing import Any, NamedTuple

from aiokafka import AIOKafkaConsumer, ConsumerRecord, TopicPartition

from stream_app.avro import AvroError
from stream_app.energy.site import instant
from stream_app.export.kinds import Source
from stream_app.export.period import Period
from stream_app.export.store import Held, Store
from stream_app.lane.batches import hash_of


class Wanted(NamedTuple):
    """Which records: of ``site``, whose keys begin with one of ``owners`` (its points, or itself), in ``period``."""

    site: str
    owners: Collection[str]
    period: Period


class TopicMissingError(Exception):
    """The topic does not exist."""


async def gather(
    client: Mapping[str, Any], source: Source, wanted: Wanted, store: Store, progress: Callable[[int, int], object]
) -> int:
    """Read into ``store``; returns how many records could not be read. ``progress`` is told offsets done and in all.

    Only the partitions of the owners are read. By position, not by counting: markers take offsets too.
    """
    consumer = AIOKafkaConsumer(
        source.topic, **client, enable_auto_commit=False, auto_offset_reset="earliest", isolation_level="read_committed"
    )
    await consumer.start()
    try:
        count = len(consumer.partitions_for_topic(source.topic) or ())
        if not count:
            raise TopicMissingError(f"{source.topic} is missing: `cipstream topics apply` creates it")
        consumer.unsubscribe()  # it was only to learn the partitions
        partitions = [TopicPartition(source.topic, n) for n in {hash_of(o.encode()) % count for o in wanted.owners}]
        begins = await consumer.beginning_offsets(partitions)
        ends = await consumer.end_offsets(partitions)
        total = sum(ends[partition] - begins[partition] for partition in partitions)
        done, unreadable = 0, 0
        for partition in partitions:
            consumer.assign([partition])
            consumer.seek(partition, begins[partition])
            at = begins[partition]
            while at < ends[partition]:
                batches = await consumer.getmany(partition, timeout_ms=500)
                found = list(_chosen(batches.get(partition, ()), source, wanted))
                unreadable += found.count(None)
                store.put(held for held in found if held is not None)
                before, at = at, await consumer.position(partition)
                done += at - before
                progress(min(done, total), total)
        return unreadable
    finally:
        await consumer.stop()


def _chosen(records: Iterable[ConsumerRecord[bytes, bytes]], source: Source, wanted: Wanted) -> Iterator[Held | None]:
    """What belongs to the export; None for a record that cannot be read. Keys decide: their starts sort as text."""
    first, end = instant(wanted.period.start), instant(wanted.period.end)
    for record in records:
        series, _, start = (record.key or b"").decode(errors="replace").rpartition("|")
        if record.value is None or not first <= start < end or series.partition("|")[0] not in wanted.owners:
            continue
        try:
            value = source.codec.decode(record.value)
        except AvroError:
            yield None
            continue
        if value.site == wanted.site:
            yield Held(series, value.start, value.revision, record.value)
