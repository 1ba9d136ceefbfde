"""What a row of validation.csv must say, and what its rows must be to each other."""

from __future__ import annotations

from typing import get_args

import pytest

from stream_app.registry.files import read_folder
from stream_app.registry.model import Action, Condition, Directory, ValidationRule
from stream_app.registry.rules import judge
from stream_app.registry.validation import ADMITTED
from tests.stream_app.balance_world import point
from tests.stream_app.registry.conftest import Write

HEADER = "metering_point,quantity,condition,limit,percent,hours,action\n"


def found(folder_of: Write, *lines: str) -> list[str]:
    rows, problems = read_folder(folder_of(validation=HEADER + "".join(f"{line}\n" for line in lines)))
    assert problems == []
    return [str(problem) for problem in judge(rows)]


@pytest.mark.parametrize("condition", get_args(Condition))
@pytest.mark.parametrize("action", get_args(Action))
def test_a_condition_admits_the_actions_that_make_sense_of_it(write: Write, condition: str, action: str) -> None:
    limit = "5" if condition in ("above", "below") else ""
    percent = "50" if "-" in condition else ""
    senseless = (action == "zero" and condition != "missing") or (action == "distribute" and condition != "zero")

    assert senseless == (found(write, f"CH1,,{condition},{limit},{percent},,{action}") != [])


def test_every_condition_is_known() -> None:
    assert set(get_args(Condition)) == ADMITTED.keys()


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        pytest.param(
            ["CH1,,above,5,,,zero"],
            "validation.csv:2: action zero does not go with above: wanted flag, keep, previous-day, previous-week",
            id="zero-for-what-is-there",
        ),
        pytest.param(["CH1,,above,,,,flag"], "validation.csv:2: limit is empty: above needs it", id="no-limit"),
        pytest.param(
            ["CH1,,below-median,,,,flag"], "validation.csv:2: percent is empty: below-median needs it", id="no-percent"
        ),
        pytest.param(
            ["CH1,,missing,,,2,flag"], "validation.csv:2: hours says nothing about missing", id="superfluous-hours"
        ),
        pytest.param(
            ["CH1,,above-average,5,200,,flag"],
            "validation.csv:2: limit says nothing about above-average",
            id="superfluous-limit",
        ),
        pytest.param(
            ["CH9,,missing,,,,flag"], "validation.csv:2: metering_point CH9 is not in points.csv", id="unknown-point"
        ),
        pytest.param(["AT1,2.8.0,zero,,,,flag"], "validation.csv:2: AT1 does not measure 2.8.0", id="quantity"),
        pytest.param(
            ["CH1,,missing,,,,flag", "CH1,1.8.0,zero,,,,distribute"],
            "validation.csv:3: distribute must stand before the other rows of CH1, such as line 2",
            id="distribute-is-not-first",
        ),
        pytest.param(
            ["CH1,,above,100,,,flag", "CH1,1.8.0,above,200,,,previous-day"],
            "validation.csv:3: line 2 meets all that this one does, and comes first",
            id="never-its-turn-above",
        ),
        pytest.param(
            ["CH1,,below,200,,,flag", "CH1,1.8.0,below,100,,,previous-day"],
            "validation.csv:3: line 2 meets all that this one does, and comes first",
            id="never-its-turn-below",
        ),
        pytest.param(
            ["CH1,,zero,,,,keep", "CH1,,zero,,,24,flag"],
            "validation.csv:3: line 2 meets all that this one does, and comes first",
            id="never-its-turn-zero",
        ),
    ],
)
def test_what_makes_no_sense_is_named(write: Write, lines: list[str], expected: str) -> None:
    assert [expected] == found(write, *lines)


@pytest.mark.parametrize(
    "lines",
    [
        pytest.param(["CH1,,above,200,,,previous-day", "CH1,,above,100,,,flag"], id="the-stricter-row-first"),
        pytest.param(["CH1,1.8.0,zero,,,,keep", "CH1,5.8.0,zero,,,,flag"], id="other-quantities"),
        pytest.param(["CH1,1.8.0,zero,,,,distribute", "CH1,5.8.0,zero,,,,distribute"], id="each-its-own"),
        pytest.param(["CH1,1.8.0,zero,,,,distribute", "CH1,,zero,,,48,flag"], id="a-standstill-that-does-not-end"),
        pytest.param(["CH1,1.8.0,zero,,,,keep", "CH1,,zero,,,,flag"], id="all-quantities-but-one"),
    ],
)
def test_what_only_looks_senseless_is_accepted(write: Write, lines: list[str]) -> None:
    assert [] == found(write, *lines)


def test_the_rules_of_a_site_are_those_of_its_points_in_order() -> None:
    points = [point("B", 1), point("A", 2), point("A", 2, site="barn", since=-9, until=-1), point("C", 3, site="mill")]
    rules = [
        ValidationRule("B", "zero", "keep", place=1),
        *(ValidationRule("A", "zero", "keep", place=n) for n in (2, 1)),
    ]
    directory = Directory(points=points, validation_rules=rules)
    of_a = [("A", 1), ("A", 2)]

    assert {"house": [*of_a, ("B", 1)], "barn": of_a} == {
        site: [(rule.metering_point, rule.place) for rule in there] for site, there in directory.rules_of_site.items()
    }
