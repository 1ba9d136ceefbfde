"""Frames once more through both stages, for other topics: what would a mended decoder, registry or key change?

The worker's own stages run over the frames of a span in one process, the partition that is furthest behind first, so
that stage two meets the partitions' clocks side by side, as in life. Their state begins empty. Frames of a margin
before the span fill it, and those of the same margin after it bring what was late; only the span itself is compared.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import count
from typing import Any, Final, NamedTuple

from confluent_kafka import Consumer, KafkaException, TopicPartition

from stream_app.avro import Codec
from stream_app.ingest import ROUND
from stream_app.lane.batches import hash_of
from stream_app.lane.stage import Headers, Output
from stream_app.records import QuarterHour
from stream_app.settings import Settings
from stream_app.topology import Stages
from stream_app.writer import TIMEOUT_S

HOUR_MS: Final = 3_600_000
BATCH: Final = 500
PREFETCH_KBYTES: Final = 4096  # per partition; librdkafka's 64 MiB would be 1 GiB for a few of them
COMPARED: Final = [field for field in QuarterHour._fields if field not in ("revision", "reason")]

Deliver = Callable[[Output, int], None]


class Span(NamedTuple):
    """``since`` ≤ time < ``until``, epoch milliseconds."""

    since: int
    until: int

    def widened(self, margin: int) -> Span:
        """As much longer on both sides."""
        return Span(self.since - margin, self.until + margin)


class Frame(NamedTuple):
    """A ``Record`` for a stage."""

    topic: str
    partition: int
    offset: int
    timestamp: int
    key: bytes | None
    value: bytes | None
    headers: Headers = ()


class Line:
    """Both stages with empty state, fed by partition of ``frames``. ``deliver`` takes outputs and their partitions.

    ``span``: the one the frames are from. ``stages`` and ``settings`` name the topics that are written.
    """

    def __init__(self, stages: Stages, settings: Settings, span: Span, deliver: Deliver) -> None:
        self._stages = stages
        self._span = span
        self._deliver = deliver
        self._counts = {topic.name: topic.partitions for topic in settings.topic_specs()}
        self._ingest = [stages.ingest.new_state(n) for n in range(settings.topics.partitions)]
        self._balance = [stages.balance.new_state(n) for n in range(settings.topics.meter_quarter_partitions)]
        self._offsets = count()

    def run(self, sources: Mapping[int, Iterator[list[Frame]]], progress: Callable[[int], object]) -> None:
        """All of them to their ends. ``progress`` is told how many frames are done."""
        behind = dict.fromkeys(sources, self._span.since)
        while behind:
            number = min(behind, key=behind.__getitem__)
            frames = next(sources[number], None)
            if frames is None:
                del behind[number]
                continue
            state, end = self._ingest[number], self._span.until
            outputs = self._stages.ingest.step(state, frames, end)
            behind[number] = state.time(end)
            self._pass_on(number, outputs, now := min(behind.values()))
            self._let_pass([number], now)
            progress(len(frames))
        for _ in range(2 * ROUND):  # what is left of a round of sweeps, and a whole one
            self._let_pass(range(len(self._ingest)), self._span.until)
        while any(state.behind for state in self._balance):
            self._let_pass((), self._span.until)

    def _let_pass(self, numbers: Iterable[int], now: int) -> None:
        """Sweep these partitions of stage one, and all of stage two. Changes go nowhere: a run begins from nothing."""
        for number in numbers:
            self._pass_on(number, self._stages.ingest.sweep(self._ingest[number], now), now)
            self._stages.ingest.changes(self._ingest[number])
        for number, state in enumerate(self._balance):
            self._publish(number, self._stages.balance.sweep(state, now))
            self._stages.balance.changes(state)

    def _pass_on(self, number: int, outputs: Iterable[Output], now: int) -> None:
        """Outputs of stage one: to stage two, or out."""
        stage, parts, out = self._stages.balance, defaultdict[int, list[Frame]](list), list[Output]()
        for output in outputs:
            if output.topic != stage.topic:
                out.append(output)
                continue
            to = self._partition(output, number)
            parts[to].append(Frame(stage.topic, to, next(self._offsets), output.timestamp, output.key, output.value))
        self._publish(number, out)
        for to, records in parts.items():
            self._publish(to, stage.step(self._balance[to], records, now))

    def _publish(self, number: int, outputs: Iterable[Output]) -> None:
        for output in outputs:
            self._deliver(output, self._partition(output, number))

    def _partition(self, output: Output, home: int) -> int:
        to = output.partition
        if to is None:
            return home
        return to if isinstance(to, int) else hash_of(to) % self._counts[output.topic]


class Part(NamedTuple):
    """Offsets of a partition: ``begin`` ≤ offset < ``end``."""

    topic: str
    number: int
    begin: int
    end: int


def parts_of(client: Mapping[str, Any], topic: str, span: Span | None = None) -> list[Part]:
    """Where the records of a span lie, or all there are as of now, by partition. Raises ``KafkaException``."""
    consumer = _consumer(client)
    try:
        found = consumer.list_topics(topic, timeout=TIMEOUT_S).topics[topic]
        if found.error is not None:
            raise KafkaException(found.error)
        return [_part(consumer, topic, number, span) for number in sorted(found.partitions)]
    finally:
        consumer.close()


def read(client: Mapping[str, Any], part: Part) -> Iterator[list[Frame]]:
    """The committed records of a part, in batches. Raises ``KafkaException``."""
    consumer = _consumer(client)
    try:
        consumer.assign([TopicPartition(part.topic, part.number, part.begin)])
        ended = part.begin >= part.end
        while not ended:
            frames = []
            for message in consumer.consume(BATCH, timeout=0.5):
                error = message.error()
                if error is not None and error.name() != "_PARTITION_EOF":
                    raise KafkaException(error)
                ended = ended or error is not None or message.offset() >= part.end
                if not ended:
                    frames.append(_frame(message))
            if frames:
                yield frames
    finally:
        consumer.close()


class Newest:
    """The newest quarter-hours of a span by key, encoded: some 300 octets each."""

    def __init__(self, span: Span) -> None:
        self.values: dict[bytes, bytes] = {}
        self._span = span

    def take(self, key: bytes | None, value: bytes | None, start: int) -> None:
        """A record of ``quarter-hours``; its timestamp is the quarter-hour's start."""
        if key is not None and value is not None and self._span.since <= start < self._span.until:
            self.values[key] = value


