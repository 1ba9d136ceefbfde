from __future__ import annotations

import pytest

from stream_app.dlms.clock import MeterTime
from stream_app.meter_time import HOUR_MS, Measured, decide

NOW = 1_792_893_600_000  # 2026-10-25T02:00:00Z: the doubled hour of Zurich has just passed
TOLERANCE = 300_000


def meter_time(utc_ms: int | None, status: int | None = 0, *, ambiguous: bool = False) -> MeterTime:
    return MeterTime(utc_ms, 0, status, ambiguous)


def test_a_clock_within_the_tolerance_is_believed() -> None:
    assert Measured(NOW - TOLERANCE, False, 0x80) == decide(
        meter_time(NOW - TOLERANCE, 0x80), NOW, NOW, TOLERANCE, 0, False
    )


def test_a_clock_beyond_the_tolerance_gives_way_to_the_gateways_and_tells_how_far_off_it_is() -> None:
    far = NOW + TOLERANCE + 1

    assert Measured(NOW, True, 0, TOLERANCE + 1) == decide(meter_time(far), NOW, NOW, TOLERANCE, 0, False)


@pytest.mark.parametrize(
    ("at", "believed"), [(0, True), (TOLERANCE, True), (TOLERANCE + 1, False), (-9 * HOUR_MS, False)]
)
def test_against_a_gateway_that_has_not_heard_the_time_a_later_clock_is_believed_up_to_now(
    at: int, believed: bool
) -> None:
    switched_off = NOW - 2 * HOUR_MS
    measured = decide(meter_time(NOW + at), switched_off, NOW, TOLERANCE, 0, False)

    assert (not believed, NOW + at if believed else switched_off) == (measured.from_gateway, measured.at)


@pytest.mark.parametrize("time", [None, meter_time(None, 0)])
def test_no_time_is_the_gateways(time: MeterTime | None) -> None:
    measured = decide(time, NOW, NOW, TOLERANCE, 0, False)

    assert (NOW, True, None) == (measured.at, measured.from_gateway, measured.drift_ms)


@pytest.mark.parametrize(("status", "from_gateway"), [(0x01, True), (0x81, True), (0x02, False), (0xFF, False)])
def test_only_a_status_that_says_invalid_counts_against_a_clock(status: int, from_gateway: bool) -> None:
    assert from_gateway is decide(meter_time(NOW, status), NOW, NOW, TOLERANCE, 0, False).from_gateway


@pytest.mark.parametrize("hour", [0, HOUR_MS])
def test_in_the_doubled_hour_the_gateways_clock_tells_which_it_is(hour: int) -> None:
    first = NOW - 2 * HOUR_MS

    assert (
        first + hour
        == decide(meter_time(first, ambiguous=True), first + hour + 1000, first + hour + 1000, TOLERANCE, 0, False).at
    )


def test_without_a_good_gateway_clock_time_rises_with_the_counter() -> None:
    first, far = NOW - 2 * HOUR_MS, 10 * HOUR_MS

    def at(newest: int, late: bool) -> int:
        return decide(meter_time(first, ambiguous=True), first + far, first + far, 20 * HOUR_MS, newest, late).at

    assert first == at(first - 1, False)


def test_a_far_gateway_leaves_the_order_to_the_counters() -> None:
    first = NOW - 2 * HOUR_MS
    received_at = first - HOUR_MS

    def drift(newest: int, late: bool) -> int | None:
        return decide(meter_time(first, ambiguous=True), received_at, received_at, TOLERANCE, newest, late).drift_ms

    assert HOUR_MS == drift(first - 1, False)
    assert 2 * HOUR_MS == drift(first + 1, False)
    assert 2 * HOUR_MS == drift(first + HOUR_MS, True)
    assert HOUR_MS == drift(first + HOUR_MS - 1, True)
