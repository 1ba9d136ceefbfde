"""The options every command has for its settings."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer
from confluent_kafka import KafkaError

from edge_agent.kafka import NoWayInError, knock
from stream_app.settings import Settings, SettingsError, load_settings, show_settings

Config = Annotated[
    Path | None, typer.Option("--config", envvar="CIP_CONFIG", help="Settings, TOML; CIP_… variables win over it.")
]
PrintConfig = Annotated[bool, typer.Option("--print-config", help="Show the settings in force and exit.")]


def settings_or_exit(config: Path | None, print_config: bool = False) -> Settings:
    """The settings. Exits with 2 and every problem named if they cannot be used, with 0 after showing them."""
    try:
        settings = load_settings(config)
    except SettingsError as error:
        for problem in error.problems:
            typer.echo(problem, err=True)
        raise typer.Exit(2) from None
    if print_config:
        typer.echo(show_settings(settings), nl=False)
        raise typer.Exit(0)
    return settings


def kafka_or_exit(settings: Settings) -> None:
    """Exits with 2 and the reason if no broker lets us in."""
    try:
        asyncio.run(knock(settings.kafka))
    except NoWayInError as error:
        typer.echo(f"no way into Kafka: {error}", err=True)
        raise typer.Exit(2) from None


def in_words(error: Exception) -> str:
    """What went wrong, without the wrapping of librdkafka."""
    inner = error.args[0] if error.args else None
    return str(inner.str()) if isinstance(inner, KafkaError) else str(error) or "no answer"


def epoch_ms(at: datetime) -> int:
    """A time from the command line, UTC unless it says otherwise."""
    return round(at.replace(tzinfo=at.tzinfo or UTC).timestamp() * 1000)
