"""Records of the commands, on the broker inside librdkafka."""

from __future__ import annotations

import pytest
from confluent_kafka import KafkaException, Producer

from stream_app.lane.stage import Output
from stream_app.writer import Writer


def output(size: int) -> Output:
    return Output("frames", b"key", bytes(size), 1_790_000_000_000)


def test_what_did_not_arrive_is_told_at_the_end() -> None:
    writer = Writer({"bootstrap.servers": "127.0.0.1:9", "message.timeout.ms": 100, "log_level": 0})
    writer.write(output(100))

    with pytest.raises(KafkaException, match="_MSG_TIMED_OUT"):
        writer.flush()


def test_a_frame_as_large_as_a_broker_takes_by_default_is_written() -> None:
    broker = Producer({"test.mock.num.brokers": 1, "log_level": 0})
    [address] = [f"{b.host}:{b.port}" for b in broker.list_topics(timeout=5).brokers.values()]
    writer = Writer({"bootstrap.servers": address, "log_level": 0})
    writer.write(output(2**20))
    writer.flush()
