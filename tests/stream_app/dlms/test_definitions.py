"""Push lists and scale profiles as data: what comes along, an operator's own, and what is wrong with them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from stream_app.dlms.definitions import Definitions, load, packaged
from stream_app.dlms.errors import ProfileError
from tests.vectors.loader import FOLDER

SIZES = {
    "ch-basic-15": 15,
    "ch-extended-28": 28,
    "smart-me-ci1": 15,
    "smart-me-ci2": 6,
    "smart-me-ci3": 0,
    "smart-me-ci4": 14,
    "sil-consumer-message": 15,
    "sil-ci1": 24,
    "ksmw-16": 16,
}


def test_the_lists_of_the_documents_have_their_items() -> None:
    lists = packaged().push_lists

    assert SIZES == {name: len(lists[name].items) for name in SIZES}


def test_the_lists_and_scales_of_the_vectors_come_along() -> None:
    theirs = Definitions(
        *(json.loads((FOLDER / f"{name}.json").read_text()) for name in ("push_lists", "scale_profiles"))
    )

    assert theirs.push_lists.items() <= packaged().push_lists.items()
    assert theirs.scale_profiles == packaged().scale_profiles


def test_every_name_of_several_lists_that_comes_along_can_be_used() -> None:
    known = packaged()
    several = [name for name, push_list in known.push_lists.items() if push_list.names]

    assert {"kaifa-han", "elektro-ljubljana", "hep-ie5", "sil", "smart-me"} == set(several)
    assert all(known.profile(push_list=name) for name in several)


@pytest.mark.parametrize(
    ("names", "reason"),
    [
        pytest.param(["one", "other"], "cannot be told apart", id="same-number"),
        pytest.param(["one", "several"], "cannot be told apart", id="names-again"),
        pytest.param(["one", "unknown"], "there is no push list 'unknown'", id="unknown"),
    ],
)
def test_lists_that_cannot_be_told_apart_are_refused(names: list[str], reason: str) -> None:
    items = {"items": [{"role": "register", "obis": "1-0:1.8.0"}]}
    known = packaged().with_own({"one": items, "other": items, "several": {"lists": names}}, {})

    with pytest.raises(ProfileError, match=reason):
        known.profile(push_list="several")


@pytest.mark.parametrize("raw", [{"lists": []}, {"lists": "one"}, {"lists": [1]}, {"lists": ["one"], "items": 5}, {}])
def test_neither_items_nor_names_make_no_list(raw: dict[str, object]) -> None:
    with pytest.raises(ValueError, match="has no list of items"):
        Definitions({"own": raw}, {})


def test_the_same_names_give_the_same_profile() -> None:
    known = packaged()

    assert known.profile(timezone="Europe/Vienna") is known.profile(timezone="Europe/Vienna", push_list="")
    assert known.profile(timezone="Europe/Vienna") is not known.profile(timezone="Europe/Zurich")


def test_a_folder_may_hold_one_file_only_and_wins_over_what_came_along(tmp_path: Path) -> None:
    own = {"wiener-netze-9": {"items": [{"role": "register", "obis": "1-0:1.8.0", "scale": "10", "unit": "Wh"}]}}
    (tmp_path / "push_lists.json").write_text(json.dumps(own))
    known = load(tmp_path)

    (item,) = known.push_lists["wiener-netze-9"].items
    assert ("1-0:1.8.0", 1, "Wh") == (item.obis.name, item.scale, item.unit)
    assert packaged().scale_profiles == known.scale_profiles
    assert 9 == len(packaged().push_lists["wiener-netze-9"].items)


def test_every_problem_is_told_at_once() -> None:
    lists = {
        "a": {"items": [{"role": "registre", "obis": "1-0:1.8.0"}, {"role": "register"}]},
        "b": {"items": [{"role": "register", "obis": "1-0:1.8"}, {"role": "ignore", "scale": "0.25"}]},
        "c": {},
    }
    with pytest.raises(ValueError, match="registre") as caught:
        Definitions(lists, {"d": {"rules": {"1.8.0": {"scale": "ten"}}}, "e": []})

    starts = [line.split(": ")[0] for line in str(caught.value).splitlines()]
    expected = [
        "push list 'a', item 1",
        "push list 'a', item 2",
        "push list 'b', item 1",
        "push list 'b', item 2",
        "push list 'c'",
        "scale profile 'd', 1.8.0",
        "scale profile 'e'",
    ]
    assert expected == starts


@pytest.mark.parametrize(
    "names", [{"push_list": "x"}, {"scale_profile": "x"}, {"timezone": "Mars/Base"}, {"timezone": "../../etc"}]
)
def test_unknown_names_are_refused(names: dict[str, str]) -> None:
    with pytest.raises(ProfileError, match="there is no"):
        packaged().profile(**names)


def test_an_exact_rule_beats_the_star() -> None:
    rules = {"1.8.*": {"scale": "10", "unit": "Wh"}, "1.8.0": {"scale": "1", "unit": "Wh"}}
    profile = Definitions({}, {"own": {"rules": rules}}).profile(scale_profile="own")

    assert [0, 1, None] == [profile.registers[f"1-0:{quantity}"].scale for quantity in ("1.8.0", "1.8.1", "2.8.0")]
