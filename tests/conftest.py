"""Fixtures of the whole house."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.kafka_broker import KafkaBroker, run_broker


@pytest.fixture(scope="session")
def kafka(tmp_path_factory: pytest.TempPathFactory) -> Iterator[KafkaBroker]:
    """One real Apache Kafka for the session. Do not stop it: a test of outages takes ``own_kafka``."""
    yield from run_broker(tmp_path_factory.mktemp("kafka"))


@pytest.fixture
def own_kafka(tmp_path_factory: pytest.TempPathFactory) -> Iterator[KafkaBroker]:
    """A broker of the test's own, to be stopped and started at will."""
    yield from run_broker(tmp_path_factory.mktemp("own-kafka"))
