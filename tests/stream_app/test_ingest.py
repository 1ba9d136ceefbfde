from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stream_app.keys.ring import KeyRing
from stream_app.lane.batches import hash_of
from stream_app.lane.stage import Output
from stream_app.meter_plan import Knowledge
from stream_app.records import MeterQuarter
from stream_app.registry import model
from stream_app.registry.model import Directory, Point, Site
from tests.stream_app.ingest_harness import PARTITIONS, TOPICS, Bench, Frame, Meter, decoded

A, B = Meter("4C475A1030A1B2C3"), Meter("4B464D0005F5E101", bytes(range(32, 48)))
QUARTER = 900_000
T0 = 1_790_000_100_000 // QUARTER * QUARTER
DIRECTORY = Directory(
    points=[Point("CH001", A.title, "S1", T0 - QUARTER), Point("CH002", B.title, "S1", T0 - QUARTER)],
    sites=[Site("S1", "Europe/Zurich")],
)


def bench(*meters: Meter, directory: Directory = DIRECTORY) -> Bench:
    both = Bench(directory=directory)
    keys = [(meter.title, meter.keys) for meter in meters or (A, B)]
    both.stage.knowledge = Knowledge(type(A.ring())(keys), directory, both.stage.knowledge.limits)
    return both


def minutes(meter: Meter, count: int, start: int = T0) -> list[Frame]:
    """A telegram a minute, 10 Wh each."""
    return [meter.frame(n + 1, start + n * 60_000, 1000 + 10 * n) for n in range(count)]


def quarters(outputs: list[Output]) -> dict[tuple[str, str, int, int], MeterQuarter]:
    parts: list[MeterQuarter] = decoded(outputs, TOPICS.meter_quarters)
    return {(p.system_title, p.quantity, p.start, p.end): p for p in parts}


def refusal(outputs: list[Output]) -> str:
    (reject,) = decoded(outputs, TOPICS.rejects)
    assert [] == decoded(outputs, TOPICS.readings)
    return str(reject["error"])


def test_a_telegram_becomes_a_reading_keyed_by_its_title_at_the_meters_time() -> None:
    outputs = bench().feed([A.frame(7, T0, 1234, 5)], T0)
    (reading,) = decoded(outputs, TOPICS.readings)
    (output,) = [o for o in outputs if o.topic == TOPICS.readings]

    assert (A.title.encode(), T0, None) == (output.key, output.timestamp, output.partition)
    assert (1234, 5, 7, True, "METER") == (
        reading.import_wh,
        reading.export_wh,
        reading.frame_counter,
        reading.authenticated,
        reading.time_source,
    )
    assert ("CH001", "S1", "edge-1", "p1") == (reading.metering_point, reading.site, reading.edge_id, reading.port)


def test_a_quarter_between_two_boundaries_is_told_to_the_site() -> None:
    outputs = bench().feed(minutes(A, 20), T0 + QUARTER * 2)
    part = quarters(outputs)[A.title, "1.8.0", T0, T0 + QUARTER]
    (partition,) = {o.partition for o in outputs if o.topic == TOPICS.meter_quarters and o.key == b"S1"}

    assert (150, "MEASURED", 15) == (part.amount, part.quality, part.telegrams)
    assert b"S1" == partition


@settings(max_examples=40, deadline=None)
@given(st.lists(st.integers(1, 12), min_size=1, max_size=12), st.data())
def test_batches_and_restarts_change_nothing(sizes: list[int], data: st.DataObject) -> None:
    frames = [f for pair in zip(minutes(A, 40), minutes(B, 40), strict=True) for f in pair]
    now = T0 + 4 * QUARTER
    whole, cut = bench(), bench()
    expected = whole.feed(frames, now)
    outputs, at = [], 0
    while at < len(frames):
        size = sizes[at % len(sizes)]
        outputs += cut.feed(frames[at : at + size], now)
        at += size
        if data.draw(st.booleans()):
            cut.restart()

    assert decoded(expected, TOPICS.readings) == decoded(outputs, TOPICS.readings)
    assert quarters(expected) == quarters(outputs)


