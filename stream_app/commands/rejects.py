"""``cipstream rejects list | replay``."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated

import typer
from confluent_kafka import KafkaException
from rich.console import Console
from rich.table import Table

from stream_app.commands.configuration import Config, epoch_ms, in_words, kafka_or_exit, settings_or_exit
from stream_app.refusals import EVENT_OF_KIND
from stream_app.rejects import Choice, Reject, grouped, put_back, read_rejects
from stream_app.settings import Settings

app = typer.Typer(help="Refused telegrams: what and why, and once more after the mend.", no_args_is_help=True)


def _known(kinds: list[str] | None) -> list[str] | None:
    if unknown := [kind for kind in kinds or () if kind not in EVENT_OF_KIND]:
        raise typer.BadParameter(f"{unknown[0]} is none of {', '.join(EVENT_OF_KIND)}")
    return kinds


Kinds = Annotated[
    list[str] | None,
    typer.Option("--kind", callback=_known, help="Error kind, e.g. unknown_key; more than once for several."),
]
Titles = Annotated[list[str] | None, typer.Option("--title", help="System title; more than once for several.")]
Since = Annotated[datetime | None, typer.Option(help="Received at or after; UTC without offset.")]
Until = Annotated[datetime | None, typer.Option(help="Received before; UTC without offset.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Only say how many it would be.")]


@app.command(name="list")
def show(
    config: Config = None, kind: Kinds = None, title: Titles = None, since: Since = None, until: Until = None
) -> None:
    """Group the refused telegrams by reason and meter, the most frequent first."""
    settings = settings_or_exit(config)
    choice = _choice(kind, title, since, until)
    table = Table("kind", "reason", "title", "count", "first", "last")
    for group in grouped(filter(choice.takes, _read(settings))):
        name, reason, meter, times, first, last = group
        table.add_row(name, reason, meter, str(times), _instant(first), _instant(last))
    console = Console()
    Console(width=None if console.is_terminal else 200).print(table)


@app.command()
def replay(
    config: Config = None,
    kind: Kinds = None,
    title: Titles = None,
    since: Since = None,
    until: Until = None,
    dry_run: DryRun = False,
) -> None:
    """Put refused telegrams on the line again, after a key or a list was mended. Doing it twice does no harm.

    Replays are left out unless --kind names them: they were accepted once already.
    """
    settings = settings_or_exit(config)
    choice = _choice(kind, title, since, until)
    chosen = [r for r in _read(settings) if choice.takes(r) and (r.error != "replay" or choice.kinds)]
    if not dry_run:
        try:
            put_back(settings.kafka.librdkafka() | {"log_level": 0}, settings.topic_names().frames, chosen)
        except KafkaException as error:
            typer.echo(
                f"not all were put back: {in_words(error)}; the same call puts all back, twice does no harm", err=True
            )
            raise typer.Exit(2) from error
    typer.echo(f"{len(chosen)} telegrams {'would be' if dry_run else 'are'} on the line again")


def _read(settings: Settings) -> list[Reject]:
    """All of them before any is put back: what is refused again would be met again."""
    kafka_or_exit(settings)
    client = settings.kafka.librdkafka() | {"log_level": 0, "group.id": f"{settings.worker.application}-rejects"}
    try:
        with Console(stderr=True).status("reading the rejects …"):
            return list(read_rejects(client, settings.topic_names().rejects))
    except KafkaException as error:
        typer.echo(f"{settings.kafka.bootstrap}: {in_words(error)}", err=True)
        raise typer.Exit(2) from error


def _choice(
    kinds: list[str] | None, titles: list[str] | None, since: datetime | None, until: datetime | None
) -> Choice:
    choice = Choice(frozenset(kinds or ()), frozenset(title.upper() for title in titles or ()))
    if since:
        choice = choice._replace(since=epoch_ms(since))
    if until:
        choice = choice._replace(until=epoch_ms(until))
    if choice.until <= choice.since:
        raise typer.BadParameter("--until is not after --since")
    return choice


def _instant(ms: int) -> str:
    return datetime.fromtimestamp(ms / 1000, UTC).strftime("%Y-%m-%d %H:%M:%S")
