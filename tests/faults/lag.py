"""How far a group is behind."""

from __future__ import annotations

from confluent_kafka import Consumer, ConsumerGroupTopicPartitions, TopicPartition
from confluent_kafka.admin import AdminClient


def lag(bootstrap: str, group: str, topic: str, partitions: int = 4) -> int:
    """Offsets between the committed ones and the end of the topic."""
    parts = [TopicPartition(topic, number) for number in range(partitions)]
    admin = AdminClient({"bootstrap.servers": bootstrap})
    asked = admin.list_consumer_group_offsets([ConsumerGroupTopicPartitions(group, parts)])
    committed = asked[group].result(15).topic_partitions
    consumer = Consumer({"bootstrap.servers": bootstrap, "group.id": "nobody"})
    ends = [consumer.get_watermark_offsets(part, timeout=15)[1] for part in parts]
    consumer.close()
    return sum(end - max(0, part.offset) for end, part in zip(ends, committed, strict=True))
