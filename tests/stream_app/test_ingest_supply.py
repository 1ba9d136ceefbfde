from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from stream_app.keys.ring import KeyRing
from stream_app.meter_plan import Knowledge
from stream_app.registry.model import Directory, Point, Site
from stream_app.registry.model import Meter as RegisteredMeter
from tests.stream_app.ingest_harness import TOPICS, Bench, Frame, Meter, decoded

A = Meter("4C475A1030A1B2C3")
QUARTER = 900_000
T0 = 1_790_000_100_000 // QUARTER * QUARTER
DIRECTORY = Directory(
    meters=[RegisteredMeter(A.title, push_seconds=10, max_power_w=5_000)],
    points=[Point("CH001", A.title, "S1", T0 - QUARTER)],
    sites=[Site("S1", "Europe/Zurich")],
)
SUPPLY = ("voltage.", "supply.", "demand.")
GOOD, SAG = (230_000, 231_000, 229_000), (230_000, 199_500, 229_000)


def bench() -> Bench:
    made = Bench(directory=DIRECTORY)
    made.stage.knowledge = Knowledge(A.ring(), DIRECTORY, made.stage.knowledge.limits)
    return made


def pushes(*volts: tuple[int, ...], start: int = T0, first: int = 1, watts: int = 0) -> list[Frame]:
    """A telegram every ten seconds."""
    return [
        A.frame(first + n, start + n * 10_000, 1000 + n * watts * 10 // 3600, volts=phases)
        for n, phases in enumerate(volts)
    ]


def told(outputs: object) -> list[tuple[str, int]]:
    """The supply's events and the second of their time."""
    events = decoded(outputs, TOPICS.events)  # type: ignore[arg-type]
    return [(e.type, (e.at - T0) // 1000) for e in events if e.type.startswith(SUPPLY)]


def test_voltages_of_telegrams_become_events_of_the_meter() -> None:
    outputs = bench().feed(pushes(GOOD, SAG, SAG, SAG, GOOD, GOOD), T0 + QUARTER)
    (event, *_) = [e for e in decoded(outputs, TOPICS.events) if e.type == "voltage.sag"]

    assert [("voltage.sag", 10), ("voltage.normal", 40)] == told(outputs)
    assert (A.title, A.title, "L2 199.5 V") == (event.source, event.system_title, event.detail)


def test_late_telegrams_trigger_nothing() -> None:
    frames = pushes(GOOD, SAG, SAG, SAG, GOOD, GOOD)
    outputs = bench().feed([frames[0], frames[4], frames[5], *frames[1:4]], T0 + QUARTER)

    assert 6 == len(decoded(outputs, TOPICS.readings))
    assert [] == told(outputs)


def test_a_late_counter_triggers_nothing_whatever_its_time() -> None:
    frames = [A.frame(counter, T0 + n * 10_000, 1000, volts=SAG) for n, counter in enumerate([4, 1, 2, 3])]

    assert [] == told(bench().feed(frames, T0 + QUARTER))


def test_a_time_before_the_newest_triggers_nothing() -> None:
    times = [(0, GOOD), (30, GOOD), (10, SAG), (20, SAG)]
    frames = [A.frame(n + 1, T0 + second * 1000, 1000, volts=volts) for n, (second, volts) in enumerate(times)]

    assert [] == told(bench().feed(frames, T0 + QUARTER))


def test_a_refused_telegram_triggers_nothing() -> None:
    frames = pushes(GOOD, SAG, SAG)
    forged = frames[2]._replace(value=(frames[2].value or b"")[:-1] + bytes([(frames[2].value or b"")[-1] ^ 1]))
    outputs = bench().feed([*frames[:2], forged], T0 + QUARTER)

    assert [] == told(outputs)


def test_a_meter_that_made_no_telegrams_and_counted_nothing_was_without_supply() -> None:
    hour = T0 + 3_600_000
    stage = bench()
    stage.feed(pushes(GOOD, GOOD), T0 + 20_000)
    stage.restart()
    outputs = stage.feed(pushes(GOOD, GOOD, start=hour, first=3), hour + 20_000)

    assert [("supply.outage", 10), ("supply.return", 3600)] == told(outputs)


def test_a_meter_that_went_on_making_telegrams_was_not() -> None:
    hour = T0 + 3_600_000
    stage = bench()
    stage.feed(pushes(GOOD, GOOD), T0 + 20_000)

    assert [] == told(stage.feed(pushes(GOOD, GOOD, start=hour, first=361), hour + 20_000))


def test_a_new_key_begins_its_counter_anew_and_proves_nothing() -> None:
    newer, hour = Meter(A.title, bytes(range(32, 48)), 2), T0 + 3_600_000
    stage = bench()
    ring = KeyRing([(A.title, A.keys), (A.title, newer.keys)])
    stage.stage.knowledge = Knowledge(ring, DIRECTORY, stage.stage.knowledge.limits)
    stage.feed(pushes(GOOD, GOOD), T0 + 20_000)
    outputs = stage.feed([newer.frame(0, hour, 1000, volts=GOOD)], hour + 20_000)

    assert 1 == len(decoded(outputs, TOPICS.readings))
    assert [] == told(outputs)


def test_a_quarter_above_the_connections_power_is_told_once() -> None:
    outputs = bench().feed(pushes(*[GOOD] * 130, watts=6_000), T0 + 2 * QUARTER)

    assert [("demand.exceeded", 0)] == told(outputs)


def test_a_quarter_within_the_connections_power_is_not() -> None:
    assert [] == told(bench().feed(pushes(*[GOOD] * 130, watts=4_900), T0 + 2 * QUARTER))


VOLTS = st.tuples(*[st.sampled_from([0, 150_000, 205_000, 209_000, 230_000, 260_000])] * 3)


@settings(max_examples=30, deadline=None)
@given(st.lists(VOLTS, min_size=1, max_size=25), st.data())
def test_batches_and_restarts_change_no_event(volts: list[tuple[int, ...]], data: st.DataObject) -> None:
    frames = pushes(GOOD, *volts)
    whole, cut = bench(), bench()
    expected = whole.feed(frames, T0 + QUARTER)
    outputs, left = [], frames
    while left:
        size = data.draw(st.integers(1, len(left)))
        outputs += cut.feed(left[:size], T0 + QUARTER)
        left = left[size:]
        if data.draw(st.booleans()):
            cut.restart()

    assert told(expected) == told(outputs)
