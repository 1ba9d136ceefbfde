"""``cipstream topics apply | check``."""

from __future__ import annotations

from typing import Annotated

import typer
from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient

from stream_app.commands.configuration import Config, in_words, kafka_or_exit, settings_or_exit
from stream_app.schema_registry import SchemaRegistryError, register
from stream_app.settings import Settings
from stream_app.topic_admin import TIMEOUT_S, Difference, differences
from stream_app.topic_admin import apply as apply_topics

app = typer.Typer(help="The topics on the broker, as they are and as they shall be.", no_args_is_help=True)

RegisterSchemas = Annotated[
    bool, typer.Option("--register-schemas", help="Also register the Avro schemas in the configured schema registry.")
]


@app.command()
def apply(config: Config = None, register_schemas: RegisterSchemas = False) -> None:
    """Create missing topics and set what differs. Partition counts are never changed: exit 1 where they are wrong."""
    settings = settings_or_exit(config)
    if register_schemas and settings.schema_registry.url is None:
        typer.echo("schema_registry.url: needed to register schemas", err=True)
        raise typer.Exit(2)
    kafka_or_exit(settings)
    admin = _admin(settings)
    try:
        for mended in apply_topics(admin, settings.topic_specs()):
            typer.echo(f"{mended}: {'created' if mended.missing else 'set'}")
        left = differences(admin, settings.topic_specs())
        if register_schemas:
            written = register(settings.schema_registry, settings.topic_names()).written
            typer.echo("schemas: " + ", ".join(f"{name} {schema_id}" for name, schema_id in written.items()))
    except (KafkaException, TimeoutError) as error:
        raise _unreachable(settings, error) from error
    except SchemaRegistryError as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(2) from error
    _report(left)


@app.command()
def check(config: Config = None) -> None:
    """Compare every topic with its layout: existence, partitions, retention, policy. Exit 1 if something differs."""
    settings = settings_or_exit(config)
    kafka_or_exit(settings)
    try:
        found = differences(_admin(settings), settings.topic_specs())
    except (KafkaException, TimeoutError) as error:
        raise _unreachable(settings, error) from error
    _report(found)


def _admin(settings: Settings) -> AdminClient:
    return AdminClient(settings.kafka.librdkafka() | {"socket.timeout.ms": TIMEOUT_S * 1000, "log_level": 0})


def _report(found: list[Difference]) -> None:
    for difference in found:
        typer.echo(str(difference), err=True)
    if found:
        raise typer.Exit(1)
    typer.echo("all topics are as they shall be")


def _unreachable(settings: Settings, error: Exception) -> typer.Exit:
    typer.echo(f"{settings.kafka.bootstrap}: {in_words(error)}", err=True)
    return typer.Exit(2)
