"""Records on the broker inside librdkafka."""

from __future__ import annotations

import pytest
from confluent_kafka import KafkaException, Producer

from stream_app.lane.stage import Output
from stream_app.writer import Writer


def test_what_cannot_be_written_is_told_at_the_end() -> None:
    broker = Producer({"test.mock.num.brokers": 1, "log_level": 0})
    [address] = [f"{b.host}:{b.port}" for b in broker.list_topics(timeout=5).brokers.values()]
    writer = Writer({"bootstrap.servers": address, "log_level": 0})
    writer.write(Output("frames", b"key", b"value", 1_790_000_000_000), 99)

    with pytest.raises(KafkaException, match="_UNKNOWN_PARTITION"):
        writer.flush()
