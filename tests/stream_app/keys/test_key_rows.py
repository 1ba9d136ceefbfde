"""Key lists as operators write them."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stream_app.keys.key_rows import KeyRowsError, read_key_rows

TITLE, KEY, OTHER = "4C475A1030A1B2C3", "00112233445566778899AABBCCDDEEFF", "D0D1D2D3D4D5D6D7D8D9DADBDCDDDEDF"
OTHER_TITLE = "4B464D0005F5E101"
HEAD = "system_title,encryption_key,authentication_key,key_version,valid_from,comment\n"


@given(st.binary(min_size=8, max_size=8).filter(any), st.binary(min_size=16, max_size=16).filter(any))
def test_hex_may_be_written_in_any_way(title: bytes, key: bytes) -> None:
    ways = [
        key.hex(),
        key.hex().upper(),
        key.hex(":"),
        key.hex(" ", 2),
        "0x" + key.hex(),
        " ".join(f"0x{o:02X}" for o in key),
    ]
    for way in ways:
        (row,) = read_key_rows(f"Title;GUEK\n{title.hex('-')};{way}\n")

        assert (title.hex().upper(), key) == (row.system_title, row.encryption_key)


def test_a_key_may_be_16_characters() -> None:
    (row,) = read_key_rows(f"{HEAD}{TITLE},g4H2xa64FT27dvDt,,2,2026-01-01T00:00:00+01:00,kitchen\n")

    assert (b"g4H2xa64FT27dvDt", None, 2, 1767222000000, "kitchen") == row[1:6]


@pytest.mark.parametrize(
    "heading",
    [
        "GUEK",
        "EK",
        "encryption_key",
        "Encryption Key",
        "Global Unicast Encryption Key",
        "GPK60",
        "global-unicast-encryption-key",
    ],
)
def test_headings_of_the_encryption_key(heading: str) -> None:
    assert bytes.fromhex(KEY) == read_key_rows(f"System-Title\t{heading}\n{TITLE}\t{KEY}\n")[0].encryption_key


@pytest.mark.parametrize("heading", ["GAK", "AK", "authentication_key", "Global Authentication Key", "GPK61"])
def test_headings_of_the_authentication_key(heading: str) -> None:
    rows = read_key_rows(f"system title,EK,{heading},Meter location\n{TITLE},{KEY},{OTHER},cellar\n")

    assert bytes.fromhex(OTHER) == rows[0].authentication_key


@pytest.mark.parametrize("wrap", [lambda rows: rows, lambda rows: {"keys": rows}, lambda rows: rows[0]])
def test_json_is_read_too(wrap: object) -> None:
    assert callable(wrap)
    text = json.dumps(wrap([{"system_title": TITLE, "GUEK": KEY, "GAK": None, "key_version": 3}]))
    (row,) = read_key_rows("\ufeff" + text)

    assert (TITLE, 3, None) == (row.system_title, row.key_version, row.authentication_key)


def test_the_keys_of_a_row_are_ready_for_use() -> None:
    keys = read_key_rows(f"{HEAD}{TITLE},{KEY},{OTHER},5,,\n")[0].keys()

    assert (bytes.fromhex(KEY), bytes.fromhex(OTHER), 5) == (keys.encryption, keys.authentication, keys.version)


@pytest.mark.parametrize(
    ("row", "problem"),
    [
        pytest.param(f"{TITLE},0011,,,,", "line 2: encryption_key is not 16 octets in hex digits", id="short-key"),
        pytest.param(f"{TITLE},{KEY}00,,,,", "line 2: encryption_key is not 16 octets in hex digits", id="long-key"),
        pytest.param(f"{TITLE},{KEY},xyz,,,", "line 2: authentication_key is not 16 octets in hex digits", id="no-hex"),
        pytest.param(f"{TITLE},,,,,", "line 2: encryption_key is missing", id="no-key"),
        pytest.param(f",{KEY},,,,", "line 2: system_title is missing", id="no-title"),
        pytest.param(f"*,{KEY},,,,", "line 2: system_title is not 8 octets in hex digits", id="star"),
        pytest.param(f"{TITLE}00,{KEY},,,,", "line 2: system_title is not 8 octets in hex digits", id="long-title"),
        pytest.param(f"{TITLE},{'0' * 32},,,,", "line 2: encryption_key is all zeros", id="zero-key"),
        pytest.param(f"{TITLE},{'0' * 16},,,,", "line 2: encryption_key is all zeros", id="zero-characters"),
        pytest.param(f"{'0' * 16},{KEY},,,,", "line 2: system_title is all zeros", id="zero-title"),
        pytest.param(f"{TITLE},{KEY},,one,,", "line 2: key_version is no whole number", id="version"),
        pytest.param(
            f"{TITLE},{KEY},,,2026-01-01,", "line 2: valid_from is no ISO 8601 time with offset", id="no-offset"
        ),
    ],
)
def test_a_bad_row_is_told_by_its_line(row: str, problem: str) -> None:
    with pytest.raises(KeyRowsError) as caught:
        read_key_rows(HEAD + row + "\n")

    assert [problem] == caught.value.problems


def test_all_problems_are_told_and_nothing_is_taken() -> None:
    text = (
        f"{HEAD}{TITLE},{KEY},,1,,\n\n{TITLE},{OTHER},,1,,\n{TITLE},zz,,2,,\n{TITLE},{KEY},,3,,\n{TITLE},{KEY},,1,,x\n"
    )
    with pytest.raises(KeyRowsError) as caught:
        read_key_rows(text)

    expected = [
        f"line 4: {TITLE} version 1 stands already in line 2 with other keys: give each its key_version",
        "line 5: encryption_key is not 16 octets in hex digits",
        f"line 6: version 3 of {TITLE} has the keys of version 1",
        f"line 7: {TITLE} version 1 stands already in line 2 with another valid_from or comment",
    ]
    assert expected == caught.value.problems


def test_a_row_that_says_the_same_once_more_says_nothing() -> None:
    (row,) = read_key_rows(f"{HEAD}{TITLE},{KEY},,1,,cellar\n{TITLE.lower()},{KEY},,,,cellar\n")

    assert "line 2" == row.place


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        pytest.param(f"title,ek,GUEK\n{TITLE},{KEY},{OTHER}\n", "line 1: several columns encryption_key", id="csv"),
        pytest.param(f"title,st,ek\n{TITLE},,{KEY}\n", "line 1: several columns system_title", id="csv-empty-cells"),
        pytest.param(
            f'[{{"st": "{TITLE}", "ek": "{KEY}", "guek": null}}]', "entry 1: several columns encryption_key", id="json"
        ),
        pytest.param(
            f'{{"x": [{{"st": "{TITLE}", "ek": "{KEY}", "ek": "{OTHER}"}}]}}',
            "entry 1: several columns encryption_key",
            id="json-same-name",
        ),
    ],
)
def test_of_two_columns_for_one_thing_neither_is_believed(text: str, problem: str) -> None:
    with pytest.raises(KeyRowsError) as caught:
        read_key_rows(text)

    assert [problem] == caught.value.problems


@pytest.mark.parametrize("text", ["", "title,comment\n1,2\n", "{", "[1]", "[[]]", "[" * 9000, "[" * 9000 + "]" * 9000])
def test_what_is_no_key_list_is_refused(text: str) -> None:
    with pytest.raises(KeyRowsError):
        read_key_rows(text)


@given(st.text(max_size=200))
def test_any_text_is_a_list_or_refused(text: str) -> None:
    for whole in (text, HEAD + text, "[" + text):
        try:
            rows = read_key_rows(whole)
        except KeyRowsError:
            continue

        assert all(len(row.encryption_key) == 16 for row in rows)


SWALLOWED = f"{OTHER_TITLE},{OTHER},,1,,Dach\n"


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        pytest.param(
            f'{HEAD}{TITLE},{KEY},,1,,"Keller\n{SWALLOWED}', "line 2: no CSV: unexpected end of data", id="comment"
        ),
        pytest.param(f'{HEAD}{TITLE},"{KEY},,1,,\n{SWALLOWED}', "line 2: no CSV: unexpected end of data", id="key"),
        pytest.param(f'{HEAD[:-8]}"comment\n{SWALLOWED}', "line 1: no CSV: unexpected end of data", id="heading"),
        pytest.param(
            f'{HEAD}{TITLE},{KEY},,1,,"Keller\n{SWALLOWED}{TITLE},{KEY},,2,,"Stall\n',
            "line 2: no CSV: ',' expected after '\"'",
            id="two-comments",
        ),
        pytest.param(
            f'{HEAD}{TITLE},{KEY},,1,,"Keller\n{SWALLOWED}Stall"\n',
            "line 2: no CSV: a cell holds lines with keys",
            id="closed",
        ),
        pytest.param(
            f'title,ek,where\n{TITLE},{KEY},"cellar\n{SWALLOWED}"\n',
            "line 2: no CSV: a cell holds lines with keys",
            id="nobodys-column",
        ),
        pytest.param(
            f'title,ek,"where\n{SWALLOWED}"\n{TITLE},{KEY},\n',
            "line 1: no CSV: a cell holds lines with keys",
            id="nobodys-heading",
        ),
    ],
)
def test_a_stray_quotation_mark_swallows_no_keys(text: str, problem: str) -> None:
    with pytest.raises(KeyRowsError) as caught:
        read_key_rows(text)

    assert [problem] == [one.partition("; is a")[0] for one in caught.value.problems]


@pytest.mark.parametrize("form", ["csv", "json"])
@pytest.mark.parametrize(
    ("comment", "problem"),
    [
        pytest.param(OTHER, "comment looks like a key", id="key"),
        pytest.param(f"was {bytes.fromhex(OTHER).hex(':')} before", "comment looks like a key", id="spaced-key"),
        pytest.param(f"DE000562668020A{OTHER}", "comment looks like a key", id="key-behind-a-metering-point"),
        pytest.param("first\nsecond", "comment has more than one line", id="lines"),
        pytest.param("DE00056266802AO6G56M11SN51G21M24S", None, id="metering-point"),
        pytest.param("DE0005626680200000000000012345678", None, id="metering-point-of-hex-digits"),
        pytest.param("installed 2026-01-01 12:30, serial 12345678", None, id="numbers"),
    ],
)
def test_a_comment_is_one_line_and_no_key(form: str, comment: str, problem: str | None) -> None:
    first = {"csv": 2, "json": 1}[form]
    entry = json.dumps([{"title": TITLE, "ek": KEY, "comment": comment}])
    text = entry if form == "json" else f'{HEAD}{TITLE},{KEY},,,,"{comment}"\n'
    told = []
    try:
        read_key_rows(text)
    except KeyRowsError as error:
        told = error.problems

    assert ([] if problem is None else [f"{'line' if form == 'csv' else 'entry'} {first}: {problem}"]) == told


def test_an_address_in_nobodys_column_may_have_lines() -> None:
    first, second = read_key_rows(f'title,ek,where\n{TITLE},{KEY},"1 Main St\nTown"\n{OTHER_TITLE},{OTHER},x\n')

    assert ("line 2", "line 4") == (first.place, second.place)


def test_neither_rows_nor_refusals_show_keys() -> None:
    (row,) = read_key_rows(f"{HEAD}{TITLE},{KEY},{OTHER},1,,\n")
    with pytest.raises(KeyRowsError) as caught:
        read_key_rows(f"{HEAD}{TITLE},{KEY}A,{OTHER}B,1,,\n")

    for shown in (repr(row), str(row), str(caught.value), repr(caught.value)):
        assert KEY not in shown.upper()
        assert OTHER not in shown.upper()
        assert repr(bytes.fromhex(KEY)) not in shown
