"""Every condition and every action, worked by hand on amounts that are simply given."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stream_app.energy.plausibility import LONGEST, verdict
from stream_app.records import Substitute
from stream_app.registry.model import ValidationRule
from tests.stream_app.balance_world import T0, Q

UTC = ZoneInfo("UTC")
P1 = ("P1", "1.8.0")
DAY, WEEK = 96, 7 * 96
HERE = 1000  # the quarter that is judged

Answer = tuple[str, Substitute, int | None]


def rule(condition: Any, action: Any = "flag", **columns: Any) -> ValidationRule:
    return ValidationRule("P1", condition, action, **columns)


def judged(amounts: Mapping[int, int | None], *rules: ValidationRule, at: int = HERE) -> Answer | None:
    """The verdict on a quarter, amounts by quarter after T0."""
    found = verdict(rules, UTC, P1, T0 + at * Q, lambda _, start: amounts.get((start - T0) // Q))
    return None if found is None else (found.name, found.substitute, found.amount)


def of_weeks(*amounts: int | None) -> dict[int, int | None]:
    """What was counted one, two … weeks before."""
    return {HERE - n * WEEK: amount for n, amount in enumerate(amounts, 1)}


@pytest.mark.parametrize(
    ("amount", "one", "met"),
    [
        pytest.param(None, rule("missing"), True, id="nothing-is-missing"),
        pytest.param(0, rule("missing"), False, id="zero-is-not-missing"),
        pytest.param(0, rule("zero"), True, id="zero"),
        pytest.param(None, rule("zero"), False, id="nothing-is-not-zero"),
        pytest.param(-1, rule("negative"), True, id="negative"),
        pytest.param(0, rule("negative"), False, id="zero-is-not-negative"),
        pytest.param(501, rule("above", limit=500), True, id="above"),
        pytest.param(500, rule("above", limit=500), False, id="at-the-limit-above"),
        pytest.param(19, rule("below", limit=20), True, id="below"),
        pytest.param(20, rule("below", limit=20), False, id="at-the-limit-below"),
        pytest.param(None, rule("below", limit=20), False, id="nothing-is-not-below"),
    ],
)
def test_a_condition_is_met_by_what_was_counted(amount: int | None, one: ValidationRule, met: bool) -> None:
    expected = (f"{one.condition} flag", "NONE", None) if met else None

    assert expected == judged({HERE: amount}, one)


@pytest.mark.parametrize(
    ("amount", "one", "weeks", "met"),
    [  # the average of 10, 20, 40 and 90 is 40, the median 30
        pytest.param(81, rule("above-average", percent=200), (10, 20, 40, 90), True, id="above-average"),
        pytest.param(80, rule("above-average", percent=200), (10, 20, 40, 90), False, id="twice-the-average"),
        pytest.param(19, rule("below-average", percent=50), (10, 20, 40, 90), True, id="below-average"),
        pytest.param(20, rule("below-average", percent=50), (10, 20, 40, 90), False, id="half-the-average"),
        pytest.param(61, rule("above-median", percent=200), (90, 10, 40, 20), True, id="above-median"),
        pytest.param(60, rule("above-median", percent=200), (90, 10, 40, 20), False, id="twice-the-median"),
        pytest.param(14, rule("below-median", percent=50), (90, 10, 40, 20), True, id="below-median"),
        pytest.param(15, rule("below-median", percent=50), (90, 10, 40, 20), False, id="half-the-median"),
        pytest.param(21, rule("above-median", percent=100), (20, None, 10, 90), True, id="median-of-three"),
        pytest.param(34, rule("above-average", percent=100), (33, 34), True, id="a-half-is-exact"),
        pytest.param(99, rule("above-average", percent=100), (10,), False, id="one-day-is-no-comparison"),
        pytest.param(99, rule("above-median", percent=100), (), False, id="no-day-is-none-either"),
    ],
)
def test_comparable_days_are_those_of_the_last_four_weeks(
    amount: int, one: ValidationRule, weeks: tuple[int | None, ...], met: bool
) -> None:
    expected = (f"{one.condition} flag", "NONE", None) if met else None

    assert expected == judged(of_weeks(*weeks) | {HERE: amount}, one)


def test_zero_for_too_long_is_the_whole_run_from_its_begin() -> None:
    amounts: dict[int, int | None] = {9: 5, **dict.fromkeys(range(10, 18), 0), 18: 1}
    long_enough = [at for at in range(9, 19) if judged(amounts, rule("zero", hours=2), at=at)]

    assert list(range(10, 18)) == long_enough
    assert [] == [at for at in range(9, 19) if judged(amounts, rule("zero", hours=3), at=at)]


@pytest.mark.parametrize(
    ("one", "amounts", "expected"),
    [
        pytest.param(rule("missing", "zero"), {}, ("ZERO", 0), id="zero"),
        pytest.param(rule("missing", "keep"), {}, ("NONE", None), id="keep"),
        pytest.param(rule("missing", "previous-day"), {HERE - DAY: 7}, ("PREVIOUS_DAY", 7), id="previous-day"),
        pytest.param(
            rule("missing", "previous-day"),
            {HERE - 3 * DAY: 7, HERE - DAY: None},
            ("PREVIOUS_DAY", 7),
            id="a-day-further",
        ),
        pytest.param(rule("missing", "previous-day"), {HERE - 8 * DAY: 7}, ("NONE", None), id="no-further-than-a-week"),
        pytest.param(rule("missing", "previous-week"), {HERE - DAY: 1} | of_weeks(7), ("PREVIOUS_WEEK", 7), id="week"),
        pytest.param(rule("missing", "previous-week"), of_weeks(None, 7), ("PREVIOUS_WEEK", 7), id="a-week-further"),
        pytest.param(
            rule("above", "previous-day", limit=50),
            {HERE: 99, HERE - DAY: 60, HERE - 2 * DAY: 8},
            ("PREVIOUS_DAY", 8),
            id="what-meets-the-condition-itself-is-no-substitute",
        ),
        pytest.param(
            rule("zero", "previous-day"),
            {HERE: 0, HERE - DAY: 0, HERE - 2 * DAY: 4},
            ("PREVIOUS_DAY", 4),
            id="not-zero",
        ),
        pytest.param(rule("zero", "previous-week"), {HERE: 0} | of_weeks(0, 0, 0, 0), ("NONE", None), id="always-zero"),
    ],
)
def test_a_substitute_is_what_was_counted_at_another_time(
    one: ValidationRule, amounts: dict[int, int | None], expected: tuple[str, int | None]
) -> None:
    assert (f"{one.condition} {one.action}", *expected) == judged(amounts, one)


def distributed(amounts: Sequence[int | None], **columns: int) -> list[int | None]:
    """What stands in each quarter of a series after distributing."""
    by_quarter = dict(enumerate(amounts))
    answers = [judged(by_quarter, rule("zero", "distribute", **columns), at=at) for at in by_quarter]
    return [amount if answer is None else answer[2] for amount, answer in zip(amounts, answers, strict=True)]


@pytest.mark.parametrize(
    ("amounts", "expected"),
    [
        pytest.param([5, 0, 0, 0, 42, 6], [5, 11, 11, 10, 10, 6], id="the-earlier-ones-are-favoured"),
        pytest.param([0, 0, 2], [1, 1, 0], id="less-than-one-each"),
        pytest.param([5, 0, 0, None, 42], [5, 0, 0, None, 42], id="nothing-is-known-of-the-quarter-behind"),
        pytest.param([5, 0, 0], [5, 0, 0], id="the-register-stands-still"),
        pytest.param([0, 8, 0, 9], [4, 4, 5, 4], id="one-run-after-the-other"),
        pytest.param([5, 7], [5, 7], id="no-zeros"),
    ],
)
def test_what_a_register_counts_at_once_is_shared_out_over_its_standstill(
    amounts: list[int | None], expected: list[int | None]
) -> None:
    assert expected == distributed(amounts)


def test_a_standstill_is_distributed_within_its_limits_of_length() -> None:
    short, long = [0] * 3 + [40], [0] * (LONGEST + 1) + [3 * (LONGEST + 1)]

    assert (short, [8] * 5) == (distributed(short, hours=1), distributed([0, *short], hours=1))
    assert long == distributed(long)
    assert [3] * (LONGEST + 1) == distributed(long[1:])


@given(st.lists(st.none() | st.integers(0, 3), max_size=40), st.none() | st.integers(1, 2))
def test_distributing_keeps_every_sum(amounts: list[int | None], hours: int | None) -> None:
    after = distributed(amounts, hours=hours) if hours else distributed(amounts)

    assert sum(a or 0 for a in amounts) == sum(a or 0 for a in after)
    assert [a is None for a in amounts] == [a is None for a in after]


def test_the_first_rule_that_is_met_decides() -> None:
    rules = [rule("below", "keep", limit=10), rule("below-average", percent=50), rule("above", "flag", limit=80)]
    answers = [judged(of_weeks(60, 60) | {HERE: amount}, *rules) for amount in (9, 10, 30, 81)]

    assert [("below keep", "NONE", None), ("below-average flag", "NONE", None), None, ("above flag", "NONE", None)] == (
        answers
    )


def test_a_standstill_that_is_not_distributed_is_left_to_the_other_rules() -> None:
    rules = [rule("zero", "distribute"), rule("zero", hours=1)]

    assert ("zero flag", "NONE", None) == judged(dict.fromkeys(range(4), 0), *rules, at=2)
    assert ("zero distribute", "DISTRIBUTED", 2) == judged(dict.fromkeys(range(4), 0) | {4: 10}, *rules, at=2)
