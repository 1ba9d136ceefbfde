"""What a plan remembers from telegram to telegram says what a new plan would."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from stream_app.keys.ring import KeyRing
from stream_app.lane.stage import Output
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
