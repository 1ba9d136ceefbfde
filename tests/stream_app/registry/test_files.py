"""Registry folders, right and wrong."""

from __future__ import annotations

import pytest

from stream_app.registry.files import read_folder
from stream_app.registry.model import Meter, Point, ValidationRule
from stream_app.registry.rules import judge
from tests.stream_app.registry.conftest import GOOD, Write

MEMBERS = "site,metering_point,valid_from,valid_to,factor_percent,share_permyriad\n"
POINTS = "metering_point,system_title,site,valid_from,valid_to,role,quantities\n"
JANUARY, MARCH = "2026-01-01T00:00:00Z", "2026-03-01T00:00:00Z"


def problems(folder_of: Write, **replaced: str | None) -> list[str]:
    rows, found = read_folder(folder_of(**replaced))
    return [str(problem) for problem in found + judge(rows)]


def test_a_good_folder_has_no_problems(write: Write) -> None:
    assert [] == problems(write)


def test_empty_cells_take_the_defaults_and_titles_become_upper_case(write: Write) -> None:
    rows, _ = read_folder(write())

    assert Meter("4B464D0005F5E101", push_list="wiener-netze-9") == rows.meters[3]
    assert Meter("4C475A1030A1B2C3", serial="30715075", push_seconds=5) == rows.meters[2]


def test_dates_are_utc_and_a_point_says_what_it_measures(write: Write) -> None:
    rows, _ = read_folder(write())
    new_year = 1_767_222_000_000  # 2025-12-31T23:00:00Z

    assert Point("CH1", "4C475A1030A1B2C3", "haus-1", new_year, quantities=("1.8.0", "5.8.0")) == rows.points[2]
    assert (1_772_366_820_000, "consumer", 5000) == (
        rows.points[3].valid_to,
        rows.points[3].role,
        rows.points[3].end_import_wh,
    )


def test_a_rule_knows_its_place_among_those_of_its_point(write: Write) -> None:
    rows, _ = read_folder(write())

    assert [
        ValidationRule("CH1", "zero", "distribute", "1.8.0", place=1),
        ValidationRule("CH1", "missing", "previous-week", place=2),
        ValidationRule("CH1", "below", "keep", limit=10, place=3),
        ValidationRule("CH1", "below-median", "flag", "1.8.0", percent=50, place=4),
    ] == list(rows.validation_rules.values())


def test_a_file_that_is_not_there_has_no_rows(write: Write) -> None:
    rows, found = read_folder(write(members=None, push=None))

    assert ([], {}, {}) == (found, rows.members, rows.push_lists)


def test_a_byte_order_mark_quotes_and_blank_lines_are_no_problem(write: Write) -> None:
    rows, found = read_folder(write(sites='\ufeffsite,timezone,name\n\n"zev-1",UTC,"Hof, ""alt"""\n,,\nhaus-1,UTC,\n'))

    assert [] == found
    assert {3: 'Hof, "alt"', 5: ""} == {line: site.name for line, site in rows.sites.items()}


