"""Fixtures of the whole house."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.bench.core import COMPILED
from tests.kafka_broker import KafkaBroker, run_broker

NOT_HERE = pytest.mark.skip(reason="the modules under test are compiled")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What can only be seen in the interpreter is looked at there."""
    for item in items:
        if COMPILED and item.get_closest_marker("interpreted"):
            item.add_marker(NOT_HERE)


@pytest.fixture(scope="session")
def kafka(tmp_path_factory: pytest.TempPathFactory) -> Iterator[KafkaBroker]:
    """One real Apache Kafka for the session. Do not stop it: a test of outages takes ``own_kafka``."""
    yield from run_broker(tmp_path_factory.mktemp("kafka"))


@pytest.fixture
def own_kafka(tmp_path_factory: pytest.TempPathFactory) -> Iterator[KafkaBroker]:
    """A broker of the test's own, to be stopped and started at will."""
    yield from run_broker(tmp_path_factory.mktemp("own-kafka"))
