"""The contract with Faust and aiokafka: one test per private name, each saying what breaks when an upgrade moves it.

That the whole works together is shown with real workers in ``tests/faults``.
"""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Collection
from typing import Any

import pytest
from aiokafka import AIOKafkaConsumer
from aiokafka.consumer.group_coordinator import GroupCoordinator
from aiokafka.errors import UnknownError
from faust.transport.drivers import aiokafka as driver
from faust.types import TP

from stream_app.lane import faust_adapter
from stream_app.lane.faust_adapter import PATIENCE, SETTINGS, LaneApp, LaneConsumer, LaneThread, LaneTransport

LANE, OTHER = TP("in", 1), TP("alarms", 2)


class NotedLane:
    """A lane that only notes what it is told."""

    topic = "in"

    def __init__(self) -> None:
        self.told: list[object] = []

    async def revoked(self) -> None:
        self.told.append("revoked")

    async def assigned(self, partitions: Collection[int]) -> None:
        self.told.append(set(partitions))

    async def stop(self) -> None:
        self.told.append("stop")


@pytest.fixture
def lane() -> NotedLane:
    return NotedLane()


@pytest.fixture
async def app(lane: NotedLane) -> LaneApp:
    app = LaneApp("contract", broker="kafka://127.0.0.1:1", store="memory://", web_enabled=False)
    app.add_lane(lane)
    return app


@pytest.fixture
def consumer(app: LaneApp) -> Any:
    return app.consumer


async def test_signals_tell_a_lane_its_partitions_and_no_others(app: LaneApp, lane: NotedLane) -> None:
    """``on_partitions_revoked``, ``on_partitions_assigned``, ``on_before_shutdown``: without them no lane ever runs."""
    await app.on_partitions_revoked.send({LANE})
    await app.on_partitions_assigned.send({LANE, OTHER, TP("in", 7)})
    await app.on_before_shutdown.send()

    assert ["revoked", {1, 7}, "stop"] == lane.told
    assert app.group.membership().assigned


async def test_a_crash_of_a_lane_is_a_crash_of_the_app(app: LaneApp) -> None:
    error = ZeroDivisionError("a defect")
    await app.group.crash(error)

    assert error is app.crash_reason
    assert "contract" == app.group.id


async def test_the_settings_reach_faust_and_can_be_overridden(app: LaneApp) -> None:
    assert SETTINGS == {name: getattr(app.conf, name) for name in SETTINGS}
    assert 30 == LaneApp("slower", broker="kafka://127.0.0.1:1", broker_session_timeout=30).conf.broker_session_timeout


async def test_new_transport_gives_our_transport(app: LaneApp) -> None:
    """Else none of the classes below is ever used, and Faust reads the lanes' topics itself."""
    assert isinstance(app.transport, LaneTransport)


async def test_new_consumer_thread_gives_our_thread(consumer: Any) -> None:
    assert isinstance(consumer, LaneConsumer)
    assert isinstance(consumer._thread, LaneThread)


async def test_topics_add_subscribes_without_an_agent(app: LaneApp) -> None:
    """Else the group hands out no partitions of the lane."""
    assert {"in"} == {name for topic in app.topics for name in topic.topics}


async def test_the_worker_consumer_reads_committed_records_only(app: LaneApp, consumer: Any) -> None:
    """``_create_worker_consumer``, ``_isolation_level``: else agents see outputs of transactions that were aborted."""
    stock = driver.AIOKafkaConsumerThread._create_worker_consumer(consumer._thread, app.transport)
    ours = consumer._thread._create_worker_consumer(app.transport)

    assert ("read_uncommitted", "read_committed") == (stock._isolation_level, ours._isolation_level)


async def test_a_gap_ends_before_the_record_that_follows_it(consumer: Any) -> None:
    """``_add_gap``: Faust would count the record at 9 twice, and stop committing there. If this gap already ends at 8
    without our override, Faust has mended it: remove the override.
    """
    await consumer._add_gap(OTHER, 5, 9)
    ours = consumer._gap[OTHER].copy()
    await driver.Consumer._add_gap(consumer, OTHER, 5, 9)

    assert [(5, 9)] == [(i.begin, i.end) for i in ours]
    assert [(5, 10)] == [(i.begin, i.end) for i in consumer._gap[OTHER]]


async def test_faust_never_resumes_the_partitions_of_a_lane(consumer: Any) -> None:
    """``resume_partitions``: table recovery resumes everything; Faust would fetch what no agent reads."""
    consumer._active_partitions = set()
    consumer.resume_partitions({LANE, OTHER})

    assert {OTHER} == consumer._active_partitions


