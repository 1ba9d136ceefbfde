"""Where lanes meet Faust: the only file that touches its private names, or aiokafka's.

Faust owns group membership, assignment and the life of the worker, and runs ordinary agents and timers. Its consumer
subscribes to a lane's topic only so that the partitions are assigned, and keeps them paused for ever: the lane fetches
with consumers of its own. It hangs on three public signals: ``on_partitions_revoked`` (the group waits for it),
``on_partitions_assigned`` (no heartbeat until it returns) and ``on_before_shutdown`` (before LeaveGroup).

| private or undocumented name | why |
|---|---|
| ``App._new_transport`` | the only way to a consumer class of our own |
| ``Consumer._new_consumer_thread`` | the only way to a thread class of our own |
| ``Consumer._add_gap`` | counts the record after a commit marker twice; agents' offsets would lag ever more |
| ``Consumer.resume_partitions`` | after table recovery Faust resumes everything, lanes included |
| ``Consumer.verify_event_path`` | complains for ever that a paused partition is not fetched |
| ``AIOKafkaConsumerThread.on_start``, ``.on_partitions_assigned`` | pause before a fetch; watch the coordinator |
| ``AIOKafkaConsumerThread._create_worker_consumer``, ``._ensure_consumer`` | the aiokafka consumer behind Faust's |
| ``AIOKafkaConsumer._isolation_level`` | Faust ties ``read_committed`` to its own exactly_once, which is not used |
| ``AIOKafkaConsumer._coordinator``, ``GroupCoordinator._do_heartbeat`` | when membership was last confirmed |
| ``GroupCoordinator.check_errors`` | Faust never calls it; after a failed SyncGroup a worker looks well and idles |
| ``App.topics.add`` | subscribe without an agent |

Each has a contract test in ``tests/stream_app/lane/test_faust_adapter.py`` that says what breaks.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Collection, Iterable
from typing import Any, NamedTuple

import faust
from aiokafka import TopicPartition
from aiokafka.errors import KafkaError
from faust.transport.drivers import aiokafka as driver

from stream_app.lane.ownership import Owner

log = logging.getLogger(__name__)

WATCH_S = 1.0
LEAVE_S = 5.0  # to leave the group; without a broker nobody can, and 30 s after SIGTERM Kubernetes kills
PATIENCE = 10  # an error of the coordinator that is back this many times in a row ends the worker

SETTINGS = {
    "topic_allow_declare": False,  # topics are made beforehand, with the right counts and policies
    "topic_disable_leader": True,
    "broker_session_timeout": 8,  # Faust's 60 s would be the time until another worker takes over
    "broker_heartbeat_interval": 2,
    "broker_rebalance_timeout": 12,
    "broker_request_timeout": 15,
    "broker_max_poll_interval": 1e9,  # a worker with lanes only does not poll; it must not leave the group for that
    "stream_wait_empty": True,
}


class Membership(NamedTuple):
    """What health asks about the group. ``heartbeat_age_s`` is None before the first accepted heartbeat."""

    assigned: bool
    heartbeat_age_s: float | None
    error: str | None


class LaneApp(faust.App):  # type: ignore[misc]
    """A Faust app with lanes. ``SETTINGS`` are its defaults; everything else is Faust's."""

    def __init__(self, *args: Any, **settings: Any) -> None:
        super().__init__(*args, **{**SETTINGS, **settings})
        self.lanes: list[Owner] = []
        self.group = FaustGroup(self)
        self.on_partitions_revoked.connect(self._revoked)
        self.on_partitions_assigned.connect(self._assigned)
        self.on_before_shutdown.connect(self._stop)

    def add_lane(self, lane: Owner) -> None:
        """Before the app starts: have the partitions of the lane's topic assigned, and tell the lane which."""
        self.lanes.append(lane)
        self.topics.add(self.topic(lane.topic, key_type=bytes, value_type=bytes, value_serializer="raw"))

    def lane_topics(self) -> set[str]:
        """The topics that Faust's own consumer leaves alone."""
        return {lane.topic for lane in self.lanes}

    def _new_transport(self) -> driver.Transport:
        return LaneTransport(self.conf.broker_consumer, self)

    async def _revoked(self, app: faust.App, revoked: Collection[Any] = (), **_: Any) -> None:
        await asyncio.gather(*(lane.revoked() for lane in self.lanes))

    async def _assigned(self, app: faust.App, assigned: Collection[Any] = (), **_: Any) -> None:
        self.group.assigned = True
        for lane in self.lanes:
            await lane.assigned({tp.partition for tp in assigned if tp.topic == lane.topic})

    async def _stop(self, app: faust.App, **_: Any) -> None:
        await asyncio.gather(*(lane.stop() for lane in self.lanes))


