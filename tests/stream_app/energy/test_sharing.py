"""Shares worked by hand for each model, and properties against slow and simple ways to share."""

from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stream_app.energy import sharing
from stream_app.energy.sharing import Energy, SharingError, by_largest_remainder, by_water_filling, share
from stream_app.registry.model import Sharing

PV = Energy("PV", None, 1000)
MODELS: list[Sharing] = ["at-static", "at-dynamic", "ch-proportional", "ch-equal"]


def taken(model: Sharing, *members: Energy) -> dict[str, int]:
    return {p: s.allocated for p, s in share(model, members).items() if s.allocated is not None}


def given_(model: Sharing, *members: Energy) -> dict[str, tuple[int | None, int | None]]:
    return {p: (s.delivered, s.surplus) for p, s in share(model, members).items() if s.delivered is not None}


@pytest.mark.parametrize(
    ("model", "members", "expected"),
    [
        pytest.param(
            # P = 1000: A's share 600 meets 400 wanted, B's 400 meets 900; A's 200 go to the grid, not to B
            "at-static",
            [PV, Energy("A", 400, None, 100, 6000), Energy("B", 900, None, 100, 4000)],
            {"A": 400, "B": 400},
            id="static-unused-share-is-not-redistributed",
        ),
        pytest.param(
            # ⌊3333·1000/10000⌋ = 333, three times: 1 Wh stays surplus
            "at-static",
            [PV, *(Energy(name, 500, None, 100, 3333) for name in "ABC")],
            {"A": 333, "B": 333, "C": 333},
            id="static-shares-round-down",
        ),
        pytest.param(
            # C′ = ⌊201·50/100⌋ = 100; its share of 500 is cut to that
            "at-static",
            [PV, Energy("A", 201, None, 50, 5000)],
            {"A": 100},
            id="static-participation-factor-caps-the-consumption",
        ),
        pytest.param("at-static", [PV, Energy("A", 400, None)], {"A": 0}, id="static-without-a-share-gets-nothing"),
        pytest.param(
            # 1000 over 300:600:600 = 200, 400, 400
            "at-dynamic",
            [PV, Energy("A", 300, None), Energy("B", 600, None), Energy("C", 600, None)],
            {"A": 200, "B": 400, "C": 400},
            id="dynamic-in-proportion",
        ),
        pytest.param(
            # 100 over 1:1:1 = 33⅓ each: the watt-hour goes to the first metering point
            "at-dynamic",
            [Energy("PV", None, 100), *(Energy(name, 70, None) for name in "CBA")],
            {"A": 34, "B": 33, "C": 33},
            id="dynamic-odd-remainder-to-the-first-metering-point",
        ),
        pytest.param(
            # 10 over 5:6:7 (Σ 18) = 2.78, 3.33, 3.89: floors 2, 3, 3, two left for C (16/18) and A (14/18)
            "at-dynamic",
            [Energy("PV", None, 10), Energy("A", 5, None), Energy("B", 6, None), Energy("C", 7, None)],
            {"A": 3, "B": 3, "C": 4},
            id="dynamic-largest-remainders-win",
        ),
        pytest.param(
            # C′ = ⌊600·50/100⌋ = 300 and 300; P′ = ⌊1000·25/100⌋ = 250, half each
            "at-dynamic",
            [Energy("PV", None, 1000, 25), Energy("A", 600, None, 50), Energy("B", 300, None)],
            {"A": 125, "B": 125},
            id="dynamic-with-participation-factors",
        ),
        pytest.param(
            "at-dynamic",
            [PV, Energy("A", 300, None), Energy("B", 600, None)],
            {"A": 300, "B": 600},
            id="dynamic-more-generation-than-consumption",
        ),
        pytest.param(
            # a prosumer takes part with both sides; 500 over 100:900
            "ch-proportional",
            [Energy("A", 100, 500), Energy("B", 900, None)],
            {"A": 50, "B": 450},
            id="proportional-with-a-prosumer",
        ),
        pytest.param(
            # 1000 / 3 = 333 each; A wants 100, so B and C get 450
            "ch-equal",
            [PV, Energy("A", 100, None), Energy("B", 600, None), Energy("C", 900, None)],
            {"A": 100, "B": 450, "C": 450},
            id="equal-fills-like-water",
        ),
        pytest.param(
            # 100, 200 are full; 700 left for two: 350 each
            "ch-equal",
            [PV, *(Energy(name, want, None) for name, want in (("A", 600), ("B", 100), ("C", 200), ("D", 900)))],
            {"A": 350, "B": 100, "C": 200, "D": 350},
            id="equal-fills-in-steps",
        ),
        pytest.param(
            # 11 for three: 3 each, two left for A and B
            "ch-equal",
            [Energy("PV", None, 11), *(Energy(name, 50, None) for name in "ABC")],
            {"A": 4, "B": 4, "C": 3},
            id="equal-odd-remainder-by-metering-point",
        ),
        pytest.param(
            # 2 for three: the level stays 0; A wants nothing
            "ch-equal",
            [Energy("PV", None, 2), *(Energy(name, want, None) for name, want in (("A", 0), ("B", 9), ("C", 9)))],
            {"A": 0, "B": 1, "C": 1},
            id="equal-with-less-than-one-each",
        ),
    ],
)
def test_what_each_takes_is_what_the_hand_says(model: Sharing, members: list[Energy], expected: dict[str, int]) -> None:
    assert expected == taken(model, *members)