def test_a_record_read_again_after_a_crash_is_no_replay() -> None:
    """On a broker without transactions state may be ahead of the committed offset."""
    stage = bench()
    stage.feed(minutes(A, 3), T0)
    stage.offset = 0
    outputs = stage.feed(minutes(A, 3), T0)

    assert [] == [o for o in outputs if o.value is not None]


def test_a_header_that_somebody_sent_as_null_is_one_that_was_not_sent() -> None:
    null: Any = (("edge-id", None), ("port", None), ("link", None))
    frame = A.frame(7, T0, 1234, 5)

    assert bench().feed([frame._replace(headers=())], T0) == bench().feed([frame._replace(headers=null)], T0)


def test_names_of_any_length_in_the_headers_are_cut_to_what_a_gateway_can_be_called() -> None:
    headers = (("edge-id", b"\xff" * 500_000), ("port", b"p" * 65), ("link", b"apdu"))
    outputs = bench().feed([A.frame(1, T0)._replace(headers=headers)], T0)
    (reading,) = decoded(outputs, TOPICS.readings)

    assert ("\ufffd" * 64, "p" * 64) == (reading.edge_id, reading.port)


def test_the_same_telegram_from_a_second_gateway_is_refused_without_alarm() -> None:
    stage = bench()
    stage.feed(minutes(A, 1), T0)
    outputs = stage.feed(minutes(A, 1), T0)

    assert "replay" == refusal(outputs)
    assert [] == decoded(outputs, TOPICS.events)


def swapped_title(frame: Frame) -> Frame:
    """The telegram of A under B's title and key."""
    value = (frame.value or b"").replace(bytes.fromhex(A.title), bytes.fromhex(B.title))
    return frame._replace(key=B.title.encode(), value=value)


ATTACKS: dict[str, tuple[Any, str]] = {
    "forged-tag": (lambda f: f._replace(value=f.value[:-1] + bytes([f.value[-1] ^ 1])), "authentication"),
    "flipped-bit": (
        lambda f: f._replace(value=f.value[:40] + bytes([f.value[40] ^ 1]) + f.value[41:]),
        "authentication",
    ),
    "replayed": (lambda f: A.frame(1, T0, 1000), "replay"),
    "foreign-record-key": (lambda f: f._replace(key=B.title.encode()), "misrouted"),
    "no-record-key": (lambda f: f._replace(key=None), "misrouted"),
    "swapped-title": (swapped_title, "authentication"),
    "downgrade-to-no-tag": (lambda f: A.frame(50, T0, 1000, control=0x20), "downgrade"),
    "downgrade-to-clear": (lambda f: A.frame(50, T0, 1000, control=0), "clear_text_refused"),
    "truncated-tag": (lambda f: f._replace(value=f.value[:-4]), "reassembly"),
    "counter-exhaustion": (lambda f: f._replace(value=A.apdu(2**32 - 1, T0, 1)[:-1] + b"\0"), "authentication"),
    "empty-record": (lambda f: f._replace(value=b""), "link"),
}


@pytest.mark.parametrize("attack", ATTACKS)
def test_an_attack_ends_in_its_own_refusal_and_moves_no_state(attack: str) -> None:
    make, kind = ATTACKS[attack]
    strict = Directory(
        meters=[model.Meter(A.title, security="authenticated")],
        points=[p for rows in DIRECTORY.points_of_title.values() for p in rows],
        sites=DIRECTORY.sites.values(),
    )
    stage = bench(directory=strict)
    stage.feed([A.frame(1, T0, 1000)], T0)
    before = stage.state.meters[A.title.encode()].pack_thin()
    outputs = stage.feed([make(A.frame(9, T0, 9999))], T0)

    assert kind == refusal(outputs)
    assert {A.title.encode()} == set(stage.state.meters)
    assert before == stage.state.meters[A.title.encode()].pack_thin()
    assert 1 == len(decoded(stage.feed([A.frame(9, T0 + 1000, 1001)], T0 + 1000), TOPICS.readings))


