from __future__ import annotations

import pytest
from confluent_kafka.admin import AdminClient

from tests.kafka_broker import KafkaBroker, unique


@pytest.mark.kafka
def test_topics_survive_a_restart_of_the_broker(own_kafka: KafkaBroker) -> None:
    topic = unique("restart")
    own_kafka.make_topics({topic: 3})

    own_kafka.kill()
    own_kafka.start()

    found = AdminClient({"bootstrap.servers": own_kafka.bootstrap}).list_topics(topic, timeout=10).topics[topic]
    assert 3 == len(found.partitions)