@pytest.mark.parametrize(
    ("replaced", "expected"),
    [
        pytest.param(
            {"meters": GOOD["meters.csv"].replace("serial", "serail")},
            "meters.csv:1: unknown column 'serail'",
            id="unknown-column",
        ),
        pytest.param({"sites": "site,name\n"}, "sites.csv:1: column timezone is missing", id="missing-column"),
        pytest.param({"sites": "site,site,timezone\n"}, "sites.csv:1: column site occurs twice", id="doubled-column"),
        pytest.param({"meters": ""}, "meters.csv:1: column system_title is missing", id="empty-file"),
        pytest.param(
            {"points": POINTS + f"CH1,4C475A1030A1B2C3,,{JANUARY},,,\n"},
            "points.csv:2: site is empty",
            id="required-cell",
        ),
        pytest.param(
            {"sites": "site,timezone\nhaus-1,UTC,Haus, 1\n"}, "sites.csv:2: 4 cells, but 2 columns", id="too-many-cells"
        ),
        pytest.param(
            {"meters": "system_title\n4C475A1030A1B2C\n"},
            "meters.csv:2: system_title: '4C475A1030A1B2C' is no system title: wanted 16 hex digits",
            id="short-title",
        ),
        pytest.param(
            {"points": POINTS + "CH1,4C475A1030A1B2C3,haus-1,2026-01-01T00:00:00,,,\n"},
            "points.csv:2: valid_from: '2026-01-01T00:00:00' has no offset: wanted one, such as +01:00 or Z",
            id="date-without-offset",
        ),
        pytest.param(
            {"sites": "site,timezone\nhaus-1,Europe/Zürich\n"},
            "sites.csv:2: timezone: 'Europe/Zürich' is no time zone, such as Europe/Zurich",
            id="unknown-zone",
        ),
        pytest.param(
            {"meters": "system_title,security\n4C475A1030A1B2C3,none\n"},
            "meters.csv:2: security: 'none' is none of authenticated, encrypted, clear",
            id="unknown-word",
        ),
        pytest.param(
            {"members": MEMBERS + f"zev-1,AT1,{JANUARY},,0,\n"},
            "members.csv:2: factor_percent: '0' is no whole number from 1 to 100",
            id="number-out-of-range",
        ),
        pytest.param(
            {"points": POINTS + f"CH1,4C475A1030A1B2C3,haus-1,{JANUARY},,,1-0:1.8.0\n"},
            "points.csv:2: quantities: '1-0:1.8.0' is no C.D.E, such as 1.8.0, and no channel's, such as 0-2:24.2.1",
            id="quantity-with-medium",
        ),
        pytest.param(
            {"points": POINTS + f"CH1,4C475A1030A1B2C3,haus-1,{JANUARY},,,1.8.0 2.8.0 1.8.0\n"},
            "points.csv:2: quantities: '1.8.0 2.8.0 1.8.0' names a quantity twice",
            id="quantity-twice",
        ),
        pytest.param(
            {"sites": "site,timezone\nhaus|1,UTC\n"},
            "sites.csv:2: site: 'haus|1' must not contain |, which separates the parts of keys",
            id="bar-in-a-name",
        ),
        pytest.param({"sites": 'site,timezone\n"haus-1,UTC\n'}, "sites.csv:2: unexpected end of data", id="open-quote"),
        pytest.param(
            {"push": '{\n "own-2": {"items": [{"role": "registre"}]}\n}'},
            "push_lists.json:2: push list 'own-2', item 1: role 'registre' is none of",
            id="push-list-role",
        ),
        pytest.param(
            {"push": '{\n "own-2": {"items": [{"role": "register", "obis": "1.8.0", "unit": "kWh"}]}\n}'},
            "push_lists.json:2: 'own-2': unit 'kWh' is not known",
            id="push-list-in-kilo",
        ),
        pytest.param(
            {"push": '{\n "own-2": {"items": [{"role": []}]}\n}'},
            "push_lists.json:2: push list 'own-2', item 1: role [] is none of",
            id="push-list-role-that-is-a-list",
        ),
        pytest.param(
            {"validation": "metering_point,condition,action\nCH1,nought,flag\n"},
            "validation.csv:2: condition: 'nought' is none of missing, zero, negative, above, below, above-average",
            id="unknown-condition",
        ),
        pytest.param(
            {"validation": "metering_point,condition,action,hours\nCH1,zero,flag,73\n"},
            "validation.csv:2: hours: '73' is no whole number from 1 to 72",
            id="zeros-for-more-than-three-days",
        ),
        pytest.param({"push": "{\n]"}, "push_lists.json:2: is no JSON in UTF-8", id="no-json"),
        pytest.param({"push": "[" * 100_000}, "push_lists.json:1: is no JSON in UTF-8", id="deep-json"),
        pytest.param({"scale": '{"e450": ' + "9" * 5000}, "scale_profiles.json:1: is no JSON", id="endless-number"),
        pytest.param(
            {"scale": '{"e450": {"rules": {"32.7.0": -1}}}'},
            "scale_profiles.json:1: scale profile 'e450', 32.7.0: -1 is no object with scale and unit",
            id="a-rule-that-is-a-number",
        ),
        pytest.param(
            {"scale": '{"e450": {}}'}, "scale_profiles.json:1: scale profile 'e450': has no rules", id="no-rules"
        ),
    ],
)
def test_a_wrong_line_is_named_with_what_is_wrong(write: Write, replaced: dict[str, str], expected: str) -> None:
    assert any(problem.startswith(expected) for problem in problems(write, **replaced)), problems(write, **replaced)


def test_all_problems_of_all_files_come_at_once(write: Write) -> None:
    found = problems(write, meters="system_title\nxyz\n", sites="site,timezone\nhaus-1,Nowhere\nzev-1,UTC\n")

    assert {"meters.csv", "sites.csv", "points.csv"} <= {problem.partition(":")[0] for problem in found}


