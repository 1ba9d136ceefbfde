"""Topics of a real broker, compared and made right."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from aiokafka import AIOKafkaConsumer, TopicPartition
from confluent_kafka import Producer
from confluent_kafka.admin import AdminClient

from stream_app.lane.options import Options
from stream_app.lane.restore import read_changelog, spans
from stream_app.lane.stage import Output
from stream_app.lane.transactions import MARKER, ExactlyOnce, Position
from stream_app.topic_admin import apply, differences
from stream_app.topics import Topic, Topics
from tests.kafka_broker import KafkaBroker, unique


@pytest.fixture
def admin(kafka: KafkaBroker) -> AdminClient:
    return AdminClient({"bootstrap.servers": kafka.bootstrap})


@pytest.mark.kafka
def test_everything_missing_is_created_and_then_nothing_differs(admin: AdminClient) -> None:
    wanted = Topics(unique("made")).specs(partitions=3, meter_quarter_partitions=2, replication=1)

    assert {topic.name for topic in wanted} == {mended.topic.name for mended in apply(admin, wanted) if mended.missing}
    assert [] == differences(admin, wanted)
    assert [] == apply(admin, wanted)


@pytest.mark.kafka
def test_a_config_that_differs_is_named_and_set(admin: AdminClient) -> None:
    prefix = unique("config")
    apply(admin, Topics(prefix).specs(1, 1))
    wanted = Topics(prefix).specs(1, 1, retention_days=0)

    found = [str(difference) for difference in differences(admin, wanted)]

    assert f"{prefix}.frames.v1 has retention.ms 2592000000, wanted -1" in found
    assert len(found) == 5
    assert found == [str(mended) for mended in apply(admin, wanted)]
    assert [] == differences(admin, wanted)


@pytest.mark.kafka
def test_a_wrong_number_of_partitions_is_named_and_left_alone(admin: AdminClient) -> None:
    name = unique("count")
    apply(admin, [Topic(name, 2, 1, {})])
    wanted = [Topic(name, 3, 1, {})]

    assert [] == apply(admin, wanted)
    assert [f"{name} has 2 partitions, wanted 3"] == [str(difference) for difference in differences(admin, wanted)]


@pytest.mark.kafka
async def test_frames_reach_the_worker_as_they_were_whatever_their_producer_compresses_with(
    kafka: KafkaBroker, admin: AdminClient
) -> None:
    topics = Topics(unique("compressed"))
    apply(admin, topics.specs(partitions=1, meter_quarter_partitions=1))
    codecs, frame, bomb, refused = ("gzip", "snappy", "lz4", "zstd"), bytes(1000), bytes(16 * 2**20), list[Any]()
    for codec in codecs:
        client = {"bootstrap.servers": kafka.bootstrap, "compression.type": codec, "message.max.bytes": 32 * 2**20}
        producer = Producer(client)
        producer.produce(topics.frames, frame)
        producer.flush()
        producer.produce(topics.frames, bomb, on_delivery=lambda error, _: refused.append(error and error.name()))
        producer.flush()
    consumer = AIOKafkaConsumer(topics.frames, bootstrap_servers=kafka.bootstrap, auto_offset_reset="earliest")
    async with consumer, asyncio.timeout(20):
        received = [(await consumer.getone()).value for _ in codecs]

    assert [frame] * 4 == received
    assert ["MSG_SIZE_TOO_LARGE"] * 4 == refused


@pytest.mark.kafka
async def test_a_changelog_holds_the_state_of_a_site_of_thirty_thousand_points(
    kafka: KafkaBroker, admin: AdminClient
) -> None:
    topics, client = Topics(unique("large")), {"bootstrap_servers": kafka.bootstrap}
    apply(admin, topics.specs(partitions=1, meter_quarter_partitions=1))
    source, changelog = (TopicPartition(name, 0) for name in (topics.meter_quarters, topics.balance_changelog))
    state, at = {b"q|0|town": bytes(7_500_000), b"r|town": bytes(3_600_000)}, Position(17, "token")
    entries = state | {MARKER: at.pack()}
    writer = ExactlyOnce(Options(client), topics.prefix, source)
    await writer.start()
    try:
        await writer.write([], [Output(changelog.topic, key, value, 0) for key, value in entries.items()], at)
    finally:
        await writer.stop()
    async with AIOKafkaConsumer(**client, isolation_level="read_committed") as consumer:
        [span] = await spans(consumer, changelog)
        restored = await read_changelog(consumer, changelog, span)

    assert (state, at) == restored


def test_a_broker_that_tells_no_configs_is_compared_by_names_and_counts() -> None:
    """The one inside librdkafka, which `make demo` runs on."""
    holder = Producer({"test.mock.num.brokers": 1, "log_level": 0})
    broker = next(iter(holder.list_topics(timeout=5).brokers.values()))
    holder.list_topics("mock.frames.v1", timeout=5)  # asking creates it, with four partitions
    admin = AdminClient({"bootstrap.servers": f"{broker.host}:{broker.port}"})
    wanted = Topics("mock").specs(partitions=4)[:2]

    assert ["mock.readings.v1 is missing"] == [str(found) for found in differences(admin, wanted, configs=False)]
