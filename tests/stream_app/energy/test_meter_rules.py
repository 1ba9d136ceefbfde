from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from stream_app.energy.meter_rules import Known, RegisterRules, Span, rules_for
from stream_app.registry.model import Meter
from tests.stream_app.energy.energy_world import CONSUMER, MONDAY, QUARTER, TITLE

INSTANT = MONDAY + 7 * 60_000


def rules(cuts: tuple[int, ...]) -> RegisterRules:
    return RegisterRules("1.8.0", (), cuts, (), (), 1, 1, 0)


@given(st.sets(st.integers(0, 40 * QUARTER), max_size=4), st.integers(0, 40 * QUARTER), st.integers(0, 10 * QUARTER))
def test_boundaries_are_the_quarters_and_the_cuts(cuts: set[int], start: int, length: int) -> None:
    rule = rules(tuple(sorted(cut for cut in cuts if cut % QUARTER)))
    every = sorted({*range(-QUARTER, 60 * QUARTER, QUARTER), *cuts})
    end = start + length

    assert [at for at in every if start < at < end] == rule.inside(start, end)
    assert min(at for at in every if at > start) == rule.after(start)
    assert max(at for at in every if at < start) == rule.before(start)
    assert (start in every) == rule.is_boundary(start)


def test_a_meter_counts_what_any_of_its_points_asks_for() -> None:
    both = [CONSUMER, CONSUMER._replace(metering_point="AT2", site="roof", role="producer")]
    own = CONSUMER._replace(quantities=("1.8.1", "24.2.1"))

    assert ("1.8.0", "2.8.0") == rules_for(Meter(TITLE), both).quantities
    assert ["home"] == rules_for(Meter(TITLE), both).registers[0].sites(MONDAY, MONDAY + 1)
    assert ["roof"] == rules_for(Meter(TITLE), both).registers[1].sites(MONDAY, MONDAY + 1)
    assert ("1.8.1", "24.2.1") == rules_for(Meter(TITLE), [own]).quantities
    assert () == rules_for(Meter(TITLE), []).quantities


def test_where_one_row_ends_as_the_next_begins_the_beginning_counts() -> None:
    old = CONSUMER._replace(valid_to=INSTANT, end_import_wh=70)
    new = CONSUMER._replace(valid_from=INSTANT, start_import_wh=3)
    (register,) = rules_for(Meter(TITLE), [old, new]).registers

    assert (Known(INSTANT, 3, True),) == register.known
    assert (INSTANT,) == register.cuts
    assert (Span("home", old.valid_from, INSTANT), Span("home", INSTANT, None)) == register.spans


def test_volumes_neither_wrap_nor_know_a_power() -> None:
    (water,) = rules_for(Meter(TITLE, max_power_w=10), [CONSUMER._replace(quantities=("24.2.1",))]).registers
    (energy,) = rules_for(Meter(TITLE, max_power_w=10, register_limit_wh=99), [CONSUMER]).registers

    assert () == water.moduli
    assert water.max_power_w > 1_000_000
    assert ((100,), 10) == (energy.moduli, energy.max_power_w)


def test_the_fingerprint_follows_what_the_quarters_depend_on() -> None:
    meter = Meter(TITLE)
    prints = [
        rules_for(meter, [CONSUMER]).fingerprint,
        rules_for(meter, [CONSUMER._replace(site="elsewhere")]).fingerprint,
        rules_for(meter, [CONSUMER._replace(start_import_wh=1)]).fingerprint,
        rules_for(meter._replace(push_seconds=5), [CONSUMER]).fingerprint,
    ]

    assert 4 == len(set(prints))
    assert prints[0] == rules_for(meter._replace(serial="1"), [CONSUMER]).fingerprint