def test_a_slip_in_a_files_name_is_not_taken_for_its_absence(write: Write) -> None:
    folder = write()
    (folder / "points.csv").rename(folder / "point.csv")

    assert "point.csv:1: should this be points.csv?" in problems(lambda: folder)


def test_other_files_may_lie_in_the_folder(write: Write) -> None:
    folder = write()
    (folder / "keys.csv").write_text("system_title\n")
    (folder / "README.md").write_text("ours\n")

    assert [] == problems(lambda: folder)


def test_a_folder_without_any_registry_file_is_refused(write: Write) -> None:
    folder = write(**dict.fromkeys(["sites", "meters", "points", "members", "validation", "push"], None))

    assert [f"{folder}:1: holds none of"] == [problem[: len(str(folder)) + 17] for problem in problems(lambda: folder)]


@pytest.mark.parametrize(("end", "name"), [("\n", "meters.csv"), ("\r\n", "sites.csv"), ("\r", "push_lists.json")])
def test_the_line_that_is_not_utf_8_is_named(write: Write, end: str, name: str) -> None:
    folder = write()
    (folder / name).write_bytes(f"system_title,serial{end}4C475A1030A1B2C3,Zähler{end}".encode("latin-1"))

    assert [f"{name}:2: is not UTF-8: octet E4"] == problems(lambda: folder)


def test_a_file_that_cannot_be_read_is_named_with_the_reason(write: Write) -> None:
    folder = write(meters=None)
    (folder / "meters.csv").mkdir()

    assert ["meters.csv:1: cannot be read: Is a directory"] == problems(lambda: folder)


@pytest.mark.parametrize(
    ("replaced", "cause"),
    [
        pytest.param({"sites": GOOD["sites.csv"].replace("Zurich", "Zürich")}, "sites.csv:2: timezone", id="sites"),
        pytest.param({"meters": GOOD["meters.csv"].replace(",,5", ",,5 s")}, "meters.csv:2: push_seconds", id="meter"),
        pytest.param({"meters": GOOD["meters.csv"].replace(",,5", ",,5,")}, "meters.csv:2: 5 cells", id="comma"),
        pytest.param({"meters": GOOD["meters.csv"].replace("serial", "seriel")}, "meters.csv:1: unknown", id="header"),
        pytest.param({"meters": GOOD["meters.csv"] + '"'}, "meters.csv:5: unexpected end", id="quote"),
        pytest.param({"points": GOOD["points.csv"].replace("consumer,5", "buyer,5")}, "points.csv:3: role", id="point"),
        pytest.param({"points": GOOD["points.csv"].replace(",zev-1,", ",,")}, "points.csv:3: site is", id="no-site"),
        pytest.param({"points": "metering_point\n"}, "points.csv:1: column system_title", id="columns"),
        pytest.param({"push": "{", "meters": GOOD["meters.csv"].replace("wiener-netze-9", "own-2")}, "push", id="json"),
    ],
)  # fmt: skip
def test_what_refers_to_a_faulty_row_is_not_reported_as_well(
    write: Write, replaced: dict[str, str], cause: str
) -> None:
    """Ten thousand points of one site would hide the one line that is to be mended."""
    found = problems(write, **replaced)

    assert found
    assert [] == [problem for problem in found if not problem.startswith(cause.partition(":")[0])], found
    assert found[0].startswith(cause)


def test_a_faulty_cell_does_not_hide_what_else_is_wrong_with_its_row(write: Write) -> None:
    rows = [f"CH1,4C475A1030A1B2C9,nosite,{since},{JANUARY},buyer,\n" for since in ("01.01.2026", MARCH)]
    found = problems(write, members=None, validation=None, points=POINTS + "".join(rows))
    of_both = [f"{line}: {what}" for line in (2, 3) for what in ("role:", "system_title", "site")]

    assert sorted([*of_both, "2: valid_from:", "3: valid_to"]) == sorted(
        " ".join(problem.removeprefix("points.csv:").split()[:2]) for problem in found
    )


def test_a_faulty_row_counts_where_each_may_stand_once(write: Write) -> None:
    found = problems(write, sites=GOOD["sites.csv"] + "haus-1,,Europe/Wien,,\n")

    assert "sites.csv:4: haus-1 stands in line 2 already" in found
