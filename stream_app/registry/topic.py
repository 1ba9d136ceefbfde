"""The registry's topic: read into a snapshot, followed while it changes, written all or nothing."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncGenerator, Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

from aiokafka import AIOKafkaConsumer, ConsumerRecord, TopicPartition
from confluent_kafka import KafkaException

from stream_app.avro import AvroError, Codec
from stream_app.lane.stage import Output
from stream_app.records import RegistryEntry
from stream_app.registry.entries import Change, Definition, Row, directory_of, parse
from stream_app.registry.model import Directory
from stream_app.writer import TIMEOUT_S, Writer

log = logging.getLogger(__name__)

QUIET_MS = 200  # changes less than this apart are one snapshot
NOW = 0  # a timestamp that librdkafka fills in


class RegistryError(Exception):
    """The topic is missing, holds what no version of ours wrote, or could not be written."""


class RegistryTopic:
    """The newest entry of every key, as far as it has been read. ``client`` goes to aiokafka."""

    def __init__(self, client: Mapping[str, Any], topic: str, codec: Codec[RegistryEntry]) -> None:
        self.entries: dict[str, RegistryEntry] = {}
        self._parsed: dict[str, Row | Definition] = {}
        self._client = client
        self._partition = TopicPartition(topic, 0)
        self._codec = codec

    async def load(self) -> Directory:
        """Everything that is there now. Raises ``RegistryError``."""
        async with contextlib.aclosing(self.follow()) as snapshots:
            return await anext(snapshots)

    async def follow(self) -> AsyncGenerator[Directory, None]:
        """What is there now, then a new snapshot after every burst of changes, for ever.

        The first snapshot raises ``RegistryError`` for an entry that cannot be read. Later on such an entry is logged
        and what it was to replace stays in force: running meters must not stand still for it.
        """
        consumer = AIOKafkaConsumer(
            **self._client, enable_auto_commit=False, auto_offset_reset="earliest", isolation_level="read_committed"
        )
        try:
            await consumer.start()
            await self._read_to_end(consumer)
            yield await self._snapshot()
            while True:
                if await self._read_burst(consumer):
                    yield await self._snapshot()
        finally:
            await consumer.stop()

    async def _snapshot(self) -> Directory:
        return await asyncio.to_thread(directory_of, self._parsed.copy())  # a second or two for 200 000 meters

    async def _read_to_end(self, consumer: AIOKafkaConsumer) -> None:
        if self._partition.topic not in await consumer.topics():
            raise RegistryError(f"{self._partition.topic} is missing: `cipstream topics apply` creates it")
        end = (await consumer.end_offsets([self._partition]))[self._partition]
        consumer.assign([self._partition])
        while await consumer.position(self._partition) < end:
            for record in await self._fetch(consumer):
                self._take(record)

    async def _read_burst(self, consumer: AIOKafkaConsumer) -> bool:
        changed = False
        while records := await self._fetch(consumer):
            for record in records:
                try:
                    self._take(record)
                    changed = True
                except RegistryError:
                    log.exception("a registry entry cannot be read, what it was to replace stays in force")
        return changed

    async def _fetch(self, consumer: AIOKafkaConsumer) -> Sequence[ConsumerRecord[bytes, bytes]]:
        batches: Mapping[TopicPartition, Sequence[ConsumerRecord[bytes, bytes]]]
        batches = await consumer.getmany(self._partition, timeout_ms=QUIET_MS)
        return batches.get(self._partition, ())

    def _take(self, record: ConsumerRecord[bytes, bytes]) -> None:
        key = (record.key or b"").decode(errors="replace")
        if record.value is None:
            self.entries.pop(key, None)
            self._parsed.pop(key, None)
            return
        try:
            entry = self._codec.decode(record.value)
            self._parsed[key] = parse(entry)
        except (AvroError, ValueError) as error:
            raise RegistryError(f"{record.topic}/{record.partition}/{record.offset}: {error}") from error
        self.entries[key] = entry


class RegistryWriter:
    """Writes changes, all or nothing where the broker has transactions. ``client`` goes to librdkafka.

    Making one fences whoever else was about to write: read what is there only after that.
    """

    def __init__(self, client: Mapping[str, Any], topic: str, transactional_id: str | None) -> None:
        self._topic = topic
        self._transactional = transactional_id is not None
        transactions = {"transactional.id": transactional_id, "transaction.timeout.ms": TIMEOUT_S * 1000}
        self._writer = Writer({**client, "log_level": 0} | (transactions if self._transactional else {}))
        if self._transactional:
            with self._refusals():
                self._writer.producer.init_transactions(TIMEOUT_S)

    def write(
        self, changes: Iterable[Change], codec: Codec[RegistryEntry], written: Callable[[], object] = lambda: None
    ) -> None:
        """Write all of ``changes`` in their order; ``written`` is called for each. Raises ``RegistryError``."""
        with self._refusals():
            if not self._transactional:
                self._produce(changes, codec, written)
                return
            self._writer.producer.begin_transaction()
            try:
                self._produce(changes, codec, written)
                self._writer.producer.commit_transaction(TIMEOUT_S)
            except KafkaException:
                with contextlib.suppress(KafkaException):  # then the broker aborts it, or the next writer
                    self._writer.producer.abort_transaction(TIMEOUT_S)
                raise

    @contextlib.contextmanager
    def _refusals(self) -> Iterator[None]:
        try:
            yield
        except KafkaException as error:
            raise RegistryError(f"{self._topic} was not written: {error}") from error

    def _produce(self, changes: Iterable[Change], codec: Codec[RegistryEntry], written: Callable[[], object]) -> None:
        for change in changes:
            value = codec.encode(change.after) if change.after else None
            self._writer.write(Output(self._topic, change.key.encode(), value, NOW), 0)
            written()
        self._writer.flush()
