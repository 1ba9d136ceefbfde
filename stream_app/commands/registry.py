"""``cipstream registry check | apply``."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer
from aiokafka.errors import KafkaError
from rich.console import Console
from rich.progress import Progress

from stream_app.avro import load_codecs
from stream_app.commands.configuration import Config, kafka_or_exit, settings_or_exit
from stream_app.registry.entries import Change, changes, entries_of
from stream_app.registry.files import Rows, read_folder
from stream_app.registry.rules import judge
from stream_app.registry.topic import RegistryError, RegistryTopic, RegistryWriter
from stream_app.schema_registry import SchemaRegistryError, schema_ids
from stream_app.settings import Settings

app = typer.Typer(help="Meters, metering points, sites, members: what the wire does not say.", no_args_is_help=True)

Folder = Annotated[
    Path, typer.Argument(metavar="DIR", exists=True, file_okay=False, help="Folder with meters.csv, points.csv …")
]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Show what would change and change nothing.")]


@app.command()
def check(folder: Folder) -> None:
    """Validate a registry folder, line by line. Exit 1 if a line is wrong."""
    rows = _rows_or_exit(folder)
    typer.echo(", ".join(f"{size} {kind.replace('_', ' ')}" for kind, size in rows.sizes().items()))


@app.command()
def apply(folder: Folder, config: Config = None, dry_run: DryRun = False) -> None:
    """Publish a registry folder: all of it or nothing. What is not in the folder goes. Running workers follow."""
    settings = settings_or_exit(config)
    rows = _rows_or_exit(folder)
    kafka_or_exit(settings)
    try:
        written = _apply(settings, rows, dry_run)
    except (RegistryError, SchemaRegistryError, KafkaError) as error:
        typer.echo(f"{settings.kafka.bootstrap}: {error}", err=True)
        raise typer.Exit(2) from error
    for change in written:
        typer.echo(str(change))
    typer.echo(f"{len(written)} changes{' to be made' if dry_run else ''}" if written else "nothing changed")


def _rows_or_exit(folder: Path) -> Rows:
    rows, problems = read_folder(folder)
    problems = sorted(problems + judge(rows), key=lambda problem: (problem.file, problem.line))
    for problem in problems:
        typer.echo(str(problem), err=True)
    if problems:
        raise typer.Exit(1)
    return rows


def _apply(settings: Settings, rows: Rows, dry_run: bool) -> Sequence[Change]:
    topic = settings.topic_names().registry
    codec = load_codecs(schema_ids(settings)).registry
    exactly_once = settings.worker.processing_guarantee == "exactly_once"
    writer = None
    if not dry_run:
        transactional_id = f"{settings.worker.application}-{topic}" if exactly_once else None
        writer = RegistryWriter(settings.kafka.librdkafka(), topic, transactional_id)
    there = RegistryTopic(settings.kafka.aiokafka(), topic, codec)
    asyncio.run(there.load())
    wanted = changes(there.entries, entries_of(rows, settings.clock()()))
    if writer and wanted:
        console = Console(stderr=True)
        with Progress(console=console, transient=True, disable=not console.is_terminal) as progress:
            task = progress.add_task("publishing", total=len(wanted))
            writer.write(wanted, codec, lambda: progress.advance(task))
    return wanted
