"""What follows from the parts of a quarter and the rows in force."""

from __future__ import annotations

from typing import Any

import pytest

from stream_app.energy.quality import quality_of_sum
from stream_app.energy.site import Part, Quarter, Rows, View, expected, instant, view
from stream_app.records import Quality
from stream_app.registry.model import Member, Point, Role, Site
from tests.stream_app.balance_world import T0, Q, point, title

MINUTE = 60_000
HEAD = 7 * MINUTE
COMMUNITY = Site("house", "Europe/Vienna", kind="community", sharing="at-dynamic")
PART = Part(100, "MEASURED", "INTERPOLATED", 900, 15, 60_000, True)


def quarter(**parts: Part) -> Quarter:
    """A quarter with whole parts; ``m1_i`` is the import of meter 1, ``m1_e`` its export."""
    made = Quarter(T0)
    for name, part in parts.items():
        meter, side = name[1:].split("_")
        made.put(title(int(meter)), {"i": "1.8.0", "e": "2.8.0"}[side], T0, T0 + Q, part)
    return made


def exchanged(**second: Any) -> tuple[Rows, Quarter]:
    """Meter 1 makes way for meter 2 seven minutes into the quarter."""
    rows = Rows(
        points=(
            point("P", 1, role="consumer")._replace(valid_to=T0 + HEAD),
            point("P", 2, role="consumer")._replace(valid_from=T0 + HEAD),
        )
    )
    made = Quarter(T0)
    made.put(title(1), "1.8.0", T0, T0 + HEAD, Part(30, "MEASURED", "REGISTER", 420, 7, 5000, True))
    made.put(
        title(2),
        "1.8.0",
        T0 + HEAD,
        T0 + Q,
        Part(70, "MEASURED", "INTERPOLATED", 480, 8, 60_000, True)._replace(**second),
    )
    return rows, made


def seen(rows: Rows, made: Quarter, *, closed: bool = False) -> View:
    return view("house", rows, made, closed=closed)


@pytest.mark.parametrize(
    ("qualities", "of_sum"),
    [
        pytest.param([], "MISSING", id="nothing"),
        pytest.param(["MISSING", "MISSING"], "MISSING", id="only-missing"),
        pytest.param(["MISSING", "MEASURED"], "INCOMPLETE", id="missing-and-measured"),
        pytest.param(["MISSING", "ESTIMATED"], "INCOMPLETE", id="missing-and-estimated"),
        pytest.param(["MEASURED", "ESTIMATED"], "ESTIMATED", id="any-estimated"),
        pytest.param(["ADJUSTED", "ESTIMATED"], "ESTIMATED", id="adjusted-and-estimated"),
        pytest.param(["MEASURED", "ADJUSTED"], "ADJUSTED", id="measured-and-adjusted"),
        pytest.param(["MEASURED", "MEASURED"], "MEASURED", id="only-measured"),
    ],
)
def test_a_sum_is_as_good_as_the_worst_that_is_in_it(qualities: list[Quality], of_sum: Quality) -> None:
    assert of_sum == quality_of_sum(qualities)


def test_the_role_says_which_quantities_are_expected() -> None:
    rows = Rows(points=(point("C", 1, role="consumer"), point("P", 1, role="producer"), point("B", 2)))

    assert {("C", "1.8.0"), ("P", "2.8.0"), ("B", "1.8.0"), ("B", "2.8.0")} == expected(rows, T0).keys()


def test_one_meter_may_serve_a_consumer_and_a_producer_point() -> None:
    rows = Rows(points=(point("C", 1, role="consumer"), point("P", 1, role="producer")))
    found = seen(rows, quarter(m1_i=PART, m1_e=PART._replace(amount=5)))

    assert {("C", "1.8.0"): 100, ("P", "2.8.0"): 5} == {key: r.amount for key, r in found.series.items()}


def test_the_parts_of_an_exchange_are_put_together_and_the_new_device_names_the_quarter() -> None:
    record = seen(*exchanged()).series["P", "1.8.0"]

    assert (100, "MEASURED", "INTERPOLATED", 900, 15, 60_000, True, title(2)) == (
        record.amount,
        record.quality,
        record.method,
        record.coverage_s,
        record.telegrams,
        record.boundary_distance_ms,
        record.authenticated,
        record.system_title,
    )


@pytest.mark.parametrize(
    ("second", "field", "value"),
    [
        pytest.param({"quality": "ESTIMATED"}, "quality", "ESTIMATED", id="estimated-if-one-is"),
        pytest.param({"authenticated": False}, "authenticated", False, id="authenticated-if-all-are"),
        pytest.param({"amount": None, "quality": "MISSING", "method": "NONE"}, "amount", None, id="no-half-amount"),
        pytest.param({"amount": None, "quality": "MISSING", "method": "NONE"}, "quality", "MISSING", id="but-missing"),
    ],
)
def test_a_quarter_of_two_parts_is_as_good_as_the_worse(second: dict[str, Any], field: str, value: object) -> None:
    assert value == getattr(seen(*exchanged(**second)).series["P", "1.8.0"], field)


def test_a_quarter_of_which_a_part_may_still_come_has_no_record_and_later_no_amount() -> None:
    rows, made = exchanged()
    del made.parts[title(1), "1.8.0"]

    assert {} == seen(rows, made).series
    record = seen(rows, made, closed=True).series["P", "1.8.0"]
    assert (None, "MISSING", 480) == (record.amount, record.quality, record.coverage_s)


