"""What the embedded broker can do, and the two things of it that one has to know."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaConnectionError
from aiokafka.structs import OffsetAndMetadata

from tests.simulator.embedded_broker import EmbeddedBroker

SECOND = TopicPartition("frames", 1)


@pytest.fixture
def broker() -> Iterator[EmbeddedBroker]:
    with EmbeddedBroker({"frames": 2}) as broker:
        yield broker


async def test_a_topic_has_the_partitions_it_was_made_with(broker: EmbeddedBroker) -> None:
    broker.create_topic("readings", 5)
    async with AIOKafkaProducer(bootstrap_servers=broker.bootstrap) as producer:
        partitions = await producer.partitions_for("readings")

    assert {0, 1, 2, 3, 4} == partitions


def test_a_topic_is_made_once(broker: EmbeddedBroker) -> None:
    with pytest.raises(OSError, match="frames"):
        broker.create_topic("frames", 2)


@pytest.mark.parametrize("idempotent", [False, True])
async def test_a_record_comes_back_with_key_headers_and_time(broker: EmbeddedBroker, idempotent: bool) -> None:
    async with AIOKafkaProducer(bootstrap_servers=broker.bootstrap, enable_idempotence=idempotent) as producer:
        await producer.send_and_wait("frames", b"value", b"key", 1, 1_774_700_000_123, [("port", b"attic")])
    consumer = AIOKafkaConsumer("frames", bootstrap_servers=broker.bootstrap, auto_offset_reset="earliest")
    async with consumer:
        record = await consumer.getone()

    assert ("frames", 1, 0, b"key", b"value", 1_774_700_000_123, (("port", b"attic"),)) == (
        *(record.topic, record.partition, record.offset),
        *(record.key, record.value, record.timestamp, record.headers),
    )


async def test_an_outsider_commits_offsets_with_metadata_for_a_group_without_members(broker: EmbeddedBroker) -> None:
    """That is how the lane commits where there are no transactions."""
    for offset in (3, 4):
        async with AIOKafkaConsumer(bootstrap_servers=broker.bootstrap, group_id="g", enable_auto_commit=False) as lane:
            lane.assign([SECOND])
            await lane.commit({SECOND: OffsetAndMetadata(offset, "token")})
    admin = AIOKafkaAdminClient(bootstrap_servers=broker.bootstrap)
    await admin.start()
    committed = await admin.list_consumer_group_offsets("g", partitions=[SECOND])
    await admin.close()

    assert {SECOND: OffsetAndMetadata(4, "token")} == committed


async def test_a_member_resumes_where_its_group_committed(broker: EmbeddedBroker) -> None:
    async with AIOKafkaProducer(bootstrap_servers=broker.bootstrap) as producer:
        for value in (b"one", b"two"):
            await producer.send_and_wait("frames", value, partition=0)
    seen = []
    for _ in range(2):
        member = AIOKafkaConsumer(
            "frames",
            bootstrap_servers=broker.bootstrap,
            group_id="members",
            auto_offset_reset="earliest",
            session_timeout_ms=1000,  # the broker waits that long for a member that has left
            heartbeat_interval_ms=300,
            enable_auto_commit=False,
        )
        async with member:
            record = await member.getone()
            await member.commit({TopicPartition("frames", 0): record.offset + 1})
        seen.append(record.value)

    assert [b"one", b"two"] == seen


async def test_the_offsets_of_a_transaction_are_lost(broker: EmbeddedBroker) -> None:
    """Why the worker runs ``at_least_once`` here."""
    producer = AIOKafkaProducer(bootstrap_servers=broker.bootstrap, transactional_id="t")
    async with producer, producer.transaction():
        await producer.send_and_wait("frames", b"value")
        await producer.send_offsets_to_transaction({SECOND: 1}, "g")
    async with AIOKafkaConsumer(bootstrap_servers=broker.bootstrap, group_id="g", enable_auto_commit=False) as consumer:
        committed = await consumer.committed(SECOND)

    assert committed is None


async def test_an_outage_refuses_connections_and_keeps_what_was_written(broker: EmbeddedBroker) -> None:
    async with AIOKafkaProducer(bootstrap_servers=broker.bootstrap) as producer:
        await producer.send_and_wait("frames", b"before", partition=0)
    broker.down()
    refused = AIOKafkaProducer(bootstrap_servers=broker.bootstrap)
    with pytest.raises(KafkaConnectionError):
        await refused.start()
    await refused.stop()
    broker.up()
    async with AIOKafkaConsumer(bootstrap_servers=broker.bootstrap) as consumer:
        ends = await consumer.end_offsets([TopicPartition("frames", 0)])

    assert {TopicPartition("frames", 0): 1} == ends


async def test_as_a_process_it_says_where_it_is_and_ends_with_its_standard_input() -> None:
    command = [sys.executable, "-m", "tests.simulator.embedded_broker", "--topic", "frames=3"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:  # noqa: ASYNC220
        assert process.stdin is not None
        assert process.stdout is not None
        async with AIOKafkaProducer(bootstrap_servers=process.stdout.readline().strip()) as producer:
            partitions = await producer.partitions_for("frames")
        process.stdin.close()
        code = process.wait(10)

    assert ({0, 1, 2}, 0) == (partitions, code)
