"""The clock of a partition: what moves it, what does not, and what stage two hears of it."""

from __future__ import annotations

from typing import Any

from stream_app.ingest import CLOCK_STEP_MS
from stream_app.lane.batches import hash_of
from stream_app.lane.stage import Output
from tests.stream_app.ingest_harness import PARTITIONS, TOPICS, Frame, decoded
from tests.stream_app.test_ingest import QUARTER, T0, A, bench, minutes

DAY = 96 * QUARTER
UNSET = (("link", b"apdu"), ("clock-synced", b"false"))


def clocks(outputs: list[Output]) -> set[tuple[bytes | None, int, Any]]:
    return {(o.key, o.timestamp, o.partition) for o in outputs if o.topic == TOPICS.meter_quarters and o.value is None}


def test_stage_two_is_told_the_clock_in_every_partition_once_a_minute() -> None:
    stage = bench()
    first = stage.feed([A.frame(1, T0)], T0 + QUARTER)
    soon = stage.feed([A.frame(2, T0 + CLOCK_STEP_MS - 1)], T0 + QUARTER)
    later = stage.feed([A.frame(3, T0 + CLOCK_STEP_MS)], T0 + QUARTER)
    key = b"clock|%d" % (hash_of(A.title.encode()) % PARTITIONS)

    assert {(key, T0, 0), (key, T0, 1)} == clocks(first)
    assert set() == clocks(soon)
    assert {(key, T0 + CLOCK_STEP_MS, 0), (key, T0 + CLOCK_STEP_MS, 1)} == clocks(later)


def test_the_clock_is_the_records_and_only_silence_lets_the_wall_carry_it_on() -> None:
    stage = bench()
    now = T0 + 90 * QUARTER
    stage.feed([A.frame(1, T0)], now)
    stage.stage.sweep(stage.state, now)
    stage.feed([A.frame(2, T0 + 60_000)], now + 1000)
    stage.stage.sweep(stage.state, now + 5000)
    lagging = stage.state.time(now)
    stage.stage.sweep(stage.state, now + 9000)

    assert (T0 + 60_000, T0 + 64_000) == (lagging, stage.state.time(now))


def test_a_partition_without_a_record_goes_by_the_wall() -> None:
    stage = bench()
    outputs = stage.stage.sweep(stage.state, T0)

    assert {(b"clock|0", T0, 0), (b"clock|0", T0, 1)} == clocks(outputs)


def test_a_record_from_the_future_does_not_move_the_clock_past_the_wall() -> None:
    stage = bench()
    stage.feed([A.frame(1, T0)._replace(timestamp=T0 + 99 * QUARTER)], T0)

    assert T0 == stage.state.time(T0)


def test_a_clock_that_steps_back_with_the_first_record_is_told_before_the_parts() -> None:
    stage = bench()
    stage.stage.sweep(stage.state, T0 + 90 * QUARTER)
    outputs = stage.feed(minutes(A, 20), T0 + 90 * QUARTER)
    told = [o.value is None for o in outputs if o.topic == TOPICS.meter_quarters]

    assert told == sorted(told, reverse=True)
    assert {True, False} == set(told)


def test_a_restart_does_not_take_back_what_the_wall_has_carried_on() -> None:
    stage = bench()
    stage.feed([A.frame(1, T0)], T0)
    for minute in range(3 * 24 * 60):
        stage.stage.sweep(stage.state, T0 + minute * 60_000)
    stage.restart()
    stage.stage.sweep(stage.state, T0 + 3 * DAY)

    assert T0 + 3 * DAY - 60_000 == stage.state.time(0)


def test_a_record_that_is_refused_does_not_move_the_clock() -> None:
    stage = bench()
    stage.feed([Frame(b"x", b"garbage", T0 - 999 * DAY)], T0)

    assert {"link"} == {reject["error"] for reject in decoded(stage.feed([Frame(b"x", b"?", T0)], T0), TOPICS.rejects)}
    assert T0 + 1 == stage.state.time(T0 + 1)


def test_a_gateway_without_a_clock_is_given_the_time_of_arrival() -> None:
    stage = bench()
    (reading,) = decoded(stage.feed([A.frame(1, T0)._replace(timestamp=86_400_000)], T0), TOPICS.readings)

    assert (T0, "METER", T0) == (reading.measured_at, reading.time_source, stage.state.time(0))


def test_a_gateway_that_has_not_heard_the_time_does_not_overrule_the_meters() -> None:
    behind = A.frame(1, T0)._replace(timestamp=T0 - 2 * 3_600_000)
    (overruled,) = decoded(bench().feed([behind], T0), TOPICS.readings)
    (reading,) = decoded(bench().feed([behind._replace(headers=UNSET)], T0), TOPICS.readings)

    assert (T0 - 2 * 3_600_000, "GATEWAY") == (overruled.measured_at, overruled.time_source)
    assert (T0, "METER") == (reading.measured_at, reading.time_source)