def test_a_part_that_reaches_beyond_the_validity_is_not_taken() -> None:
    rows, made = exchanged()
    made.put(title(1), "1.8.0", T0, T0 + Q, PART)

    assert 100 == seen(rows, made).series["P", "1.8.0"].amount


def test_a_stretch_may_be_covered_by_several_parts_of_its_device_but_none_counts_twice() -> None:
    rows = Rows(points=(point("P", 1, role="consumer"),))
    made = Quarter(T0)
    for since, until, amount in ((0, HEAD, 30), (HEAD, Q, 70), (0, HEAD // 2, 11)):
        made.put(title(1), "1.8.0", T0 + since, T0 + until, PART._replace(amount=amount))

    assert 100 == seen(rows, made).series["P", "1.8.0"].amount


def test_the_unit_follows_from_the_quantity() -> None:
    rows = Rows(points=(point("P", 1, quantities=("1.8.1", "5.8.0", "24.2.1", "0-2:24.2.1")),))
    units = {key[1]: record.unit for key, record in seen(rows, Quarter(T0), closed=True).series.items()}

    assert {"1.8.1": "Wh", "5.8.0": "varh", "24.2.1": "litre", "0-2:24.2.1": "litre"} == units


def test_the_balance_waits_for_every_member() -> None:
    rows = Rows(points=(point("A", 1, role="consumer"), point("B", 2, role="consumer")))

    assert seen(rows, quarter(m1_i=PART)).balance is None
    assert seen(rows, quarter(m1_i=PART, m2_i=PART)).balance is not None


def test_a_site_of_water_meters_has_no_balance() -> None:
    rows = Rows(points=(point("W", 1, quantities=("24.2.1",)),))

    assert seen(rows, Quarter(T0), closed=True).balance is None


@pytest.mark.parametrize(
    ("taken", "given", "expected_balance"),
    [
        pytest.param(300, 100, (300, 100, 200, 100, 200, 0), id="more-taken-than-given"),
        pytest.param(100, 300, (100, 300, -200, 100, 0, 200), id="more-given-than-taken"),
        pytest.param(None, 300, (None, 300, None, None, None, None), id="import-unknown"),
        pytest.param(None, None, (None,) * 6, id="nothing-known"),
    ],
)
def test_what_a_site_matches_inside_is_the_smaller_side(
    taken: int | None, given: int | None, expected_balance: tuple[int | None, ...]
) -> None:
    rows = Rows(points=(point("A", 1, role="consumer"), point("B", 2, role="producer")))
    parts = {name: PART._replace(amount=n) for name, n in (("m1_i", taken), ("m2_e", given)) if n is not None}
    balance = seen(rows, quarter(**parts), closed=True).balance

    assert balance is not None
    assert expected_balance == balance[3:9]


@pytest.mark.parametrize(
    ("role", "expected_balance"),
    [
        pytest.param("consumer", (100, None, 100, 0, 100, 0), id="nobody-measures-export"),
        pytest.param("producer", (None, 100, -100, 0, 0, 100), id="nobody-measures-import"),
    ],
)
def test_a_side_that_nobody_measures_is_null_but_counts_as_nothing_in_the_rest(
    role: Role, expected_balance: tuple[int | None, ...]
) -> None:
    balance = seen(Rows(points=(point("A", 1, role=role),)), quarter(m1_i=PART, m1_e=PART)).balance

    assert balance is not None
    assert expected_balance == balance[3:9]


def test_a_point_with_one_side_missing_counts_as_missing_and_its_other_side_is_in_the_sum() -> None:
    balance = seen(Rows(points=(point("A", 1),)), quarter(m1_i=PART), closed=True).balance

    assert balance is not None
    assert (100, None, 1, 1, "INCOMPLETE") == (
        balance.import_wh,
        balance.export_wh,
        balance.points,
        balance.points_missing,
        balance.quality,
    )


def community(*points: Point, **member: Any) -> Rows:
    return Rows(COMMUNITY, points, tuple(Member("house", p.metering_point, 0, **member) for p in points))


def test_a_member_without_an_amount_is_left_out_and_makes_the_others_provisional() -> None:
    rows = community(point("A", 1, role="consumer"), point("B", 2, role="consumer"), point("PV", 3, role="producer"))
    found = seen(rows, quarter(m1_i=PART, m3_e=PART._replace(amount=70)), closed=True).allocations

    assert (70, True, "MEASURED") == (found["A"].allocated_wh, found["A"].provisional, found["A"].quality)
    assert (None,) * 9 == found["B"][5:14]
    assert (True, "MISSING") == (found["B"].provisional, found["B"].quality)
    assert (70, 0, True) == (found["PV"].delivered_wh, found["PV"].surplus_wh, found["PV"].provisional)


def test_a_member_shares_in_the_quarters_that_begin_while_it_is_one() -> None:
    rows = community(point("A", 1), valid_to=T0 + 1)
    made = quarter(m1_i=PART, m1_e=PART)

    assert {"A"} == seen(rows, made).allocations.keys()
    assert {} == seen(community(point("A", 1), valid_to=T0), made).allocations


def test_shares_that_do_not_add_up_are_told_and_not_published() -> None:
    points = (point("A", 1), point("B", 2))
    rows = community(*points, share_permyriad=9000)._replace(site=COMMUNITY._replace(sharing="at-static"))
    found = seen(rows, quarter(m1_i=PART, m1_e=PART, m2_i=PART, m2_e=PART._replace(amount=0)))

    assert {} == found.allocations
    assert found.defect is not None
    assert found.balance is not None


def test_a_start_in_a_key_is_utc_to_the_second() -> None:
    assert "2026-03-29T00:45:00Z" == instant(1_774_745_100_000)
