"""The real broker of a test session, with what tests do to one."""

from __future__ import annotations

import os
import uuid
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from confluent_kafka.admin import AdminClient, NewTopic

from deploy.kafka.broker import Broker, KafkaUnavailableError


class KafkaBroker:
    """A running broker; ``stop``/``start`` make an outage, topics and committed offsets survive it.

    ``more`` goes to ``Broker``.
    """

    def __init__(self, data: Path, **more: Any) -> None:
        self._broker = Broker(data, **more)
        self.bootstrap = self._broker.bootstrap
        self.start = self._broker.start
        self.stop = self._broker.stop
        self.kill = self._broker.kill

    def make_topics(
        self, topics: Mapping[str, int], config: Mapping[str, str] | None = None, *, timeout: float = 15
    ) -> None:
        """Create topics, name → number of partitions."""
        new = [NewTopic(name, count, 1, config=dict(config or {})) for name, count in topics.items()]
        admin = self._admin()  # held: its futures fail when it is collected
        for created in admin.create_topics(new).values():
            created.result(timeout)

    def drop_topics(self, *topics: str, timeout: float = 15) -> None:
        """Delete topics."""
        admin = self._admin()
        for deleted in admin.delete_topics(list(topics)).values():
            deleted.result(timeout)

    def _admin(self) -> AdminClient:
        return AdminClient({"bootstrap.servers": self.bootstrap})


def run_broker(data: Path, **more: Any) -> Iterator[KafkaBroker]:
    """Start, hand out, stop; without Java or Maven skip by name, or fail in CI."""
    try:
        broker = KafkaBroker(data, **more)
        broker.start()
    except KafkaUnavailableError as error:
        if os.environ.get("CI"):
            raise
        pytest.skip(f"no real Kafka: {error}")
    yield broker
    broker.stop()


def unique(name: str) -> str:
    """A topic prefix or group id nobody else in this session uses."""
    return f"{name}-{uuid.uuid4().hex[:8]}"