class FaustGroup:
    """``Group`` for lanes, ``membership`` for health. Written by the consumer's thread: plain assignments only."""

    def __init__(self, app: faust.App) -> None:
        self._app = app
        self._heartbeat = 0.0
        self._errors = 0
        self._error: str | None = None
        self.assigned = False

    @property
    def id(self) -> str:
        """See ``Group``."""
        return str(self._app.conf.id)

    def confirmed_at(self) -> float:
        """See ``Group``."""
        return self._heartbeat

    async def crash(self, error: BaseException) -> None:
        """See ``Group``."""
        await self._app.crash(error)

    def membership(self) -> Membership:
        """Whether this worker is a living member; a zombie has an old heartbeat, or an error."""
        age = time.monotonic() - self._heartbeat if self._heartbeat else None
        return Membership(self.assigned, age, self._error)

    def heartbeat_accepted(self, sent: float) -> None:
        """Note the newest heartbeat that the coordinator accepted."""
        self._heartbeat, self._errors, self._error = sent, 0, None

    def failed(self, error: BaseException) -> bool:
        """Note an error of the coordinator; True when patience is at an end."""
        self._errors += 1
        self._error = repr(error)
        return self._errors >= PATIENCE


class LaneThread(driver.AIOKafkaConsumerThread):  # type: ignore[misc]
    """The thread with Faust's aiokafka consumer."""

    shutdown_timeout = LEAVE_S
    _watch: asyncio.Task[None] | None = None

    def _create_worker_consumer(self, transport: driver.Transport) -> Any:
        consumer = super()._create_worker_consumer(transport)
        consumer._isolation_level = "read_committed"
        return consumer

    async def on_start(self) -> None:
        """Start, and keep an eye on the coordinator."""
        await super().on_start()
        coordinator = self._ensure_consumer()._coordinator
        heartbeat, group = coordinator._do_heartbeat, self.app.group

        async def confirmed_heartbeat() -> bool:
            sent = time.monotonic()
            accepted: bool = await heartbeat()
            if accepted:
                group.heartbeat_accepted(sent)
            return accepted

        coordinator._do_heartbeat = confirmed_heartbeat
        self._watch = asyncio.create_task(self._watch_coordinator(coordinator))

    async def on_thread_stop(self) -> None:
        """Look no more."""
        if self._watch:
            self._watch.cancel()
        await super().on_thread_stop()

    async def on_partitions_assigned(self, assigned: Iterable[Any], generation_id: int = 0) -> None:
        """Pause the lanes' partitions before they are fetched."""
        topics = self.app.lane_topics()
        ours = [TopicPartition(tp.topic, tp.partition) for tp in assigned if tp.topic in topics]
        self._ensure_consumer().pause(*ours)
        await super().on_partitions_assigned(assigned, generation_id)

    async def _watch_coordinator(self, coordinator: Any) -> None:
        """Taking a pending error lets the coordinator try again; one that does not go away ends the worker."""
        while True:
            await asyncio.sleep(WATCH_S)
            try:
                coordinator.check_errors()
            except KafkaError as error:
                log.warning("consumer group: %r", error)
                if self.app.group.failed(error):
                    await self.crash(error)
                    return


class LaneConsumer(driver.Consumer):  # type: ignore[misc]
    """Faust's consumer, which leaves the lanes' topics alone."""

    def _new_consumer_thread(self) -> LaneThread:
        return LaneThread(self, loop=self.loop, beacon=self.beacon)

    def resume_partitions(self, tps: Iterable[Any]) -> None:
        """Resume all but the lanes' partitions."""
        topics = self.app.lane_topics()
        super().resume_partitions({tp for tp in tps if tp.topic not in topics})

    async def _add_gap(self, tp: Any, offset_from: int, offset_to: int) -> None:
        await super()._add_gap(tp, offset_from, offset_to - 1)

    def verify_event_path(self, now: float, tp: Any) -> None:
        """Look for stalls everywhere but in the lanes' partitions."""
        if tp.topic not in self.app.lane_topics():
            super().verify_event_path(now, tp)


class LaneTransport(driver.Transport):  # type: ignore[misc]
    """The transport that makes them."""

    Consumer = LaneConsumer