@pytest.mark.parametrize("model", MODELS)
def test_without_generation_nobody_gets_anything(model: Sharing) -> None:
    members = [Energy("A", 300, None, 100, 5000), Energy("PV", None, 0)]

    assert {"A": 0} == taken(model, *members)
    assert {"PV": (0, 0)} == given_(model, *members)


@pytest.mark.parametrize("model", MODELS)
def test_without_consumption_everything_is_surplus(model: Sharing) -> None:
    members = [Energy("A", 0, None, 100, 5000), PV]

    assert {"A": 0} == taken(model, *members)
    assert {"PV": (0, 1000)} == given_(model, *members)


@pytest.mark.parametrize("model", MODELS)
def test_one_member_shares_with_itself(model: Sharing) -> None:
    assert {"A": 300} == taken(model, Energy("A", 300, 500, 100, 10_000))
    assert {"A": (300, 200)} == given_(model, Energy("A", 300, 500, 100, 10_000))


@pytest.mark.parametrize("model", MODELS)
def test_a_community_without_anybody_present_shares_nothing(model: Sharing) -> None:
    assert {} == share(model, [])


def test_what_was_taken_is_split_over_the_producers_by_what_they_offered() -> None:
    """100 over 50:150 of P′ (factor 50 of PV1's 100) = 25, 75; the rest of each goes to the grid."""
    members = [Energy("A", 100, None), Energy("PV1", None, 100, 50), Energy("PV2", None, 150)]

    assert {"PV1": (25, 75), "PV2": (75, 75)} == given_("at-dynamic", *members)


def test_every_column_of_a_prosumer_follows_from_its_two_sides() -> None:
    """C′ = ⌊301·50/100⌋ = 150, P′ = ⌊99·50/100⌋ = 49; of 49 it takes 49."""
    found = share("at-dynamic", [Energy("A", 301, 99, 50)])["A"]

    assert sharing.Share(150, 49, 49, 252, 49, 49, 50) == found


def test_a_static_share_is_told_also_where_it_is_not_used() -> None:
    found = share("at-static", [PV, Energy("A", 10, None, 100, 2500)])["A"]

    assert (250, 10) == (found.share, found.allocated)


def test_shares_of_more_than_the_whole_are_refused_not_published() -> None:
    members = [Energy("PV", None, 100), Energy("A", 900, None, 100, 9000), Energy("B", 900, None, 100, 9000)]

    with pytest.raises(SharingError, match="delivered"):
        share("at-static", members)


wh = st.integers(0, 40) | st.integers(0, 10**9)
members = st.lists(
    st.builds(
        Energy,
        st.sampled_from("ABCDEFGH"),
        st.none() | wh,
        st.none() | wh,
        st.integers(1, 100),
        st.none() | st.integers(0, 1250),
    ),
    unique_by=lambda member: member.metering_point,
)


@given(st.sampled_from(MODELS), members)
def test_nobody_gets_more_than_he_wants_and_the_sums_are_exact(model: Sharing, members: list[Energy]) -> None:
    shares = share(model, members).values()

    assert sum(m.generation or 0 for m in members) == sum((s.delivered or 0) + (s.surplus or 0) for s in shares)
    assert sum(s.delivered or 0 for s in shares) == sum(s.allocated or 0 for s in shares)
    assert all(0 <= (s.allocated or 0) <= (s.participating or 0) for s in shares)
    assert all(0 <= (s.delivered or 0) <= (s.participating_generation or 0) for s in shares)


@given(st.sampled_from(["at-dynamic", "ch-proportional", "ch-equal"]), members)
def test_only_the_static_model_leaves_over_what_somebody_wants(model: Sharing, members: list[Energy]) -> None:
    shares = share(model, members).values()
    offered = sum(s.participating_generation or 0 for s in shares)
    wanted = sum(s.participating or 0 for s in shares)

    assert min(offered, wanted) == sum(s.allocated or 0 for s in shares)


@given(st.sampled_from(MODELS), members)
def test_the_order_of_the_members_does_not_matter(model: Sharing, members: list[Energy]) -> None:
    assert share(model, members) == share(model, sorted(members, key=hash))


amounts = st.dictionaries(st.sampled_from("ABCDEFGH"), st.integers(0, 60), max_size=8)


@given(st.integers(0, 300), amounts.filter(lambda weights: sum(weights.values())))
def test_a_proportional_part_is_the_exact_quotient_rounded_down_or_up(total: int, weights: dict[str, int]) -> None:
    parts = by_largest_remainder(total, weights)

    assert total == sum(parts.values())
    exact = {point: Fraction(total * weight, sum(weights.values())) for point, weight in weights.items()}
    assert all(abs(parts[point] - exact[point]) < 1 for point in weights)
    rounded_up = [exact[p] - parts[p] for p in weights if parts[p] > exact[p]]
    rounded_down = [exact[p] - parts[p] for p in weights if parts[p] <= exact[p]]
    assert not rounded_up or not rounded_down or min(rounded_up) + 1 >= max(rounded_down)


@given(st.integers(0, 300), amounts)
def test_water_filling_is_what_handing_out_single_watt_hours_in_turn_gives(total: int, caps: dict[str, int]) -> None:
    total = min(total, sum(caps.values()))
    cups = dict.fromkeys(sorted(caps), 0)
    left = total
    while left:
        for point in cups:
            if left and cups[point] < caps[point]:
                cups[point] += 1
                left -= 1

    assert cups == by_water_filling(total, caps)
