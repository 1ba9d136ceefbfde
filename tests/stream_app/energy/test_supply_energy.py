from __future__ import annotations

from collections.abc import Iterable

import pytest

from stream_app.energy.meter_energy import MeterEnergy, Sample, adopt, advance, rules_for
from stream_app.energy.supply import Limits, Supply, demand, phase, silence, watch
from stream_app.records import MeterQuarter
from stream_app.registry.model import Meter
from tests.stream_app.energy.energy_world import CONSUMER, HOUR, MINUTE, MONDAY, QUARTER, TITLE

PUSH_S = 5
LIMITS = Limits(TITLE, PUSH_S * 1000, 10_000)


def energy_at(at: int, raw: int) -> MeterEnergy:
    """A meter with one reading of its import register."""
    energy = MeterEnergy()
    rules = rules_for(Meter(TITLE, push_seconds=PUSH_S), [CONSUMER])
    adopt(energy, rules, at)
    advance(energy, Sample(at, (raw,), True), rules, at)
    return energy


@pytest.mark.parametrize(
    ("elapsed", "sent", "raw", "expected"),
    [
        pytest.param(HOUR, 1, 1000, True, id="no-telegram-made-and-no-energy-counted"),
        pytest.param(HOUR, 12, 1000, True, id="the-gateway-came-back-a-minute-later"),
        pytest.param(HOUR, 720, 1000, False, id="the-meter-went-on-sending"),
        pytest.param(HOUR, 700, 1000, False, id="off-for-less-than-three-minutes"),
        pytest.param(HOUR, 1, 1001, False, id="a-port-that-sends-on-request-only"),
        pytest.param(HOUR, 1, None, False, id="without-a-register-no-proof"),
        pytest.param(3 * MINUTE, 1, 1000, False, id="too-short"),
    ],
)
def test_silence_is_an_outage_only_if_counter_and_register_prove_it(
    elapsed: int, sent: int, raw: int | None, expected: bool
) -> None:
    sample = Sample(MONDAY + elapsed, (raw,), True)
    events = silence(Supply(), energy_at(MONDAY, 1000), sample, MONDAY, sent, LIMITS)
    proved = [("supply.outage", MONDAY), ("supply.return", MONDAY + elapsed)] if expected else []

    assert proved == [(event.type, event.at) for event in events]


def test_a_register_never_heard_before_proves_nothing() -> None:
    energy = MeterEnergy()
    adopt(energy, rules_for(Meter(TITLE), [CONSUMER]), MONDAY)

    assert [] == silence(Supply(), energy, Sample(MONDAY + HOUR, (0,), True), MONDAY, 1, LIMITS)


def test_an_outage_that_the_voltage_told_before_the_silence_is_told_once() -> None:
    supply = Supply()
    phases = [phase(number, number, 0) for number in range(3)]
    told = [watch(supply, phases, [v, v, v], MONDAY + 5000 * n, LIMITS) for n, v in enumerate([230, 0, 0])]
    sample = Sample(MONDAY + HOUR, (1000,), True)

    assert ["supply.outage"] == [event.type for events in told for event in events]
    assert [] == silence(supply, energy_at(MONDAY, 1000), sample, MONDAY, 1, LIMITS)


def quarter(amount: int | None, start: int = MONDAY, quality: str = "MEASURED", **other: object) -> MeterQuarter:
    whole = MeterQuarter(
        "home", TITLE, "1.8.0", start, start + QUARTER, amount, quality, "INTERPOLATED", 900, 180, 0, True, False  # type: ignore[arg-type]
    )  # fmt: skip
    return whole._replace(**other)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        pytest.param([quarter(2501)], [("demand.exceeded", MONDAY)], id="above"),
        pytest.param([quarter(2500)], [], id="at-the-limit"),
        pytest.param(
            [quarter(2501), quarter(2501, site="both")], [("demand.exceeded", MONDAY)], id="once-for-two-sites"
        ),
        pytest.param([quarter(2501, quantity="2.8.0")], [], id="export-is-no-demand"),
        pytest.param([quarter(2501, quality="ESTIMATED")], [], id="estimated"),
        pytest.param([quarter(None, quality="MISSING")], [], id="missing"),
        pytest.param([quarter(2501, MONDAY - QUARTER)], [], id="revised-later"),
        pytest.param([quarter(2501, end=MONDAY + MINUTE)], [], id="part-of-a-quarter"),
    ],
)
def test_demand_is_the_measured_mean_of_the_quarter_just_closed(
    found: Iterable[MeterQuarter], expected: list[tuple[str, int]]
) -> None:
    events = demand(found, MONDAY + QUARTER + 2000, LIMITS)

    assert expected == [(event.type, event.at) for event in events]


def test_a_meter_without_a_limit_cannot_exceed_it() -> None:
    assert [] == demand([quarter(99_999)], MONDAY + QUARTER, LIMITS._replace(max_power_w=None))
