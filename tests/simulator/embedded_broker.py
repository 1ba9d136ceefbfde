"""A Kafka broker inside this process: librdkafka's mock cluster, out of the confluent-kafka wheel. No Java, no Docker.

As a context manager for tests, or as a process of its own for everything that connects from outside:

    python -m tests.simulator.embedded_broker --topic cip.frames.v1=2 …   prints host:port, ends with standard input

What works on it, as measured (``test_embedded_broker.py``): producers, idempotent ones too; headers and timestamps;
consumers with a group and without; Faust's groups; a group's offsets with their metadata, committed by a member, or by
an outsider to a group that never had members (``UnknownMemberIdError`` afterwards). Transactions only look the part;
their offsets are lost, what is aborted stays visible, nobody is fenced. Workers run ``at_least_once`` here.

What it has not: CreateTopics (``create_topic`` is the only way), compaction and every other topic policy, look-up of
offsets by time, SASL, TLS. It keeps the newest 5 MiB of each partition, in memory; a reader further behind than that
finds its offset out of range.
"""

from __future__ import annotations

import argparse
import ctypes
import sys
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType

import confluent_kafka

PRODUCER = 0  # rd_kafka_type_t
BROKER = 1  # the mock cluster numbers its brokers from 1
JOIN_MS = 100  # how long a new group waits for more members; librdkafka's 3 s would be most of a test


class EmbeddedBroker:
    """One broker on 127.0.0.1, gone with the ``with`` block. ``bootstrap`` is its host:port."""

    def __init__(self, topics: Mapping[str, int] | None = None) -> None:
        self._lib = _library()
        conf = self._lib.rd_kafka_conf_new()
        for setting, value in ((b"test.mock.num.brokers", b"1"), (b"log_level", b"4")):
            self._lib.rd_kafka_conf_set(conf, setting, value, None, 0)
        self._client = self._lib.rd_kafka_new(PRODUCER, conf, None, 0)
        self._cluster = self._lib.rd_kafka_handle_mock_cluster(self._client)
        self._lib.rd_kafka_mock_group_initial_rebalance_delay_ms(self._cluster, JOIN_MS)
        self.bootstrap: str = self._lib.rd_kafka_mock_cluster_bootstraps(self._cluster).decode()
        for name, partitions in (topics or {}).items():
            self.create_topic(name, partitions)

    def create_topic(self, name: str, partitions: int) -> None:
        """Make a topic. Topics nobody made appear with four partitions when they are first asked for."""
        self._check(self._lib.rd_kafka_mock_topic_create(self._cluster, name.encode(), partitions, 1), name)

    def down(self) -> None:
        """An outage: connections are cut and refused. What was written stays."""
        self._check(self._lib.rd_kafka_mock_broker_set_down(self._cluster, BROKER), "down")

    def up(self) -> None:
        """The end of the outage."""
        self._check(self._lib.rd_kafka_mock_broker_set_up(self._cluster, BROKER), "up")

    def __enter__(self) -> EmbeddedBroker:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._lib.rd_kafka_destroy(self._client)

    def _check(self, code: int, what: str) -> None:
        if code:
            raise OSError(f"librdkafka, {what}: {self._lib.rd_kafka_err2str(code).decode()}")


def _library() -> ctypes.CDLL:
    """The librdkafka that confluent-kafka has loaded: its wheel keeps it beside the package."""
    package = Path(confluent_kafka.__file__).parent
    found = [*package.parent.glob("confluent_kafka.libs/librdkafka*"), *package.glob(".dylibs/librdkafka*")]
    lib = ctypes.CDLL(str(found[0]))
    pointer, text, number = ctypes.c_void_p, ctypes.c_char_p, ctypes.c_int
    for name, result, arguments in (
        ("conf_new", pointer, []),
        ("conf_set", number, [pointer, text, text, text, ctypes.c_size_t]),
        ("new", pointer, [number, pointer, text, ctypes.c_size_t]),
        ("handle_mock_cluster", pointer, [pointer]),
        ("destroy", None, [pointer]),
        ("err2str", text, [number]),
        ("mock_cluster_bootstraps", text, [pointer]),
        ("mock_group_initial_rebalance_delay_ms", None, [pointer, ctypes.c_int32]),
        ("mock_topic_create", number, [pointer, text, number, number]),
        ("mock_broker_set_down", number, [pointer, ctypes.c_int32]),
        ("mock_broker_set_up", number, [pointer, ctypes.c_int32]),
    ):
        function = getattr(lib, f"rd_kafka_{name}")
        function.restype, function.argtypes = result, arguments
    return lib


def _topic(text: str) -> tuple[str, int]:
    name, _, partitions = text.partition("=")
    return name, int(partitions or 1)


def main() -> None:
    """Run until standard input ends, so that no broker outlives who started it."""
    parser = argparse.ArgumentParser(prog="python -m tests.simulator.embedded_broker", description=main.__doc__)
    parser.add_argument("--topic", action="append", type=_topic, default=[], metavar="NAME[=PARTITIONS]")
    with EmbeddedBroker(dict(parser.parse_args().topic)) as broker:
        print(broker.bootstrap, flush=True)
        try:
            sys.stdin.read()
        except KeyboardInterrupt:
            return


if __name__ == "__main__":
    main()