async def test_stalls_are_looked_for_everywhere_but_in_lanes(consumer: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """``verify_event_path``: else the log says every few seconds that a paused partition is not fetched."""
    looked: list[TP] = []
    monkeypatch.setattr(consumer._thread, "verify_event_path", lambda now, tp: looked.append(tp))
    for tp in (LANE, OTHER):
        consumer.verify_event_path(0.0, tp)

    assert [OTHER] == looked


async def test_the_partitions_of_a_lane_are_paused_before_faust_is_told_of_them(
    consumer: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """``AIOKafkaConsumerThread.on_partitions_assigned``, ``_ensure_consumer``: else aiokafka prefetches them."""
    order: list[object] = []

    class Behind:
        def pause(self, *tps: Any) -> None:
            order.append({(tp.topic, tp.partition) for tp in tps})

    async def told(self: Any, assigned: Any, generation_id: int = 0) -> None:
        order.append("told")

    monkeypatch.setattr(driver.AIOKafkaConsumerThread, "on_partitions_assigned", told)
    consumer._thread._consumer = Behind()
    await consumer._thread.on_partitions_assigned({LANE, OTHER}, 3)

    assert [{("in", 1)}, "told"] == order


async def test_heartbeats_go_through_the_name_that_is_wrapped() -> None:
    """``_coordinator``, ``_do_heartbeat``: else no membership is ever confirmed, and a lost partition stays lost."""
    assert inspect.iscoroutinefunction(GroupCoordinator._do_heartbeat)
    assert "await self._do_heartbeat()" in inspect.getsource(GroupCoordinator._heartbeat_routine)
    assert "self._coordinator = GroupCoordinator(" in inspect.getsource(AIOKafkaConsumer.start)


@pytest.mark.parametrize(("accepted", "confirmed"), [(True, True), (False, False)])
async def test_only_an_accepted_heartbeat_confirms_the_membership(
    app: LaneApp, consumer: Any, monkeypatch: pytest.MonkeyPatch, *, accepted: bool, confirmed: bool
) -> None:
    coordinator = Coordinator(accepted=accepted)
    await start_thread(consumer._thread, coordinator, monkeypatch)

    assert accepted is await coordinator._do_heartbeat()
    assert confirmed is (app.group.confirmed_at() > 0)
    await consumer._thread.on_thread_stop()


async def test_check_errors_raises_a_pending_error_once() -> None:
    """``check_errors``: the only sign of a failed SyncGroup, and what lets the coordinator try again."""
    coordinator = object.__new__(GroupCoordinator)
    coordinator._coordination_task = FinishedNever()
    coordinator._error_consumed_fut, coordinator._pending_exception = None, UnknownError()

    with pytest.raises(UnknownError):
        coordinator.check_errors()
    coordinator.check_errors()


@pytest.mark.parametrize(("errors", "crashes"), [(PATIENCE - 1, 0), (PATIENCE, 1)])
async def test_an_error_of_the_coordinator_that_does_not_go_away_ends_the_worker(
    app: LaneApp, consumer: Any, monkeypatch: pytest.MonkeyPatch, *, errors: int, crashes: int
) -> None:
    crashed: list[BaseException] = []

    async def crash(error: BaseException) -> None:
        crashed.append(error)

    monkeypatch.setattr(faust_adapter, "WATCH_S", 0.0)
    monkeypatch.setattr(consumer._thread, "crash", crash)
    coordinator = Coordinator(errors=errors)
    await start_thread(consumer._thread, coordinator, monkeypatch)
    await coordinator.asked_after_the_last_error(crashed)

    assert crashes == len(crashed)
    assert "UnknownError" in (app.group.membership().error or "")
    await coordinator._do_heartbeat()
    assert app.group.membership().error is None
    await consumer._thread.on_thread_stop()


class FinishedNever:
    def done(self) -> bool:
        return False


class Coordinator:
    """What is used of aiokafka's, without a broker."""

    def __init__(self, *, accepted: bool = True, errors: int = 0) -> None:
        self._accepted = accepted
        self._errors = errors
        self._calm = 0

    async def _do_heartbeat(self) -> bool:
        return self._accepted

    def check_errors(self) -> None:
        if self._errors:
            self._errors -= 1
            raise UnknownError
        self._calm += 1

    async def asked_after_the_last_error(self, crashed: list[BaseException]) -> None:
        while not (self._calm or crashed):  # noqa: ASYNC110, aiokafka's coordinator has no event for it
            await asyncio.sleep(0)


async def start_thread(thread: LaneThread, coordinator: Coordinator, monkeypatch: pytest.MonkeyPatch) -> None:
    """``on_start`` with everything below it replaced by the coordinator."""

    class Behind:
        _coordinator = coordinator

    async def nothing(self: Any) -> None: ...

    monkeypatch.setattr(driver.AIOKafkaConsumerThread, "on_start", nothing)
    monkeypatch.setattr(driver.AIOKafkaConsumerThread, "on_thread_stop", nothing)
    thread._consumer = Behind()
    await thread.on_start()
