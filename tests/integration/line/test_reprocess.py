"""What was published is decoded again: the same where nothing has changed, and told apart where something has."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from confluent_kafka import Producer

from stream_app.dlms.clock import iso
from stream_app.topics import Topics
from tests.integration.line.stack import Stack, stack, wait_until
from tests.kafka_broker import KafkaBroker
from tests.simulator.faults import Faults, Silence, disturbed
from tests.simulator.fleet import build
from tests.simulator.oracle import QUARTER_MS

pytestmark = pytest.mark.kafka

MINUTE_MS = 60_000
HOUR_MS = 60 * MINUTE_MS
MARGIN_MS = 90 * MINUTE_MS
NOON = 1_782_036_000_000  # 2026-06-21T10:00:00Z
SINCE, UNTIL = NOON + 2 * HOUR_MS, NOON + 4 * HOUR_MS
SPAN = ("--from", iso(SINCE)[:19], "--to", iso(UNTIL)[:19])


FLEET = build(NOON - QUARTER_MS, sites=2, meters=6, push_seconds=(60,))
GONE = FLEET.meters[0].title
POINTS = {point.metering_point for point in FLEET.points if point.meter.title == GONE}
OUTAGE = Silence(FLEET.meters[1].title, SINCE + 10 * MINUTE_MS, SINCE + 40 * MINUTE_MS)
WIRES = list(disturbed(FLEET.telegrams(NOON, NOON + 6 * HOUR_MS), Faults(silences=(OUTAGE,))))


@pytest.fixture(scope="module")
def line(kafka: KafkaBroker, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """Six hours of telegrams that a worker has carried, with an outage in the span."""
    with stack(tmp_path_factory.mktemp("reprocess"), kafka.bootstrap) as line:
        line.introduce(FLEET)
        line.prepare()
        producer = Producer({"bootstrap.servers": line.bootstrap, "partitioner": "murmur2_random"})
        for telegram, data, _ in WIRES:
            producer.produce(line.topics.frames, data, telegram.title, timestamp=telegram.time_ms)
        producer.flush()
        worker = line.start_worker()
        wait_until(lambda: carried_until(line) >= UNTIL + HOUR_MS, "every site's balances past the span")
        worker.end()
        yield line


def carried_until(line: Stack) -> int:
    """The newest balance of the site that has come least far."""
    newest: dict[str, int] = {}
    for balance in line.newest(line.topics.balances, line.codecs.balances).values():
        newest[balance.site] = max(newest.get(balance.site, 0), balance.start)
    return min(newest.values()) if len(newest) == 2 else 0


def reprocess(line: Stack, into: str, expect: int) -> list[str]:
    """The command's report; it writes under the line's own prefix and ``into``."""
    config, prefix = str(line.stream_toml("commands")), f"{line.prefix}-{into}"
    return line.command("reprocess", *SPAN, "--into", prefix, "--config", config, expect=expect).splitlines()


def published(line: Stack) -> list[object]:
    """Of the compacted topic what no compaction takes."""
    kept = [[record.value() for record in line.read(topic)] for topic in (line.topics.readings, line.topics.events)]
    return [*kept, line.newest(line.topics.quarter_hours, line.codecs.quarter_hours)]


def test_nothing_differs_where_nothing_was_changed_and_nothing_published_is_touched(line: Stack) -> None:
    before = published(line)
    in_span = [q for q in line.newest(line.topics.quarter_hours, line.codecs.quarter_hours).values()
               if SINCE <= q.start < UNTIL]  # fmt: skip
    report = reprocess(line, "same", 0)
    taken = [wire for wire in WIRES if SINCE - MARGIN_MS <= wire.telegram.time_ms < UNTIL + MARGIN_MS]

    assert {"MEASURED", "ESTIMATED"} <= {quarter.quality for quarter in in_span}
    assert [
        f"telegrams: {len(taken)} accepted",
        f"quarter-hours: {len(in_span)} equal, 0 different, 0 only again, 0 only published",
    ] == report
    assert len(taken) == len(line.read(Topics(f"{line.prefix}-same").readings))
    assert before == published(line)


def test_a_key_that_is_gone_shows_in_the_quarter_hours_of_its_meter_only(line: Stack) -> None:
    whole = line.keys.read_text()
    line.keys.write_text("\n".join(row for row in whole.splitlines() if not row.startswith(GONE)) + "\n")
    try:
        _, counts, *examples = reprocess(line, "gone", 1)
    finally:
        line.keys.write_text(whole)

    assert examples
    assert all(example.split(": ")[1].split("|")[0] in POINTS for example in examples)
    assert "0 only again" in counts


def test_neither_what_is_there_nor_an_empty_span_is_reprocessed(line: Stack) -> None:
    config = str(line.stream_toml("commands"))

    assert "" == line.command("reprocess", "--from", SPAN[3], "--to", SPAN[1], "--config", config, expect=2)
    assert "" == line.command("reprocess", *SPAN, "--into", line.prefix, "--config", config, expect=2)
