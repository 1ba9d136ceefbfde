"""``cipstream reprocess``: frames of the past decoded again beside what was published, and what differs."""

from __future__ import annotations

from collections import Counter
from datetime import datetime
from typing import Annotated, Any, Final

import typer
from aiokafka.errors import KafkaError
from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient
from rich.console import Console
from rich.progress import Progress

from stream_app.avro import Codecs
from stream_app.commands.configuration import Config, epoch_ms, in_words, kafka_or_exit, settings_or_exit
from stream_app.commands.worker import TopicsDifferError, fetch_supplies
from stream_app.keys.ring import KeyStoreError
from stream_app.lane.stage import Output
from stream_app.registry.topic import RegistryError
from stream_app.reprocess import HOUR_MS, Difference, Line, Newest, Span, compare, parts_of, read
from stream_app.schema_registry import SchemaRegistryError
from stream_app.settings import Settings
from stream_app.topic_admin import apply, differences
from stream_app.topology import Stages, build
from stream_app.writer import Writer

EXAMPLES: Final = 10

At = Annotated[datetime, typer.Option("--from", help="Quarter-hours that begin at or after; UTC without offset.")]
Until = Annotated[datetime, typer.Option("--to", help="Quarter-hours that begin before; UTC without offset.")]
Into = Annotated[
    str | None,
    typer.Option(help="Prefix of the topics to write, which must not exist yet; else the one in force and -again."),
]


def reprocess(since: At, until: Until, into: Into = None, config: Config = None) -> None:
    """Decode the frames of a span again into topics of their own, with the keys and the registry as they are now.

    Frames of an hour and the grace period before and after are read too. Exit 1 if a quarter-hour of the span differs.
    """
    span = Span(epoch_ms(since), epoch_ms(until))
    if span.until <= span.since:
        raise typer.BadParameter("--to is not after --from")
    settings = settings_or_exit(config)
    kafka_or_exit(settings)
    kafka = settings.kafka.model_copy(update={"prefix": into or f"{settings.kafka.prefix}-again"})
    again = settings.model_copy(update={"kafka": kafka})
    try:
        codecs, _, ring, directory = fetch_supplies(settings)
        _make_topics(again)
        stages = build(again, codecs, ring, directory)
        found = _run(settings, again, stages, span)
        published = _published(settings, span)
    except (KafkaException, KafkaError, KeyStoreError, RegistryError, SchemaRegistryError, TopicsDifferError) as error:
        typer.echo(in_words(error), err=True)
        raise typer.Exit(2) from error
    typer.echo("telegrams: " + (", ".join(f"{n} {kind}" for kind, n in stages.ingest.tally.most_common()) or "none"))
    raise typer.Exit(_report(published, found, codecs))


def _make_topics(again: Settings) -> None:
    """The topics that stages put out to. Meter-quarters stay in this process."""
    names = again.topic_names()
    written = (names.readings, names.events, names.rejects, names.quarter_hours, names.balances, names.allocations)
    specs = [topic for topic in again.topic_specs() if topic.name in written]
    admin = AdminClient(again.kafka.librdkafka() | {"log_level": 0})
    missing = {difference.topic.name for difference in differences(admin, specs) if difference.missing}
    if there := [topic.name for topic in specs if topic.name not in missing]:
        raise TopicsDifferError(f"{', '.join(there)}: there already; another prefix, or delete them")
    apply(admin, specs)


def _run(settings: Settings, again: Settings, stages: Stages, span: Span) -> Newest:
    client = _reader(settings)
    read_span = span.widened(HOUR_MS + settings.energy.grace_minutes * 60_000)
    parts = parts_of(client, settings.topic_names().frames, read_span)
    writer, found = Writer(settings.kafka.librdkafka() | {"log_level": 0}), Newest(span)
    kept = again.topic_names().quarter_hours

    def deliver(output: Output, partition: int) -> None:
        writer.write(output, partition)
        if output.topic == kept:
            found.take(output.key, output.value, output.timestamp)

    console = Console(stderr=True)
    with Progress(console=console, transient=True, disable=not console.is_terminal) as progress:
        task = progress.add_task("frames", total=sum(part.end - part.begin for part in parts))
        line = Line(stages, again, read_span, deliver)
        line.run({part.number: read(client, part) for part in parts}, lambda done: progress.advance(task, done))
    writer.flush()
    return found


def _reader(settings: Settings) -> dict[str, Any]:
    """Configuration of consumers. The group is never joined, but the broker wants a right to its name."""
    return settings.kafka.librdkafka() | {"log_level": 0, "group.id": f"{settings.worker.application}-reprocess"}


def _published(settings: Settings, span: Span) -> Newest:
    client, newest = _reader(settings), Newest(span)
    for part in parts_of(client, settings.topic_names().quarter_hours):
        for records in read(client, part):
            for record in records:
                newest.take(record.key, record.value, record.timestamp)
    return newest


def _report(published: Newest, again: Newest, codecs: Codecs) -> int:
    """Print counts and the first examples; the exit code."""
    counts: Counter[str] = Counter()
    examples: list[Difference] = []
    for difference in compare(published.values, again.values, codecs.quarter_hours):
        counts[difference.kind if difference else "equal"] += 1
        if difference and len(examples) < EXAMPLES:
            examples.append(difference)
    kinds = ("equal", "different", "only again", "only published")
    typer.echo("quarter-hours: " + ", ".join(f"{counts[kind]} {kind}" for kind in kinds))
    for example in examples:
        typer.echo(str(example))
    return 1 if examples else 0
