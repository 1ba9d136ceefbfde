"""The topics of a broker compared with how they shall be, and made so.

Partition counts are compared and never changed: with another count a meter's telegrams would go to a partition whose
state does not know it.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from concurrent.futures import Future
from typing import NamedTuple

from confluent_kafka.admin import (
    AdminClient,
    AlterConfigOpType,
    ConfigEntry,
    ConfigResource,
    NewTopic,
    ResourceType,
)

from stream_app.topics import Topic

TIMEOUT_S = 15
BROKERS_DEFAULT = -1  # replication factor (KIP-464)


class Difference(NamedTuple):
    """What is not as it shall be. ``config`` holds the values to set; None where settings alone cannot mend it."""

    topic: Topic
    sentence: str
    config: dict[str, str] | None = None
    missing: bool = False

    def __str__(self) -> str:
        return f"{self.topic.name} {self.sentence}"


def differences(admin: AdminClient, wanted: Sequence[Topic], configs: bool = True) -> list[Difference]:
    """All differences, in the order of ``wanted``. Raises ``KafkaException`` if the broker does not answer.

    Without ``configs`` only names and counts are compared: librdkafka's embedded broker can tell nothing else.
    """
    there = admin.list_topics(timeout=TIMEOUT_S).topics
    known = _configs(admin, [topic.name for topic in wanted if topic.name in there]) if configs else {}
    found = []
    for topic in wanted:
        if topic.name not in there:
            found.append(Difference(topic, "is missing", missing=True))
            continue
        partitions = len(there[topic.name].partitions)
        if partitions != topic.partitions:
            found.append(Difference(topic, f"has {partitions} partitions, wanted {topic.partitions}"))
        for key, value in topic.config.items():
            actual = known.get(topic.name, topic.config).get(key)
            if actual != value:
                found.append(Difference(topic, f"has {key} {actual}, wanted {value}", config={key: value}))
    return found


def apply(admin: AdminClient, wanted: Sequence[Topic]) -> list[Difference]:
    """Create what is missing and set what differs; answers what was mended. Raises ``KafkaException``."""
    mended = _mendable(differences(admin, wanted))
    missing = [difference.topic for difference in mended if difference.missing]
    changed = {difference.topic.name: difference.topic for difference in mended if difference.config}
    if missing:
        _wait(admin.create_topics([_new(topic) for topic in missing]).values())
    if changed:
        _wait(admin.incremental_alter_configs([_resource(topic) for topic in changed.values()]).values())
    deadline = time.monotonic() + TIMEOUT_S
    while _mendable(differences(admin, wanted)) and time.monotonic() < deadline:
        time.sleep(0.05)  # brokers learn a moment later what the controller has accepted
    return mended


def _mendable(found: Iterable[Difference]) -> list[Difference]:
    return [difference for difference in found if difference.missing or difference.config]


def _new(topic: Topic) -> NewTopic:
    return NewTopic(topic.name, topic.partitions, topic.replication or BROKERS_DEFAULT, config=dict(topic.config))


def _resource(topic: Topic) -> ConfigResource:
    entries = [
        ConfigEntry(key, value, incremental_operation=AlterConfigOpType.SET) for key, value in topic.config.items()
    ]
    return ConfigResource(ResourceType.TOPIC, topic.name, incremental_configs=entries)


def _configs(admin: AdminClient, names: Sequence[str]) -> dict[str, dict[str, str]]:
    if not names:
        return {}
    answers = admin.describe_configs([ConfigResource(ResourceType.TOPIC, name) for name in names])
    return {
        resource.name: {key: entry.value for key, entry in answer.result(TIMEOUT_S).items()}
        for resource, answer in answers.items()
    }


def _wait(answers: Iterable[Future[None]]) -> None:
    for answer in answers:
        answer.result(TIMEOUT_S)
