from __future__ import annotations

import pytest
from confluent_kafka import Producer

from stream_app.dlms.errors import UnknownKeyError
from stream_app.lane.stage import Output
from stream_app.refusals import reject
from stream_app.rejects import Choice, Group, Reject, grouped, put_back, read_rejects
from tests.kafka_broker import KafkaBroker, unique
from tests.stream_app.ingest_harness import Frame

A, B = "4C475A1030A1B2C3", "4B464D0005F5E101"


def refused(title: str, error: str, reason: str, at: int) -> Reject:
    return Reject(title.encode(), b"", at, [], error, "layer", reason, "t/0/0")


def test_rejects_are_grouped_by_kind_reason_and_meter_the_most_frequent_first() -> None:
    found = [
        refused(A, "authentication", "tag does not verify at byte 18", 5),
        refused(B, "unknown_key", "no key", 1),
        refused(A, "authentication", "tag does not verify at byte 90", 9),
    ]

    assert [
        Group("authentication", "tag does not verify", A, 2, 5, 9),
        Group("unknown_key", "no key", B, 1, 1, 1),
    ] == grouped(found)


@pytest.mark.parametrize(
    ("choice", "expected"),
    [
        (Choice(), [1, 2, 3]),
        (Choice(kinds=frozenset({"unknown_key"})), [1, 3]),
        (Choice(titles=frozenset({B})), [3]),
        (Choice(since=2, until=3), [2]),
    ],
)
def test_a_choice_takes_what_it_names(choice: Choice, expected: list[int]) -> None:
    found = [refused(A, "unknown_key", "", 1), refused(A, "replay", "", 2), refused(B, "unknown_key", "", 3)]

    assert expected == [reject.at for reject in found if choice.takes(reject)]


@pytest.mark.kafka
def test_what_is_put_back_is_the_frame_as_it_was(kafka: KafkaBroker) -> None:
    topics = {name: unique(name) for name in ("frames", "rejects")}
    kafka.make_topics(dict.fromkeys(topics.values(), 3), {"retention.ms": "-1"})
    client = {"bootstrap.servers": kafka.bootstrap}
    frames = [Frame(A.encode(), bytes([n]), 1_790_000_000_000 + n, n, topic=topics["frames"]) for n in range(5)]
    producer = Producer(client | {"partitioner": "murmur2_random"})
    for frame in frames:
        told: Output = reject(topics["rejects"], frame, UnknownKeyError("no key"))
        producer.produce(told.topic, told.value, told.key, timestamp=told.timestamp, headers=list(told.headers))
    producer.flush()
    found = list(read_rejects(client | {"group.id": "reader"}, topics["rejects"]))
    put_back(client, topics["frames"], found)
    again = list(read_rejects(client | {"group.id": "reader"}, topics["frames"]))

    assert [f"{topics['frames']}/-1/{n}" for n in range(5)] == [reject.source for reject in found]
    assert [(f.key, f.value, f.timestamp, list(f.headers)) for f in frames] == [
        (r.key, r.value, r.at, r.headers) for r in again
    ]
    assert {("", "", "", "")} == {(r.error, r.layer, r.reason, r.source) for r in again}
