from __future__ import annotations

import json
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stream_app.keys.key_rows import KeyRowsError, read_key_rows

TITLE, EK, AK = "4C475A1030A1B2C3", "A1" * 16, "B2" * 16
HABITS = st.sampled_from(
    [
        str,
        str.lower,
        lambda digits: "0x" + digits,
        lambda digits: bytes.fromhex(digits).hex(":"),
        lambda digits: bytes.fromhex(digits).hex(" "),
        lambda digits: bytes.fromhex(digits).hex("-").upper(),
    ]
)
HEADS = st.tuples(
    st.sampled_from(["system_title", "System Title", "ST", "systemTitle"]),
    st.sampled_from(["encryption_key", "GUEK", "EK", "Global Unicast Encryption Key", "GPK60"]),
    st.sampled_from(["authentication_key", "GAK", "AK", "Authentication Key", "GPK61"]),
)


@given(HEADS, st.tuples(HABITS, HABITS, HABITS), st.sampled_from(",;\t|"), st.sampled_from(["\n", "\r\n"]))
@settings(max_examples=60)
def test_every_makers_headings_and_habits_read_the_same(
    heads: tuple[str, ...], habits: tuple[Callable[[str], str], ...], delimiter: str, end: str
) -> None:
    cells = [habit(cell) for habit, cell in zip(habits, (TITLE, EK, AK), strict=True)]
    (row,) = read_key_rows(delimiter.join(heads) + end + delimiter.join(cells) + end)
    authentication = row.authentication_key or b""

    assert (TITLE, EK, AK) == (row.system_title, row.encryption_key.hex().upper(), authentication.hex().upper())
    assert (1, None, "line 2") == (row.key_version, row.valid_from, row.place)


def test_json_says_the_same_as_csv() -> None:
    entries = [{"systemTitle": TITLE, "GUEK": EK, "key_version": 3, "valid_from": "2026-01-01T00:00:00+01:00"}]
    for text in (json.dumps(entries), json.dumps({"keys": entries}), json.dumps(entries[0])):
        (row,) = read_key_rows(text)

        assert (TITLE, 3, None, 1_767_222_000_000) == (
            row.system_title, row.key_version, row.authentication_key, row.valid_from)  # fmt: skip


def test_every_line_that_is_wrong_is_told_in_one_report_without_its_keys() -> None:
    good, zero, short = f"{TITLE},{EK},{AK},1", "00" * 16, EK[:-2]
    lines = {
        "line 3: 4C475A1030A1B2C3 version 1 stands already in line 2": f"{TITLE},{AK},{EK},1",
        "line 4: version 2 of 4C475A1030A1B2C3 has the keys of version 1": f"{TITLE},{EK},{AK},2",
        "line 5: encryption_key is all zeros": f"{TITLE},{zero},{AK},3",
        "line 6: authentication_key is all zeros": f"{TITLE},{EK},{zero},4",
        "line 7: encryption_key is not 16 octets in hex digits": f"{TITLE},{short},{AK},5",
        "line 8: system_title is not 8 octets in hex digits": f"{TITLE[:-2]},{EK},{AK},6",
        "line 9: system_title is all zeros": f"{'00' * 8},{EK},{AK},7",
        "line 10: encryption_key is missing": f"{TITLE},,{AK},8",
        "line 11: key_version is no whole number": f"{TITLE},{EK},{AK},-1",
    }
    with pytest.raises(KeyRowsError) as refusal:
        read_key_rows("\n".join(["title,ek,ak,version", good, *lines.values()]))

    assert list(lines) == refusal.value.problems
    assert not any(key in str(refusal.value) for key in (EK, AK, short))
