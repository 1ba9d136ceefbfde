"""Rows as entries of the topic, and what has to change there."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from stream_app.records import RegistryEntry
from stream_app.registry.entries import changes, directory_of, entries_of, key_of, parse
from stream_app.registry.files import Rows, read_folder
from stream_app.registry.model import Directory, Member, Meter, Point, Site, ValidationRule
from tests.stream_app.registry.conftest import GOOD, Write

NAMES = st.sampled_from(["a", "b", "c"])
TIMES = st.integers(0, 3).map(lambda hours: hours * 3_600_000)
BODIES: st.SearchStrategy[dict[str, Any]] = st.dictionaries(
    st.sampled_from(["one", "two"]), st.just({"items": []}) | st.just({"items": [{"role": "clock"}]})
)


def keyed(rows: list[Any], *columns: str) -> dict[int, Any]:
    """Rows by made-up lines, one per identity, as a judged folder has them."""
    return dict(enumerate({tuple(getattr(row, column) for column in columns): row for row in rows}.values()))


ROWS = st.builds(
    lambda meters, points, sites, members, validation, lists, profiles: Rows(
        keyed(meters, "system_title"),
        keyed(points, "metering_point", "valid_from"),
        keyed(sites, "site"),
        keyed(members, "site", "metering_point", "valid_from"),
        keyed(validation, "metering_point", "place"),
        lists,
        profiles,
    ),
    st.lists(st.builds(Meter, NAMES, max_power_w=st.none() | st.integers(1, 9), push_seconds=st.integers(1, 9))),
    st.lists(st.builds(Point, NAMES, NAMES, NAMES, TIMES, quantities=st.just(()) | st.just(("1.8.0", "5.8.0")))),
    st.lists(st.builds(Site, NAMES, st.just("UTC"), name=st.sampled_from(["", "Zür|ich"]))),
    st.lists(st.builds(Member, NAMES, NAMES, TIMES, share_permyriad=st.none() | st.integers(0, 9))),
    st.lists(
        st.builds(
            ValidationRule,
            NAMES,
            st.sampled_from(["zero", "above"]),
            st.sampled_from(["flag", "previous-day"]),
            limit=st.none() | st.integers(0, 9),
            place=st.integers(1, 3),
        )
    ),
    BODIES,
    BODIES,
)


def contents(directory: Directory) -> dict[str, Any]:
    return vars(directory)


def written(before: dict[str, RegistryEntry], after: dict[str, RegistryEntry]) -> dict[str, RegistryEntry]:
    """What stands in the topic after the changes."""
    there = dict(before)
    for change in changes(before, after):
        if change.after is None:
            del there[change.key]
        else:
            there[change.key] = change.after
    return there


@given(ROWS)
def test_rows_come_back_from_their_entries_with_the_time_they_were_applied(rows: Rows) -> None:
    points = [point._replace(applied_at=7) for point in rows.points.values()]
    expected = Directory(
        rows.meters.values(),
        points,
        rows.sites.values(),
        rows.members.values(),
        rows.push_lists,
        rows.scale_profiles,
        rows.validation_rules.values(),
    )
    entries = entries_of(rows, 7)

    assert contents(expected) == contents(directory_of({key: parse(entry) for key, entry in entries.items()}))


@given(ROWS, ROWS)
def test_after_the_changes_the_topic_holds_the_new_rows_and_unchanged_ones_keep_their_time(
    old: Rows, new: Rows
) -> None:
    before, after = entries_of(old, 1), entries_of(new, 2)
    there = written(before, after)

    assert {key: entry.body for key, entry in after.items()} == {key: entry.body for key, entry in there.items()}
    for key, entry in there.items():
        unchanged = key in before and before[key].body == entry.body

        assert (1 if unchanged else 2) == entry.applied_at


@given(ROWS)
def test_the_same_folder_again_changes_nothing(rows: Rows) -> None:
    assert [] == changes(entries_of(rows, 1), entries_of(rows, 2))


def test_sites_come_before_their_points_and_go_after_them(write: Write) -> None:
    entries = entries_of(read_folder(write())[0], 1)
    coming = [change.key.partition("|")[0] for change in changes({}, entries)]
    going = [change.key.partition("|")[0] for change in changes(entries, {})]

    assert ["push-list", "site", "meter", "point", "member", "validation"] == list(dict.fromkeys(coming))
    assert ["validation", "member", "point", "meter", "site", "push-list"] == list(dict.fromkeys(going))


def test_a_change_tells_what_is_different(write: Write) -> None:
    before = entries_of(read_folder(write())[0], 1)
    spoiled = write(
        meters=GOOD["meters.csv"].replace(",,5", ",,15"),
        members=GOOD["members.csv"].replace("zev-1,AT2,2026-03-01T12:07:00Z,,,\n", ""),
        sites=GOOD["sites.csv"] + "haus-2,,UTC,,\n",
    )
    after = entries_of(read_folder(spoiled)[0], 2)

    assert [
        "+ site|haus-2 timezone=UTC",
        "~ meter|4C475A1030A1B2C3 push_seconds 5 → 15",
        "- member|zev-1|AT2|2026-03-01T12:07:00Z",
    ] == [str(change) for change in changes(before, after)]


def test_a_column_of_a_newer_version_is_passed_over() -> None:
    entry = RegistryEntry("meter", "4C", '{"system_title":"4C","push_seconds":5,"colour":"red"}', 1)

    assert ("meter|4C", Meter("4C", push_seconds=5)) == (key_of(entry), parse(entry))
