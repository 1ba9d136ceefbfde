"""Topics of a lane's own for each test."""

from __future__ import annotations

import pytest

from tests.faults.toy import topics
from tests.kafka_broker import KafkaBroker, unique


@pytest.fixture
def prefix(kafka: KafkaBroker) -> str:
    """What the names of the topics, and of the group, begin with."""
    name = unique("lane")
    kafka.make_topics(topics(name))
    return name
