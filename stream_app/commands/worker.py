"""``cipstream worker``: fetch what it needs, then run until told to stop."""

from __future__ import annotations

import asyncio
import gc
import sys
from typing import Annotated

import typer
import uvloop
from aiokafka.errors import KafkaError
from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient

from stream_app.app import Supplies, create_app
from stream_app.avro import load_codecs
from stream_app.commands.configuration import Config, PrintConfig, in_words, kafka_or_exit, settings_or_exit
from stream_app.keys.ring import KeyStoreError
from stream_app.keys.store import open_store
from stream_app.logs import log_config
from stream_app.registry.topic import RegistryError, RegistryTopic
from stream_app.schema_registry import SchemaRegistryError, schema_ids
from stream_app.settings import Settings
from stream_app.topic_admin import differences

# Batches make and drop tuples by the ten thousand and hardly a cycle: with Python's 700 the collector would walk all
# meters several times a second.
GARBAGE = (50_000, 20, 50)

Check = Annotated[
    bool, typer.Option("--check", help="Name all that speaks against starting, as far as it needs no Kafka, and exit.")
]


def worker(config: Config = None, check: Check = False, print_config: PrintConfig = False) -> None:
    """One stream worker. Run as many as there are partitions."""
    settings = settings_or_exit(config, print_config)
    if check:
        raise typer.Exit(_report(settings))
    kafka_or_exit(settings)
    try:
        supplies = fetch_supplies(settings)
    except (KafkaException, KafkaError, KeyStoreError, RegistryError, SchemaRegistryError, TopicsDifferError) as error:
        typer.echo(in_words(error), err=True)
        raise typer.Exit(2) from error
    asyncio.set_event_loop_policy(uvloop.EventLoopPolicy())
    gc.freeze()
    gc.set_threshold(*GARBAGE)
    app = create_app(settings, supplies)
    app.Worker(
        loglevel="info",
        logging_config=log_config(sys.stderr),
        redirect_stdouts=False,
        quiet=True,  # else Ctrl-C is "-INT- -INT- …"
    ).execute_from_commandline()


def _report(settings: Settings) -> int:
    """Name what is wrong with schema ids and keys; the exit code."""
    code = 0
    for look in (lambda: load_codecs(schema_ids(settings)), lambda: open_store(settings.keys).load()):
        try:
            look()
        except (KeyStoreError, SchemaRegistryError) as error:
            typer.echo(str(error), err=True)
            code = 2
    return code


class TopicsDifferError(Exception):
    """Topics are not as they shall be: writing into them could send a meter to a partition that does not know it."""


def fetch_supplies(settings: Settings) -> Supplies:
    """Compare the topics, look up schema ids, read keys and registry. Raises what speaks against starting."""
    admin = AdminClient(settings.kafka.librdkafka() | {"log_level": 0})
    transactional = settings.worker.processing_guarantee == "exactly_once"
    if found := differences(admin, settings.topic_specs(), configs=transactional):
        raise TopicsDifferError("\n".join(map(str, found)))
    codecs = load_codecs(schema_ids(settings))
    store = open_store(settings.keys)
    ring = store.load()
    registry = RegistryTopic(settings.kafka.aiokafka(), settings.topic_names().registry, codecs.registry)
    return Supplies(codecs, store, ring, asyncio.run(registry.load()))
