from __future__ import annotations

from aiokafka.partitioner import DefaultPartitioner
from aiokafka.producer.message_accumulator import BatchBuilder
from aiokafka.record.memory_records import MemoryRecords
from hypothesis import given
from hypothesis import strategies as st

from stream_app.lane.batches import hash_of, hashed_topics, pack
from stream_app.lane.stage import Output

PARTITIONS = {"a": 3, "b": 7}


def batch(size: int = 400) -> BatchBuilder:
    return BatchBuilder(size, 0, is_transactional=1)


def records_of(batches: list[BatchBuilder]) -> list[Output]:
    found = []
    for one in batches:
        memory = MemoryRecords(bytes(one._build()))
        while (records := memory.next_batch()) is not None:
            found += [Output("", r.key, r.value, r.timestamp, None, tuple(r.headers)) for r in records]
    return found


outputs = st.builds(
    Output,
    topic=st.sampled_from(sorted(PARTITIONS)),
    key=st.binary(max_size=40),
    value=st.none() | st.binary(max_size=600),
    timestamp=st.integers(0, 2**45),
    partition=st.none() | st.integers(0, 2) | st.binary(min_size=1, max_size=20),
    headers=st.lists(st.tuples(st.text(min_size=1, max_size=5), st.binary(max_size=5)), max_size=2).map(tuple),
)


@given(st.binary(max_size=60), st.integers(1, 100))
def test_a_key_goes_where_the_default_partitioner_sends_it(key: bytes, count: int) -> None:
    numbers = list(range(count))

    assert DefaultPartitioner()(key, numbers, numbers) == hash_of(key) % count


@given(st.lists(outputs, max_size=30), st.integers(0, 2))
def test_every_output_is_packed_once_for_its_partition_in_order_and_whole(wanted: list[Output], home: int) -> None:
    """Whatever does not fit into a batch of 400 bytes travels alone."""

    def target(output: Output) -> tuple[str, int]:
        if isinstance(output.partition, bytes):
            return output.topic, hash_of(output.partition) % PARTITIONS[output.topic]
        return output.topic, home if output.partition is None else output.partition

    expected: dict[tuple[str, int], list[Output]] = {}
    for output in wanted:
        expected.setdefault(target(output), []).append(output._replace(topic="", partition=None))

    packed = pack(wanted, home, PARTITIONS, batch)

    assert expected == {where: records_of(batches) for where, batches in packed.items()}


def test_packed_batches_take_no_more() -> None:
    (packed,) = pack([Output("a", b"k", b"v", 1)], 0, {}, batch).values()

    assert packed[0].append(timestamp=1, key=b"k", value=b"v", headers=[]) is None


def test_only_topics_addressed_by_a_hash_need_their_number_of_partitions() -> None:
    wanted = [Output("a", b"", b"", 0, 1), Output("b", b"", b"", 0, b"site"), Output("c", b"", b"", 0)]

    assert {"b"} == hashed_topics(wanted)
