from __future__ import annotations

from collections.abc import Sequence

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from stream_app.energy.supply import CONDITIONS, Limits, Phase, Supply, phase, watch
from stream_app.records import Event
from tests.stream_app.energy.energy_world import MONDAY, TITLE

PUSH_S = 5
LIMITS = Limits(TITLE, PUSH_S * 1000, 10_000)
THREE = tuple(phase(number, number, -3) for number in range(3))
GOOD = 230_000

Told = tuple[str, int]


class Grid:
    """One meter whose voltages (V) are pushed every 5 s from ``MONDAY`` on, after a first healthy one before."""

    def __init__(self, phases: tuple[Phase, ...] = THREE, first: Sequence[float] | None = None) -> None:
        self.supply = Supply()
        self.phases = phases
        self.second = -PUSH_S
        self.events: list[Event] = []
        self.push(*(first or [230] * len(phases)))

    def push(self, *volts: float, after: int = PUSH_S) -> Grid:
        """A telegram; ``after`` seconds pass until the next."""
        raw = [round(v * 1000) for v in volts]
        self.events += watch(self.supply, self.phases, raw, MONDAY + self.second * 1000, LIMITS)
        self.second += after
        return self

    def restart(self) -> None:
        """Through the changelog and back, with something behind it."""
        packed = self.supply.pack()
        assert len(packed) <= 8
        self.supply, end = Supply.unpack(b"x" + packed + b"rest", 1)
        assert end == 1 + len(packed)

    def told(self) -> list[Told]:
        """What was told, and the second of its beginning."""
        return [(event.type, (event.at - MONDAY) // 1000) for event in self.events]


@pytest.mark.parametrize(
    ("volts", "kind"),
    [
        pytest.param(206.9, "voltage.sag", id="just-below-90-percent"),
        pytest.param(253.1, "voltage.swell", id="just-above-110-percent"),
        pytest.param(114.9, "voltage.cut", id="just-below-50-percent"),
        pytest.param(115.0, "voltage.sag", id="half-is-a-sag"),
        pytest.param(0, "voltage.cut", id="dead"),
    ],
)
def test_what_lasts_five_seconds_is_told_with_the_time_it_began(volts: float, kind: str) -> None:
    grid = Grid().push(230, volts, 230).push(230, volts, 230).push(230, volts, 230)

    assert [(kind, 0)] == grid.told()
    assert f"L2 {volts:.1f} V" == grid.events[0].detail


@pytest.mark.parametrize("volts", [207.0, 253.0, 230.0])
def test_the_limits_themselves_are_normal(volts: float) -> None:
    grid = Grid().push(volts, 230, 230).push(volts, 230, 230)

    assert [] == grid.told()


def test_one_bad_reading_is_no_event() -> None:
    grid = Grid().push(190, 230, 230).push(230, 230, 230).push(190, 230, 230).push(230, 230, 230)

    assert [] == grid.told()


def test_a_second_is_too_short_and_five_are_enough() -> None:
    grid = Grid()
    for _ in range(5):
        grid.push(190, 230, 230, after=1)

    assert [] == grid.told()
    assert [("voltage.sag", 0)] == grid.push(190, 230, 230).told()


@pytest.mark.parametrize(
    ("bad", "within", "beyond"),
    [
        pytest.param(200, 211.1, 211.2, id="sag"),
        pytest.param(260, 248.0, 247.9, id="swell"),
    ],
)
def test_a_condition_ends_two_percent_beyond_its_threshold(bad: float, within: float, beyond: float) -> None:
    grid = Grid().push(bad, 230, 230).push(bad, 230, 230).push(within, 230, 230).push(within, 230, 230)
    begun = grid.told()

    assert 1 == len(begun)
    assert [*begun, ("voltage.normal", 20)] == grid.push(beyond, 230, 230).push(beyond, 230, 230).told()


def test_the_end_has_to_be_stable_for_five_seconds_too() -> None:
    grid = Grid().push(200, 230, 230).push(200, 230, 230).push(230, 230, 230).push(200, 230, 230)

    assert [("voltage.sag", 0)] == grid.told()
    assert ("voltage.normal", 20) == grid.push(230, 230, 230).push(230, 230, 230).told()[-1]


def test_a_cut_prevails_over_a_sag_on_the_way_down() -> None:
    grid = Grid().push(180, 230, 230, after=3).push(50, 230, 230).push(0, 230, 230)

    assert [("voltage.cut", 3)] == grid.told()


def test_a_cut_is_told_also_after_a_sag_that_was() -> None:
    grid = Grid().push(180, 230, 230).push(180, 230, 230).push(50, 230, 230).push(50, 230, 230)

    assert [("voltage.sag", 0), ("voltage.cut", 10)] == grid.told()


def test_phases_are_judged_apart() -> None:
    grid = Grid().push(180, 230, 230, after=3).push(180, 260, 230, after=3).push(180, 260, 230).push(180, 260, 230)

    assert [("voltage.sag", 0), ("voltage.swell", 3)] == grid.told()


def test_the_last_live_phase_takes_the_supply_with_it_and_the_first_brings_it_back() -> None:
    grid = (
        Grid().push(0, 230, 230).push(0, 230, 230).push(0, 0, 0).push(0, 0, 0).push(230, 230, 180).push(230, 230, 180)
    )

    assert [("voltage.cut", 0), ("supply.outage", 10), ("supply.return", 20), ("voltage.sag", 20)] == grid.told()
    assert "L1 230.0 V, L2 230.0 V, L3 180.0 V" == grid.events[2].detail


def test_the_only_phase_of_a_meter_is_its_supply() -> None:
    grid = Grid(THREE[:1]).push(10).push(10).push(230).push(230)

    assert [("supply.outage", 0), ("supply.return", 10)] == grid.told()


def test_phases_dead_from_the_beginning_are_not_connected() -> None:
    grid = Grid(first=(230, 0, 0)).push(230, 0, 0).push(230, 0, 0)

    assert [] == grid.told()
    assert [("supply.outage", 10)] == grid.push(0, 0, 0).push(0, 0, 0).told()


def test_readings_far_apart_prove_nothing_of_the_time_between() -> None:
    grid = Grid().push(180, 230, 230, after=60).push(180, 230, 230)

    assert [] == grid.told()
    assert [("voltage.sag", 60)] == grid.push(180, 230, 230).told()


def test_a_clock_that_went_back_begins_the_doubt_anew() -> None:
    grid = Grid().push(180, 230, 230, after=-4).push(180, 230, 230)

    assert [("voltage.sag", -4)] == grid.push(180, 230, 230).told()


def test_a_list_without_voltages_says_nothing_of_them() -> None:
    grid = Grid().push(180, 230, 230)
    quiet = watch(grid.supply, (), [], MONDAY + 2000, LIMITS)

    assert [] == quiet
    assert [("voltage.sag", 0)] == grid.push(180, 230, 230).told()


@given(scale=st.integers(-6, 1), microvolts=st.integers(-10, 300_000_000))
@example(scale=-4, microvolts=253_000_900)
@example(scale=-4, microvolts=206_999_900)
def test_bands_in_steps_of_the_register_are_those_in_millivolts(scale: int, microvolts: int) -> None:
    _, _, bands, up, down = phase(0, 0, scale)
    raw = microvolts // 10 ** (scale + 6)
    millivolts = raw * up // down

    assert raw * 10 ** (scale + 6) // 1000 == millivolts
    for condition, (low, high) in zip(CONDITIONS, bands, strict=True):
        assert (condition.low <= millivolts <= condition.high) == (low <= raw <= high)


VOLTS = st.sampled_from([0, 116, 200, 209, 230, 260])
PUSHES = st.lists(st.tuples(VOLTS, VOLTS, VOLTS, st.sampled_from([0, 1, 2, 4, 5, 30])), max_size=40)


@given(PUSHES, st.data())
def test_a_restart_anywhere_changes_nothing(pushes: list[tuple[int, int, int, int]], data: st.DataObject) -> None:
    steady, restarted = Grid(), Grid()
    for *volts, after in pushes:
        steady.push(*volts, after=after)
        restarted.push(*volts, after=after)
        if data.draw(st.booleans()):
            restarted.restart()

    assert steady.events == restarted.events


def test_a_restart_keeps_doubts_of_different_ages() -> None:
    grid = Grid().push(180, 230, 230, after=1).push(180, 260, 230, after=3).push(180, 260, 0, after=1)
    grid.restart()
    grid.push(180, 260, 0, after=1).push(180, 260, 0, after=3).push(180, 260, 0)

    assert [("voltage.sag", 0), ("voltage.swell", 1), ("voltage.cut", 4)] == grid.told()


def test_a_doubt_that_outlived_a_restart_is_dropped_by_a_good_reading() -> None:
    grid = Grid().push(180, 230, 230, after=2)
    grid.restart()

    assert [] == grid.push(230, 230, 230, after=3).push(180, 230, 230).told()


def test_a_restart_before_the_first_voltages_leaves_the_dead_phases_unconnected() -> None:
    supply, _ = Supply.unpack(Supply().pack(), 0)
    told = [watch(supply, THREE, [GOOD, 0, 0], MONDAY + n * 5000, LIMITS) for n in range(3)]

    assert [[], [], []] == told


@given(PUSHES)
def test_no_phase_is_told_the_same_twice_running(pushes: list[tuple[int, int, int, int]]) -> None:
    grid = Grid()
    for *volts, after in pushes:
        before = list(grid.supply.told)
        count = len(grid.events)
        grid.push(*volts, after=after)

        assert (before != grid.supply.told) == (len(grid.events) > count)
    supply = [kind for kind, _ in grid.told() if kind.startswith("supply.")]
    assert ["supply.outage", "supply.return"] * (len(supply) // 2) + ["supply.outage"] * (len(supply) % 2) == supply


@given(st.lists(st.integers(207_000, 253_000), min_size=3, max_size=60))
def test_voltages_within_the_limits_say_nothing_and_cost_two_bytes(millivolts: list[int]) -> None:
    supply = Supply()
    events = []
    for number in range(0, len(millivolts) - 2, 3):
        events += watch(supply, THREE, millivolts[number : number + 3], MONDAY + number * 1000, LIMITS)

    assert [] == events
    assert 2 == len(supply.pack())