def test_a_partition_chosen_by_hand_is_misrouted_because_its_guard_is_empty() -> None:
    wrong = (hash_of(A.title.encode()) + 1) % PARTITIONS

    assert "misrouted" == refusal(bench().feed([A.frame(1, T0)._replace(partition=wrong)], T0))


def test_a_flood_of_invented_titles_leaves_no_meter_behind() -> None:
    stage = bench()
    flood = [Meter(f"{n:016X}", bytes(16)).frame(1, T0) for n in range(1, 200)]
    outputs = stage.feed(flood, T0)

    assert {"unknown_key"} == {reject["error"] for reject in decoded(outputs, TOPICS.rejects)}
    assert {} == stage.state.meters


def test_new_keys_and_a_new_registry_hold_from_the_next_batch() -> None:
    stage = bench(B, directory=Directory())
    before = stage.feed([A.frame(1, T0)], T0)
    stage.stage.knowledge = Knowledge(A.ring(), DIRECTORY, stage.stage.knowledge.limits)
    (reading,) = decoded(stage.feed([A.frame(1, T0)], T0), TOPICS.readings)

    assert "unknown_key" == refusal(before)
    assert "CH001" == reading.metering_point


def test_what_a_new_registry_changes_is_told_though_the_next_telegram_is_refused() -> None:
    stage = bench()
    frames = minutes(A, 32)
    stage.feed(frames, T0 + 3 * QUARTER)
    moved = Directory(points=[Point("CH001", A.title, "S2", T0 - QUARTER)], sites=[Site("S2", "Europe/Zurich")])
    stage.stage.knowledge = Knowledge(A.ring(), moved, stage.stage.knowledge.limits)
    outputs = stage.feed([frames[-1]], T0 + 3 * QUARTER)

    assert ["replay"] == [reject["error"] for reject in decoded(outputs, TOPICS.rejects)]
    assert {("S2", T0), ("S2", T0 + QUARTER)} == {(part.site, part.start) for part in quarters(outputs).values()}


def test_a_reset_counter_is_an_event_when_it_takes_effect() -> None:
    stage = bench()
    stage.feed([A.frame(900, T0)], T0)
    ring = KeyRing([(A.title, A.keys)], {A.title: 1})
    stage.stage.knowledge = Knowledge(ring, DIRECTORY, stage.stage.knowledge.limits)
    (event,) = decoded(stage.feed([A.frame(3, T0 + 60_000), A.frame(4, T0 + 120_000)], T0 + 120_000), TOPICS.events)

    assert "security.counter_reset" == event.type
    assert "reset by an operator, the counters start afresh with 3" == event.detail


def test_a_drifting_clock_is_an_event_and_the_gateways_time_takes_over() -> None:
    late = A.frame(1, T0, 5)._replace(timestamp=T0 + 400_000)
    outputs = bench().feed([late], T0 + 400_000)
    (reading,) = decoded(outputs, TOPICS.readings)
    promoted, event = decoded(outputs, TOPICS.events)

    assert "key.promoted" == promoted.type
    assert (T0 + 400_000, "GATEWAY") == (reading.measured_at, reading.time_source)
    assert ("clock.drift", "the meter's clock is -400 s off the gateway's") == (event.type, event.detail)


def test_telegrams_from_before_the_first_reading_count_however_late_they_come() -> None:
    """Their keys were unknown, or their edge was offline; meanwhile the grace period is long over."""
    frames = minutes(A, 120)
    now = T0 + 12 * QUARTER
    in_order, late = bench(), bench()
    expected = quarters(in_order.feed(frames, now))
    outputs = late.feed(frames[40:], now) + late.feed(frames[:40], now)

    assert {k: (q.amount, q.quality) for k, q in expected.items()} == {
        k: (q.amount, q.quality) for k, q in quarters(outputs).items() if k in expected
    }
