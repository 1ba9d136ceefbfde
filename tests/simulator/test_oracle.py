"""The oracle against numbers worked out by hand, and against the truth."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import pytest

from tests.simulator import oracle
from tests.simulator.fleet import QUANTITIES, Fleet, build
from tests.simulator.oracle import Balance, Boundary, Oracle, Quarter

MIDNIGHT = 1_774_742_400_000  # 2026-03-29T00:00:00Z
QUARTER = oracle.QUARTER_MS


class Straight:
    """A meter that takes one watt-hour every 7 s and gives nothing."""

    def registers(self, at: int) -> Any:
        return type("Registers", (), {"import_wh": at // 7000, "export_wh": 0})


@pytest.mark.parametrize(
    ("times", "expected"),
    [
        pytest.param([0, 30_000, 60_000], Boundary(4, 0), id="a-reading-at-the-boundary-is-it"),
        pytest.param([20_000, 41_000], Boundary(3, 21_000), id="2+3*10/21=3.43"),
        pytest.param([23_000, 37_000], Boundary(4, 14_000), id="3+2*7/14=4.0"),
        pytest.param([27_000, 33_000], Boundary(4, 6_000), id="3+1*3/6=3.5-is-rounded-up"),
        pytest.param([40_000, 50_000], None, id="nothing-before"),
        pytest.param([10_000, 20_000], None, id="nothing-after"),
        pytest.param([], None, id="nothing"),
    ],
)
def test_a_boundary_value_lies_on_the_line_between_its_readings(times: list[int], expected: Boundary | None) -> None:
    meter: Any = Straight()

    assert expected == oracle.boundary(meter, "1.8.0", times, 30_000)


@pytest.mark.parametrize(
    ("spans", "expected"),
    [
        pytest.param((150_000, 0), "MEASURED", id="two-and-a-half-pushes"),
        pytest.param((150_001, 0), "ESTIMATED", id="a-millisecond-more"),
        pytest.param((0, None), "MISSING", id="an-open-end"),
    ],
)
def test_the_spans_of_the_boundaries_make_the_quality(spans: tuple[int | None, ...], expected: str) -> None:
    ends = [None if span is None else Boundary(0, span) for span in spans]

    assert expected == oracle.quality(ends, 60)


def quarter(point: str, quantity: str, amount: int | None, quality: str = "MEASURED") -> Quarter:
    return Quarter(point, "s", quantity, 0, amount, quality, 0)


@pytest.mark.parametrize(
    ("quarters", "expected"),
    [
        pytest.param(
            [quarter("a", "1.8.0", 100), quarter("a", "2.8.0", 30), quarter("b", "1.8.0", 5, "ESTIMATED")],
            Balance("s", 0, 105, 30, 75, 30, 75, 0, 2, 0, "ESTIMATED"),
            id="export-is-used-inside",
        ),
        pytest.param(
            [quarter("a", "1.8.0", 10), quarter("b", "2.8.0", 30), quarter("c", "1.8.0", None, "MISSING")],
            Balance("s", 0, 10, 30, -20, 10, 0, 20, 3, 1, "INCOMPLETE"),
            id="a-missing-point-is-left-out",
        ),
        pytest.param(
            [quarter("a", "1.8.0", 10)],
            Balance("s", 0, 10, None, 10, 0, 10, 0, 1, 0, "MEASURED"),
            id="nobody-measures-export",
        ),
        pytest.param(
            [quarter("a", "1.8.0", 10), quarter("b", "2.8.0", None, "MISSING")],
            Balance("s", 0, 10, None, None, None, None, None, 2, 1, "INCOMPLETE"),
            id="all-export-is-missing",
        ),
    ],
)
def test_a_balance_is_the_sum_of_what_there_is(quarters: list[Quarter], expected: Balance) -> None:
    assert expected == oracle.balance("s", 0, quarters)


@pytest.fixture(scope="module")
def fleet() -> Fleet:
    return build(MIDNIGHT, meters=6)


def heard(fleet: Fleet, until_ms: int) -> Oracle:
    told = Oracle(fleet)
    for telegram in fleet.telegrams(MIDNIGHT, until_ms):
        told.hear(telegram.title, telegram.measured_at)
    return told


def test_every_series_of_the_fleet_has_a_quarter_for_every_start(fleet: Fleet) -> None:
    found = {
        (q.metering_point, q.quantity, q.start)
        for q in heard(fleet, MIDNIGHT + 4 * QUARTER).quarters(MIDNIGHT + 3 * QUARTER)
    }
    expected = {
        (point.metering_point, quantity, MIDNIGHT + number * QUARTER)
        for point in fleet.points
        for quantity in QUANTITIES[point.role]
        for number in range(3)
    }

    assert expected == found


def test_what_is_expected_differs_from_the_truth_by_no_more_than_a_push_at_full_power(fleet: Fleet) -> None:
    push_s = {point.metering_point: point.meter.rhythm.push_s for point in fleet.points}
    quarters = heard(fleet, MIDNIGHT + 96 * QUARTER + 120_000).quarters(MIDNIGHT + 96 * QUARTER)
    far = [
        q
        for q in quarters
        if q.amount is not None and abs(q.amount - q.true_wh) > 1 + Fraction(20_000 * push_s[q.metering_point], 3600)
    ]

    assert [] == far


def test_amounts_of_consecutive_quarters_add_up_to_the_registers(fleet: Fleet) -> None:
    """Neighbours share a boundary, so that nothing is lost or counted twice between them."""
    quarters = heard(fleet, MIDNIGHT + 9 * QUARTER).quarters(MIDNIGHT + 8 * QUARTER)
    point = fleet.points[0]
    amounts = [q.amount for q in quarters if q.metering_point == point.metering_point and q.quantity == "1.8.0"][1:]
    times = [t.measured_at for t in point.meter.telegrams(MIDNIGHT, MIDNIGHT + 9 * QUARTER)]
    ends = [oracle.boundary(point.meter, "1.8.0", times, MIDNIGHT + number * QUARTER) for number in (1, 8)]

    assert ends[0] is not None
    assert ends[1] is not None
    assert ends[1].wh - ends[0].wh == sum(a for a in amounts if a is not None)
