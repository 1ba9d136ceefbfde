"""The worker: Faust around two lanes. What carries energy is in the lanes; agents, timers and pages are operational."""

from __future__ import annotations

import asyncio
import tempfile
from pathlib import Path
from typing import Any, NamedTuple

import faust
import structlog

from stream_app.avro import AvroError, Codecs
from stream_app.health import Pages
from stream_app.keys.ring import KeyRing, KeyStore, KeyStoreError
from stream_app.lane.faust_adapter import LaneApp
from stream_app.lane.lane import Lane
from stream_app.lane.options import Options
from stream_app.promotion import Promotion
from stream_app.registry.model import Directory
from stream_app.registry.topic import RegistryTopic
from stream_app.settings import Kafka, Settings
from stream_app.topology import Stages, build

log = structlog.get_logger(__name__)

KEYS_EVERY_S = 2.0  # how soon a running worker sees new keys


class Supplies(NamedTuple):
    """What a worker needs before it starts."""

    codecs: Codecs
    keys: KeyStore
    ring: KeyRing
    directory: Directory


def create_app(settings: Settings, supplies: Supplies) -> LaneApp:
    """The worker's app, wired and not yet started."""
    worker = settings.worker
    app = LaneApp(
        worker.application,
        broker="kafka://" + settings.kafka.bootstrap,
        broker_credentials=_credentials(settings.kafka),
        store="memory://",
        datadir=Path(tempfile.gettempdir()) / f"{worker.application}-faust",  # Faust makes one, nothing is kept there
        web_bind=worker.web_bind,
        web_port=worker.web_port,
        topic_partitions=settings.topics.partitions,
        broker_session_timeout=worker.session_timeout_s,
        broker_heartbeat_interval=worker.heartbeat_s,
        broker_rebalance_timeout=worker.rebalance_timeout_s,
    )
    stages = build(settings, supplies.codecs, supplies.ring, supplies.directory)
    options = Options(
        settings.kafka.aiokafka(),
        processing_guarantee=worker.processing_guarantee,
        commit_interval_s=worker.commit_interval_s,
        clock=settings.clock(),
    )
    lanes = [Lane(stage, app.group, options) for stage in stages]
    for lane in lanes:
        app.add_lane(lane)
    pages = Pages(app, lanes, stages)
    pages.serve()
    _follow_registry(app, settings, supplies.codecs, stages)
    _follow_keys(app, supplies.keys, stages, pages)
    _hear_events(app, settings, supplies, pages)
    return app


def _credentials(kafka: Kafka) -> Any:
    """What Faust's own consumer and producer need where aiokafka's clients take keyword arguments."""
    known = kafka.aiokafka()
    context = known.get("ssl_context")
    if kafka.security.startswith("SASL"):
        return faust.SASLCredentials(
            username=known["sasl_plain_username"],
            password=known["sasl_plain_password"],
            ssl_context=context,
            mechanism=known["sasl_mechanism"],
        )
    return faust.SSLCredentials(context=context) if context else None


def _follow_registry(app: LaneApp, settings: Settings, codecs: Codecs, stages: Stages) -> None:
    """Every worker needs the whole registry, so that it is read without a group."""

    @app.task  # type: ignore[untyped-decorator]
    async def follow_registry() -> None:
        topic = RegistryTopic(settings.kafka.aiokafka(), settings.topic_names().registry, codecs.registry)
        async for directory in topic.follow():
            stages.learn(directory=directory)
            log.info("registry taken into force", meters=len(directory.meters), sites=len(directory.sites))


def _follow_keys(app: LaneApp, store: KeyStore, stages: Stages, pages: Pages) -> None:
    """A store that cannot be read leaves the last good ring in force, loudly."""

    @app.timer(KEYS_EVERY_S)  # type: ignore[untyped-decorator]
    async def follow_keys() -> None:
        try:
            if not await asyncio.to_thread(store.changed):
                return
            ring = await asyncio.to_thread(store.load)
        except KeyStoreError as error:
            pages.keys_failed = str(error)
            log.error("keys cannot be read, the last good ones stay in force", reason=str(error))
            return
        pages.keys_failed = None
        stages.learn(ring=ring)
        log.info("keys taken into force", meters=len(ring))


def _hear_events(app: LaneApp, settings: Settings, supplies: Supplies, pages: Pages) -> None:
    """All events are counted, alarms reach the log, promotions the key store. Hearing one twice does no harm."""
    topic = app.topic(settings.topic_names().events, key_type=bytes, value_type=bytes, value_serializer="raw")

    @app.agent(topic)  # type: ignore[untyped-decorator]
    async def hear_events(stream: Any) -> None:
        async for value in stream:
            try:
                event = supplies.codecs.events.decode(value)
            except AvroError as error:
                log.warning("not an event", reason=str(error))
                continue
            pages.events[event.type, event.severity] += 1
            if event.severity == "ALARM":
                log.warning(event.type, source=event.source, at=event.at, detail=event.detail)
            if promotion := Promotion.of(event):
                await _record(supplies.keys, promotion)


async def _record(store: KeyStore, promotion: Promotion) -> None:
    """The stages know it already; the store is for people, and for the next start."""
    try:
        await asyncio.to_thread(store.promote, *promotion)
    except KeyStoreError as error:
        log.error("a promotion is not recorded", title=promotion.title, version=promotion.version, reason=str(error))
