"""``cipstream export``: a site's quarter-hours, balances or allocations as files, with a completeness report."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Iterator
from enum import Enum
from pathlib import Path
from typing import Annotated, Any
from zoneinfo import ZoneInfo

import typer
from aiokafka.errors import KafkaError
from rich.console import Console
from rich.progress import Progress

from stream_app.avro import Codecs, load_codecs
from stream_app.commands.configuration import Config, kafka_or_exit, settings_or_exit
from stream_app.export import tables
from stream_app.export.files import Format, write
from stream_app.export.kinds import Kind, Source, series_of, source_of
from stream_app.export.period import Period, days_of, first_and_last
from stream_app.export.reader import TopicMissingError, Wanted, gather
from stream_app.export.store import Store
from stream_app.registry.model import Directory
from stream_app.registry.topic import RegistryError, RegistryTopic
from stream_app.schema_registry import SchemaRegistryError, schema_ids
from stream_app.settings import Settings


class Layout(Enum):
    """How rows are laid out; the value is its name on the command line."""

    LONG = "long"
    WIDE = "wide"


LAYOUTS = {Layout.LONG: tables.long, Layout.WIDE: tables.wide}

# What speaks against an export. A day may be beyond the calendar's last in UTC, SQLite may find no room in /tmp.
OBSTACLES = (
    ValueError,
    OverflowError,
    OSError,
    sqlite3.Error,
    RegistryError,
    SchemaRegistryError,
    TopicMissingError,
    KafkaError,
)


def _days(text: str) -> str:
    """Judged here, so that the option is named where it is wrong."""
    try:
        days_of(text)
    except ValueError as error:
        raise typer.BadParameter(str(error)) from None
    return text


def export(
    site: Annotated[str, typer.Option(help="The site, as in sites.csv.")],
    since: Annotated[
        str, typer.Option("--from", callback=_days, help="First local day (2026-03-29) or month (2026-03).")
    ],
    until: Annotated[str, typer.Option("--to", callback=_days, help="Last local day or month, included.")],
    form: Annotated[Format, typer.Option("--format", help="Kind of file.")] = Format.CSV,
    layout: Annotated[Layout, typer.Option(help="One row per record, or one per quarter-hour.")] = Layout.LONG,
    kind: Annotated[Kind, typer.Option("--records", help="What to export.")] = Kind.QUARTER_HOURS,
    out: Annotated[Path, typer.Option(exists=True, file_okay=False, help="Folder for the files.")] = Path(),
    config: Config = None,
) -> None:
    """Write what is published for a site to files, and beside it a completeness report: n of 92, 96 or 100 a day.

    Exit 1 if a record could not be read: then the files lack it.
    """
    settings = settings_or_exit(config)
    try:
        first, last = first_and_last(since, until)
        kafka_or_exit(settings)
        codecs = load_codecs(schema_ids(settings))
        directory = asyncio.run(_directory(settings, codecs))
        if site not in directory.sites:
            raise ValueError(f"{site} is no site of the registry")
        period = Period(first, last, ZoneInfo(directory.sites[site].timezone))
        source = source_of(kind, settings.topic_names(), codecs)
        points = directory.points_of_site.get(site, ()) if kind is Kind.QUARTER_HOURS else ()
        wanted = Wanted(site, {point.metering_point for point in points} or {site}, period)
        stem = f"{site}_{since}_{until}_{kind.value}".replace("/", "-")
        with Store(source.codec) as store:
            unreadable = _gather(settings, source, wanted, store)
            files = [out / f"{stem}_{layout.value}.{form.value}", out / f"{stem}_completeness.{form.value}"]
            write(LAYOUTS[layout](store, source, period), files[0], form)
            report = tables.completeness(store, source, period, series_of(points, period))
            write(_telling(report), files[1], form)
    except OBSTACLES as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(2) from error
    for file in files:
        typer.echo(file)
    if unreadable:
        typer.echo(f"{unreadable} records could not be read", err=True)
        raise typer.Exit(1)


async def _directory(settings: Settings, codecs: Codecs) -> Directory:
    return await RegistryTopic(settings.kafka.aiokafka(), settings.topic_names().registry, codecs.registry).load()


def _gather(settings: Settings, source: Source, wanted: Wanted, store: Store) -> int:
    console = Console(stderr=True)
    with Progress(console=console, transient=True, disable=not console.is_terminal) as progress:
        task = progress.add_task(source.topic, total=None)

        def tell(done: int, total: int) -> None:
            progress.update(task, completed=done, total=total)

        return asyncio.run(gather(settings.kafka.aiokafka(), source, wanted, store, tell))


def _telling(completeness: tables.Table) -> tables.Table:
    """The same table; what it says of the whole period goes to the terminal as well."""

    names = [column.name for column in completeness.columns]

    def told(cells: dict[str, Any]) -> str:
        amount = f"{names[4]} {cells[names[4]]}"
        if not cells.get("substituted"):
            return amount
        return f"{amount} with {cells['substituted']} substituted, {cells['original_amount']} counted"

    def rows() -> Iterator[tables.Row]:
        for row in completeness.rows:
            cells = dict(zip(names, row, strict=True))
            if cells["period"] == "total":
                typer.echo(f"{cells['series']}: {cells['present']} of {cells['expected']} quarter-hours, {told(cells)}")
            yield row

    return tables.Table(completeness.columns, rows())
