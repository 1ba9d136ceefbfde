"""What one commit of one partition writes: outputs, state and the input offset; all of them, or none.

``ExactlyOnce`` writes them in one Kafka transaction. Its producer's transactional id belongs to the input partition, so
that starting it fences whoever owned the partition before: the former owner can write no more, and what it left open is
aborted. ``AtLeastOnce``, for brokers without transactions, writes outputs, then state, then the offset, each when the
one before is safe; a crash in between repeats outputs, and the stage skips what its state has already seen.

Every commit also puts its position into the changelog as one more record. What is restored can thus be compared with
what was committed, and the token tells two commits at the same offset apart.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import NamedTuple, Protocol

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka import errors as kafka
from aiokafka.structs import OffsetAndMetadata

from stream_app.lane.batches import hashed_topics, pack
from stream_app.lane.errors import RefusedOutputError
from stream_app.lane.options import Options
from stream_app.lane.stage import Output

MARKER = b"\x00committed"  # no title or site begins with a zero byte
BATCH_BYTES = 512 * 1024  # half of what a topic takes by default; a larger record travels alone

REFUSED = (
    kafka.MessageSizeTooLargeError,
    kafka.RecordListTooLargeError,
    kafka.InvalidTimestampError,
    kafka.TopicAuthorizationFailedError,
    kafka.GroupAuthorizationFailedError,
    kafka.ClusterAuthorizationFailedError,
    kafka.TransactionalIdAuthorizationFailed,
)


class Position(NamedTuple):
    """A commit: the next offset to process, and a token that no other commit has."""

    offset: int
    token: str

    def pack(self) -> bytes:
        """Return the value of the marker record."""
        return f"{self.offset} {self.token}".encode()

    @classmethod
    def unpack(cls, value: bytes) -> Position:
        """Read the value of a marker record."""
        offset, token = value.decode().split(" ", 1)
        return cls(int(offset), token)


NOTHING = Position(-1, "")  # what the broker answers where nothing was ever committed


class Writer(Protocol):
    """The commits of one input partition."""

    async def start(self) -> None:
        """Become the writer; the former one is fenced when this returns."""

    async def write(self, outputs: Sequence[Output], changes: Sequence[Output], at: Position) -> None:
        """Make outputs, changes of the state and the position durable. After any exception: throw the writer away."""

    async def stop(self) -> None:
        """Close the connections."""


class ExactlyOnce:
    """One transaction per commit."""

    def __init__(self, options: Options, group: str, source: TopicPartition) -> None:
        self._group = group
        self._source = source
        self._producer = AIOKafkaProducer(
            **options.client,
            transactional_id=f"{group}-{source.topic}-{source.partition}",
            transaction_timeout_ms=int(options.transaction_timeout_s * 1000),
            max_batch_size=BATCH_BYTES,
        )
        self._sender = Sender(self._producer, source.partition)
        self.start = self._producer.start
        self.stop = self._producer.stop

    async def write(self, outputs: Sequence[Output], changes: Sequence[Output], at: Position) -> None:
        """See ``Writer``."""
        await self._producer.begin_transaction()
        await self._sender.send([*outputs, *changes])
        await self._producer.send_offsets_to_transaction({self._source: OffsetAndMetadata(*at)}, self._group)
        await self._producer.commit_transaction()


class AtLeastOnce:
    """Outputs, state, offset: one after the other.

    The offset is committed by a consumer that reads nothing: aiokafka's coordinator fails when one with a group is
    assigned something else later on, as the consumer of a partition is.
    """

    def __init__(self, options: Options, group: str, source: TopicPartition) -> None:
        self._source = source
        self._producer = AIOKafkaProducer(**options.client, enable_idempotence=True, max_batch_size=BATCH_BYTES)
        self._sender = Sender(self._producer, source.partition)
        self._committer = AIOKafkaConsumer(
            **options.client, group_id=options.offsets_group(group), enable_auto_commit=False
        )

    async def start(self) -> None:
        """See ``Writer``; nobody is fenced."""
        await self._producer.start()
        await self._committer.start()
        self._committer.assign([self._source])
        self._committer.seek(self._source, 0)
        self._committer.pause(self._source)

    async def write(self, outputs: Sequence[Output], changes: Sequence[Output], at: Position) -> None:
        """See ``Writer``."""
        await self._sender.send(outputs)
        await self._sender.send(changes)
        await self._committer.commit({self._source: OffsetAndMetadata(*at)})

    async def stop(self) -> None:
        """See ``Writer``."""
        await self._producer.stop()
        await self._committer.stop()


class Sender:
    """Batches to their partitions, and the broker's answer to every one of them."""

    def __init__(self, producer: AIOKafkaProducer, home: int) -> None:
        self._producer = producer
        self._home = home
        self._partitions: dict[str, int] = {}

    async def send(self, outputs: Sequence[Output]) -> None:
        """Return when all are acknowledged."""
        for topic in hashed_topics(outputs) - self._partitions.keys():
            self._partitions[topic] = len(await self._producer.partitions_for(topic))
        packed = pack(outputs, self._home, self._partitions, self._producer.create_batch)
        results = await asyncio.gather(
            *(self._send_in_order(topic, partition, batches) for (topic, partition), batches in packed.items()),
            return_exceptions=True,  # every outcome is looked at, so that none is reported as forgotten
        )
        for result in results:
            if isinstance(result, BaseException):
                raise result

    async def _send_in_order(self, topic: str, partition: int, batches: Sequence[object]) -> None:
        """A failed batch does not fail aiokafka's transaction (``sender.py:868``): its future has to be awaited."""
        acknowledged = [await self._producer.send_batch(batch, topic, partition=partition) for batch in batches]
        results = await asyncio.gather(*acknowledged, return_exceptions=True)
        for result in results:
            if isinstance(result, REFUSED):
                raise RefusedOutputError(f"the broker refuses an output to {topic}/{partition}: {result}") from result
            if isinstance(result, BaseException):
                raise result
