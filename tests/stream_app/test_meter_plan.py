"""What a plan remembers from telegram to telegram says what a new plan would."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stream_app.dlms.layout import Layout, Register
from stream_app.keys.ring import KeyRing
from stream_app.lane.stage import Output
from stream_app.meter_plan import Knowledge, Limits, Shape
from stream_app.reading_encoder import OTHER, assign_slots
from stream_app.registry.model import Directory, Point, Site
from tests.stream_app.ingest_harness import TOPICS, Bench, Frame, Meter

TITLE = "4C475A1030A1B2C3"
START = 1_774_746_000_000
MINUTE = 60_000
METERS = (Meter(TITLE), Meter(TITLE, bytes(range(16, 32)), version=2))
POINTS = (
    Point("CH1", TITLE, "S1", START + 20 * MINUTE, START + 40 * MINUTE, role="producer"),
    Point("CH2", TITLE, "S1", START + 30 * MINUTE, START + 40 * MINUTE, role="consumer"),
    Point("CH3", TITLE, "S2", START + 40 * MINUTE),
)
Telegram = tuple[int, Meter, int, tuple[int, ...], tuple[tuple[str, bytes], ...]]

TELEGRAMS = st.tuples(
    st.integers(0, 60),  # minute
    st.sampled_from(METERS),  # key
    st.sampled_from([0x20, 0x30]),
    st.sampled_from([(), (230_000,)]),  # volts: another layout
    st.sampled_from([(), (("edge-id", b"e1"),), (("edge-id", b"e1"), ("port", b"p2")), (("port", b"p2"),)]),
)


def readings(telegrams: list[Telegram], forget: bool) -> list[Output]:
    ring = KeyRing((TITLE, meter.keys) for meter in METERS)
    bench = Bench(ring, Directory((), POINTS, [Site("S1", "UTC"), Site("S2", "UTC")]))
    found: list[Output] = []
    for counter, (minute, meter, control, volts, gateway) in enumerate(telegrams):
        frame: Frame = meter.frame(counter, START + minute * MINUTE, control=control, volts=volts)
        outputs = bench.feed([frame._replace(headers=(*gateway, ("link", b"apdu")))], START + 61 * MINUTE)
        found += [output for output in outputs if output.topic == TOPICS.readings]
        for state in bench.state.meters.values():
            state.plan = None if forget else state.plan
    return found


@given(st.lists(TELEGRAMS, max_size=12))
def test_a_remembered_form_writes_the_readings_that_new_ones_would(telegrams: list[Telegram]) -> None:
    assert readings(telegrams, forget=True) == readings(telegrams, forget=False)


IMPORT, GAS, WATER = Register("1-0:1.8.0", 0, "Wh"), Register("0-1:24.2.1", -3, "m3"), Register("0-2:24.2.1", -2, "m3")
HEAT, POWER, CUSTOMERS = Register("0-1:24.2.1", 6, "J"), Register("1-0:1.7.0", 0, "W"), Register("1-1:1.8.0", 3, "Wh")


@pytest.mark.parametrize(
    ("registers", "quantity", "expected"),
    [
        pytest.param([IMPORT, GAS], "1.8.0", 7, id="electricity"),
        pytest.param([GAS, CUSTOMERS], "1.8.0", 7000, id="in-kWh"),
        pytest.param([GAS], "24.2.1", 7, id="gas-in-litres"),
        pytest.param([WATER], "24.2.1", 70, id="water-in-litres"),
        pytest.param([GAS, WATER], "24.2.1", None, id="gas-and-water-are-not-one-series"),
        pytest.param([GAS, WATER], "0-2:24.2.1", 70, id="the-channel-is-named"),
        pytest.param([GAS], "0-2:24.2.1", None, id="the-channel-named-has-nothing"),
        pytest.param([HEAT], "24.2.1", None, id="heat-is-no-volume"),
        pytest.param([POWER], "1.7.0", None, id="power-is-no-energy"),
        pytest.param([Register("1-0:1.8.0", None, "")], "1.8.0", None, id="nobody-knows-the-scale"),
    ],
)
def test_a_quantity_is_one_register_of_a_fitting_unit(
    registers: list[Register], quantity: str, expected: int | None
) -> None:
    shape = Shape(Layout(None, tuple(registers), (), ()), (quantity,))

    assert (expected,) == shape.sample([7] * len(registers))


def test_a_billing_periods_register_is_no_quantity_of_today() -> None:
    layout = Layout(None, (Register("1-0:1.8.0*101", 0, "Wh"), Register("1-0:1.8.0", 0, "Wh")), (), ())

    assert (1000,) == Shape(layout, ("1.8.0",)).sample((900, 1000))
    assert ([OTHER], "import_wh") == (assign_slots(layout.registers)[:1], assign_slots(layout.registers)[1].column)


def test_a_meter_with_more_quantities_than_its_state_has_room_for_is_refused_and_works_once_the_row_is_mended() -> None:
    (meter, _), at = METERS, START + MINUTE
    many = tuple(f"{c}.8.{e}" for c in range(1, 9) for e in range(6))
    points = [Point("CH1", TITLE, "S1", START, quantities=quantities) for quantities in (("1.8.0",), many)]
    good, bad = (Directory((), [point], [Site("S1", "UTC")]) for point in points)
    bench = Bench(meter.ring(), good)
    counts = []
    for counter, directory in enumerate((good, bad, good)):
        bench.stage.knowledge = Knowledge(meter.ring(), directory, Limits())
        outputs = bench.feed([meter.frame(counter, at + counter)], at + counter)
        bench.stage.changes(bench.state)
        counts.append([sum(o.topic == topic for o in outputs) for topic in (TOPICS.readings, TOPICS.rejects)])

    assert [[1, 0], [0, 1], [1, 0]] == counts
