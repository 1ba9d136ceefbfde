"""Records into topics from the commands, by librdkafka. The lanes of a worker have writers of their own."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from confluent_kafka import KafkaError, KafkaException, Producer

from stream_app.lane.stage import Output
from stream_app.topics import LARGEST

TIMEOUT_S: Final = 30
BY_KEY: Final = -1  # the partition that murmur2 of the key chooses, as aiokafka and the Java client do
DEFAULTS: Final = {
    "partitioner": "murmur2_random",
    "enable.idempotence": True,
    "linger.ms": 20,
    "message.max.bytes": LARGEST,  # librdkafka's default is less than the broker's
}


class Writer:
    """Complete when ``flush`` has returned. ``client`` goes to librdkafka."""

    def __init__(self, client: Mapping[str, Any]) -> None:
        self.producer = Producer(DEFAULTS | dict(client))
        self._failures: list[KafkaError] = []

    def write(self, output: Output, partition: int = BY_KEY) -> None:
        """Take one; the partition it names itself does not count. Raises ``KafkaException``."""
        while True:
            try:
                self.producer.produce(
                    output.topic,
                    output.value,
                    output.key,
                    partition=partition,
                    timestamp=output.timestamp,
                    headers=list(output.headers),
                    on_delivery=lambda error, _: self._failures.append(error) if error else None,
                )
                return
            except BufferError:
                self.producer.poll(0.1)

    def flush(self) -> None:
        """Return when all is written. Raises ``KafkaException``."""
        if self.producer.flush(TIMEOUT_S):
            raise KafkaException(KafkaError(KafkaError._TIMED_OUT))
        if self._failures:
            raise KafkaException(self._failures[0])