class Difference(NamedTuple):
    """A quarter-hour that is not the same in both; None where there is none."""

    key: str
    published: QuarterHour | None
    again: QuarterHour | None

    @property
    def kind(self) -> str:
        """What the report calls it."""
        return "only published" if self.again is None else "only again" if self.published is None else "different"

    def __str__(self) -> str:
        if self.published is None or self.again is None:
            return f"{self.kind}: {self.key}"
        pairs = zip(COMPARED, _told(self.published), _told(self.again), strict=True)
        fields = ", ".join(f"{name} {before} → {after}" for name, before, after in pairs if before != after)
        return f"{self.kind}: {self.key}: {fields}"


def compare(
    published: Mapping[bytes, bytes], again: Mapping[bytes, bytes], codec: Codec[QuarterHour]
) -> Iterator[Difference | None]:
    """For every key in their order: what differs, or None. Revisions and their reasons are not compared."""
    for key in sorted(published.keys() | again.keys()):
        before, after = (codec.decode(side[key]) if key in side else None for side in (published, again))
        same = before is not None and after is not None and _told(before) == _told(after)
        yield None if same else Difference(key.decode(), before, after)


def _told(quarter: QuarterHour) -> list[Any]:
    return [getattr(quarter, field) for field in COMPARED]


def _consumer(client: Mapping[str, Any]) -> Consumer:
    return Consumer(
        {
            **client,
            "enable.auto.commit": False,
            "isolation.level": "read_committed",
            "enable.partition.eof": True,
            "queued.max.messages.kbytes": PREFETCH_KBYTES,
        }
    )


def _part(consumer: Consumer, topic: str, number: int, span: Span | None) -> Part:
    low, high = consumer.get_watermark_offsets(TopicPartition(topic, number), timeout=TIMEOUT_S)
    if span is None:
        return Part(topic, number, low, high)
    asked = (consumer.offsets_for_times([TopicPartition(topic, number, at)], timeout=TIMEOUT_S)[0] for at in span)
    begin, end = (high if found.offset < 0 else found.offset for found in asked)  # negative: nothing is as young
    return Part(topic, number, begin, end)


def _frame(message: Any) -> Frame:
    at = message.timestamp()[1]
    head = (message.topic(), message.partition(), message.offset(), at)
    return Frame(*head, message.key(), message.value(), message.headers() or ())
