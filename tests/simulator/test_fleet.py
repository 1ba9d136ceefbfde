"""A fleet tells the truth, the same truth each time, and tells it in order."""

from __future__ import annotations

import time
from itertools import pairwise

import pytest

from tests.simulator.fleet import Fleet, build
from tests.simulator.registers import DAY_MS, WH, Counter

MIDNIGHT = 1_774_742_400_000  # 2026-03-29T00:00:00Z
DAY = MIDNIGHT // DAY_MS


@pytest.fixture(scope="module")
def fleet() -> Fleet:
    return build(MIDNIGHT)


def test_a_register_is_the_integral_of_the_power() -> None:
    """Summed up second by second; the power of a minute changes sign twice an hour."""
    power = [1500 if minute % 60 < 40 else -700 for minute in range(1440)]
    counter = Counter(lambda day: power, DAY, 1000, 20)
    imported = exported = 0
    for second in range(2 * 86_400):
        if second % 997 == 0:
            now = counter.at(MIDNIGHT + second * 1000)
            assert (1000 + imported // WH, 20 + exported // WH) == now[:2]
        watts = power[second // 60 % 1440]
        imported += max(watts, 0) * 1000
        exported += max(-watts, 0) * 1000


def test_registers_do_not_depend_on_what_was_asked_before(fleet: Fleet) -> None:
    late = MIDNIGHT + 3 * DAY_MS + 12_345_678
    fresh = build(MIDNIGHT)
    for meter in fleet.meters:
        meter.registers(MIDNIGHT)

    assert [m.registers(late) for m in fresh.meters] == [m.registers(late) for m in fleet.meters]


def test_telegrams_come_in_order_and_each_counter_once(fleet: Fleet) -> None:
    telegrams = list(fleet.telegrams(MIDNIGHT, MIDNIGHT + 3_600_000))

    assert all(a.time_ms <= b.time_ms for a, b in pairwise(telegrams))
    assert len(telegrams) == len({t.link_bytes for t in telegrams})
    assert sum(3600 // meter.rhythm.push_s for meter in fleet.meters) == len(telegrams)


def test_a_span_may_be_asked_for_in_pieces(fleet: Fleet) -> None:
    cuts = [MIDNIGHT, MIDNIGHT + 12_345, MIDNIGHT + 61_000, MIDNIGHT + 600_000]
    pieces = [telegram for start, end in pairwise(cuts) for telegram in fleet.telegrams(start, end)]

    assert list(fleet.telegrams(cuts[0], cuts[-1])) == pieces


def test_the_first_site_is_a_community_whose_roofs_feed_at_noon(fleet: Fleet) -> None:
    noon = MIDNIGHT + 11 * 3_600_000
    producers = [point.meter for point in fleet.points if point.role == "producer"]

    assert producers
    assert all(meter.registers(noon + 3_600_000).export_wh > meter.registers(noon).export_wh for meter in producers)
    assert all(meter.registers(MIDNIGHT).export_w == 0 for meter in producers)


def test_households_use_what_households_use(fleet: Fleet) -> None:
    """A day between 2 and 60 kWh."""
    used = [m.registers(MIDNIGHT + DAY_MS).import_wh - m.registers(MIDNIGHT).import_wh for m in fleet.meters]

    assert all(2_000 < wh < 60_000 for wh in used), used


def test_a_day_of_fifty_meters_takes_seconds() -> None:
    started = time.process_time()
    count = sum(1 for _ in build(MIDNIGHT, meters=50, push_seconds=(60,)).telegrams(MIDNIGHT, MIDNIGHT + DAY_MS))

    assert 72_000 == count
    assert time.process_time() - started < 15
