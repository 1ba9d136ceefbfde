"""Push lists and scale profiles as data: what comes along, an operator's own, and what is wrong with them."""

from __future__ import annotations

import json
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

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

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=5,
)
ITEM = {"role": "register", "obis": "1-0:1.8.0", "scale": "0.1", "unit": "Wh"}
ODD_ITEM = st.builds(lambda key, value: {**ITEM, key: value}, st.sampled_from(sorted(ITEM)), JSON)
PUSH_LIST = (
    JSON
    | JSON.map(lambda value: {"items": value})
    | JSON.map(lambda value: {"lists": value})
    | st.lists(JSON | ODD_ITEM, min_size=1).map(lambda items: {"items": items})
)
SCALE_PROFILE = (
    JSON | JSON.map(lambda value: {"rules": value}) | (JSON | ODD_ITEM).map(lambda rule: {"rules": {"1.8.0": rule}})
)


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


@given(PUSH_LIST, SCALE_PROFILE)
def test_whatever_json_there_is_it_is_taken_or_told(push_list: Any, scale_profile: Any) -> None:
    """What is taken can be printed: text, and no power of ten with a million zeros."""
    with suppress(ValueError):
        known = Definitions({"own": push_list}, {"own": scale_profile})
        scales = [item[2:] for item in known.push_lists["own"].items]
        for scale, unit in [*scales, *known.scale_profiles["own"].rules.values()]:
            assert scale is None or -128 <= scale <= 127
            assert unit.isprintable()


@pytest.mark.parametrize(
    ("item", "said"),
    [
        pytest.param(5, "5 is no object with role, obis, scale and unit", id="item"),
        pytest.param({"role": []}, r"role \[\] is none of", id="role"),
        pytest.param({"role": "ignore", "unit": ["x"]}, r"unit \['x'\] is no text", id="unit"),
        pytest.param({"role": "ignore", "unit": "\ud800"}, r"unit '\\ud800' is no text", id="half-character"),
        pytest.param({"role": "register", "obis": {"1": 8}}, "{'1': 8} is no OBIS code", id="code"),
        pytest.param({"role": "register", "obis": "1-0:300.8.0"}, "'1-0:300.8.0' is no OBIS code", id="code-above-255"),
        pytest.param({"role": "ignore", "scale": "1e999999"}, "scale '1e999999' is no power of ten", id="scale"),
        pytest.param({"role": "ignore", "scale": "1e9999999"}, "scale '1e9999999' is no power of ten", id="overflow"),
        pytest.param({"role": "ignore", "scale": [1]}, r"scale \[1\] is no power of ten", id="scale-list"),
    ],
)
def test_an_item_of_another_shape_is_told_in_one_line(item: Any, said: str) -> None:
    with pytest.raises(ValueError, match=rf"\Apush list 'own', item 1: {said}[^\n]*\Z"):
        Definitions({"own": {"items": [item]}}, {})


@pytest.mark.parametrize("text", ["[]", "5", "[[", "[" * 100_000, '{"own": {"items": [7]}}'])
def test_every_problem_of_a_folder_is_told_with_its_file(text: str, tmp_path: Path) -> None:
    files = [tmp_path / "push_lists.json", tmp_path / "scale_profiles.json"]
    for file in files:
        file.write_text(text)

    with pytest.raises(ValueError, match=r"push_lists\.json: ") as caught:
        load(tmp_path)

    told = zip(files, str(caught.value).splitlines(), strict=True)
    assert all(line.startswith(f"{file}: ") for file, line in told)


def test_a_folder_in_place_of_a_file_is_told_too(tmp_path: Path) -> None:
    (tmp_path / "push_lists.json").mkdir()

    with pytest.raises(ValueError, match=r"push_lists.json: .*directory"):
        load(tmp_path)


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
