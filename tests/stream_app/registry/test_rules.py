"""What rows of a registry folder must be to each other."""

from __future__ import annotations

import pytest

from stream_app.registry.files import read_folder
from stream_app.registry.rules import judge
from tests.stream_app.registry.conftest import GOOD, Write

MEMBERS = "site,metering_point,valid_from,valid_to,factor_percent,share_permyriad\n"
POINTS = "metering_point,system_title,site,valid_from,valid_to,role,quantities\n"
JANUARY, MARCH, MAY = "2026-01-01T00:00:00Z", "2026-03-01T00:00:00Z", "2026-05-01T00:00:00Z"
LG, KSMW, OTHER = "4C475A1030A1B2C3", "4B464D0005F5E101", "4B464D0005F5E102"
CH = GOOD["sites.csv"].replace("at-static", "ch-equal")
MANY = " ".join(f"{c}.8.{e}" for c in range(1, 8) for e in range(6))  # 251 characters
SERVES = f"{LG} serves CH1 (line 2) and CH2 with"


def found(folder_of: Write, **replaced: str | None) -> list[str]:
    rows, problems = read_folder(folder_of(**replaced))
    assert problems == []
    return [str(problem) for problem in judge(rows)]


def two_points(first: str, second: str) -> dict[str, str | None]:
    return {"members": None, "points": POINTS + f"CH1,{LG},haus-1,{first}\nCH2,{LG},haus-1,{second}\n"}


def moving(until: str, since: str, second: str = "consumer") -> dict[str, str | None]:
    """CH1 leaves one site and comes to another."""
    rows = f"CH1,{LG},haus-1,{JANUARY},{until},consumer,\nCH1,{LG},zev-1,{since},,{second},\n"
    return {"members": None, "validation": None, "points": POINTS + rows}


@pytest.mark.parametrize(
    ("replaced", "expected"),
    [
        pytest.param(
            {"meters": GOOD["meters.csv"] + "4c475a1030a1b2c3,,,\n"},
            f"meters.csv:5: {LG} stands in line 2 already",
            id="meter-twice",
        ),
        pytest.param(
            {"sites": GOOD["sites.csv"] + "zev-1,,UTC,,\n"},
            "sites.csv:4: zev-1 stands in line 3 already",
            id="site-twice",
        ),
        pytest.param(
            {"meters": GOOD["meters.csv"].replace("wiener-netze-9", "wiener-netz-9")},
            "meters.csv:3: push_list wiener-netz-9 is not in push_lists.json",
            id="unknown-push-list",
        ),
        pytest.param(
            {"points": GOOD["points.csv"].replace(LG, "4C475A1030A1B2C4")},
            "points.csv:2: system_title 4C475A1030A1B2C4 is not in meters.csv",
            id="unknown-meter",
        ),
        pytest.param(
            {"points": GOOD["points.csv"].replace("haus-1", "haus-2")},
            "points.csv:2: site haus-2 is not in sites.csv",
            id="unknown-site",
        ),
        pytest.param(
            {"members": MEMBERS + f"zev-1,CH1,{JANUARY},,,\n"},
            "members.csv:2: CH1 is no metering point of site zev-1",
            id="member-of-another-site",
        ),
        pytest.param(
            {"members": MEMBERS + f"zev-1,AT1,{MARCH},{MARCH},,\n"},
            "members.csv:2: valid_to is not after valid_from",
            id="ends-when-it-begins",
        ),
        pytest.param(
            {"points": GOOD["points.csv"].replace("2026-03-01T12:07:00Z,consumer", "2026-03-01T12:07:01Z,consumer")},
            "points.csv:4: AT1 is valid at the same time in line 3",
            id="two-devices-at-once",
        ),
        pytest.param(
            {"members": None, "points": POINTS + f"CH1,{LG},haus-1,{JANUARY},,,\nCH1,{LG},haus-1,{MARCH},,,\n"},
            "points.csv:3: CH1 is valid at the same time in line 2",
            id="point-twice-at-once",
        ),
        pytest.param(
            {"members": MEMBERS + f"zev-1,AT1,{JANUARY},,,\nzev-1,AT1,{MARCH},,,\n"},
            "members.csv:3: AT1 is valid at the same time in line 2",
            id="member-twice-at-once",
        ),
        pytest.param(
            two_points(f"{JANUARY},,prosumer,", f"{MARCH},,producer,"),
            f"points.csv:3: {SERVES} 2.8.0 at once",
            id="one-register-for-two-points",
        ),
        pytest.param(
            moving("2026-03-01T10:07:00Z", "2026-03-01T10:14:00Z"),
            "points.csv:3: CH1 is at zev-1 and (line 2) at haus-1 in one quarter-hour",
            id="another-site-inside-a-quarter-hour",
        ),
        pytest.param(
            two_points(f"{JANUARY},{MARCH},,{MANY}", f"{MARCH},,,1.8.0 9.8.0"),
            f"points.csv:3: quantities: all of {LG} are 257 characters, 255 at most",
            id="more-registers-than-a-meters-state-has-room-for",
        ),
        pytest.param(
            {"sites": CH, "members": MEMBERS + f"zev-1,AT1,{JANUARY},,99,\n"},
            "members.csv:2: factor_percent 99: ch-equal admits only 100",
            id="factor-in-a-swiss-community",
        ),
        pytest.param(
            {"members": MEMBERS + f"zev-1,AT1,{JANUARY},,,6000\nzev-1,AT2,{MARCH},,,4001\n"},
            "members.csv:3: share_permyriad: the shares of zev-1 are 10001 from here on",
            id="shares-of-more-than-all",
        ),
    ],
)
def test_what_contradicts_another_line_is_named(write: Write, replaced: dict[str, str | None], expected: str) -> None:
    assert [expected] == found(write, **replaced)


@pytest.mark.parametrize(
    "replaced",
    [
        pytest.param(
            two_points(f"{JANUARY},,consumer,", f"{JANUARY},,producer,"), id="consumer-and-producer-on-one-meter"
        ),
        pytest.param(two_points(f"{JANUARY},{MARCH},,", f"{MARCH},,,"), id="one-meter-moves-to-another-point"),
        pytest.param(two_points(f"{JANUARY},,,", f"{JANUARY},,,24.2.1"), id="electricity-and-gas-on-one-meter"),
        pytest.param(two_points(f"{JANUARY},{MARCH},,{MANY}", f"{MARCH},,,{MANY}"), id="the-same-many-registers-again"),
        pytest.param(moving("2026-03-01T10:15:00Z", "2026-03-01T10:15:00Z"), id="another-site-at-a-quarter-hour"),
        pytest.param(
            moving("2026-03-01T10:07:00Z", "2026-03-01T10:07:00Z", second="producer"), id="another-site-other-registers"
        ),
        pytest.param(
            {"members": MEMBERS + f"zev-1,AT1,{JANUARY},{MARCH},,10000\nzev-1,AT1,{MARCH},,,10000\n"},
            id="shares-one-after-the-other",
        ),
        pytest.param(
            {"sites": CH, "members": MEMBERS + f"zev-1,AT1,{JANUARY},,100,\n"}, id="whole-factor-in-switzerland"
        ),
    ],
)
def test_what_only_looks_like_a_contradiction_is_accepted(write: Write, replaced: dict[str, str | None]) -> None:
    assert [] == found(write, **replaced)
