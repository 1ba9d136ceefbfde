"""``cipstream keys`` from the outside."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import CliRunner

from stream_app.commands.keys import app
from tests.stream_app.ingest_harness import Meter

T0 = 1_774_746_000_000
TITLE, OTHER = "4C475A1030A1B2C3", "4B464D0005F5E101"
METER = Meter(TITLE, bytes(range(0xA0, 0xB0)))
ENCRYPTION, AUTHENTICATION = METER.keys.encryption.hex().upper(), bytes(range(0xA0, 0xB0))[::-1].hex().upper()
HEAD = "system_title,encryption_key,authentication_key,key_version,valid_from,comment\n"
LIST = HEAD + f"{TITLE},{ENCRYPTION},{AUTHENTICATION},1,2026-01-01T00:00:00Z,first floor\n"

Run = Callable[..., tuple[int, str]]


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Runs a command against a store of the test's own."""
    monkeypatch.setenv("CIP_KEYS__SQLITE", str(tmp_path / "keys.db"))
    monkeypatch.setenv("CIP_KEK", "2026 " + "5A" * 32)

    def invoke(*arguments: object) -> tuple[int, str]:
        result = CliRunner().invoke(app, [str(argument) for argument in arguments], catch_exceptions=False)
        return result.exit_code, result.output

    return invoke


@pytest.fixture
def key_list(tmp_path: Path) -> Path:
    file = tmp_path / "keys.csv"
    file.write_text(LIST)
    return file


def capture(folder: Path, *apdus: bytes) -> Path:
    file = folder / "capture.bin"
    file.write_bytes(b"".join(apdus))
    return file


def test_what_was_imported_is_listed_by_check_value(run: Run, key_list: Path) -> None:
    imported = run("import", key_list)
    once_more = run("import", key_list)
    code, listed = run("list")

    assert [(0, "1 keys imported, 0 were there already\n"), (0, "0 keys imported, 1 were there already\n")] == [
        imported,
        once_more,
    ]
    assert 0 == code
    assert re.search(rf"{TITLE} +1 NEW +[0-9A-F]{{6}} [0-9A-F]{{6}} +2026 +2026-01-01T00:00:00Z first floor", listed)
    assert not any(key in listed.upper() for key in (ENCRYPTION, AUTHENTICATION))


def test_an_import_with_a_bad_line_imports_nothing_and_names_every_one(run: Run, key_list: Path) -> None:
    key_list.write_text(LIST + f"{OTHER},{ENCRYPTION[2:]},,1,,\n{OTHER},{'00' * 16},,1,,\n")
    code, told = run("import", key_list)
    _, listed = run("list")

    assert 1 == code
    assert [f"{key_list}: line 3: encryption_key is not 16 octets in hex digits",
            f"{key_list}: line 4: encryption_key is all zeros"] == told.splitlines()  # fmt: skip
    assert TITLE not in listed


def test_a_list_contradicting_the_store_is_refused_by_line(run: Run, key_list: Path) -> None:
    run("import", key_list)
    key_list.write_text(HEAD + f"{TITLE},{AUTHENTICATION},{ENCRYPTION},1,,\n")

    assert (1, f"{key_list}: line 2: {TITLE} version 1 is in the store with other keys\n") == run("import", key_list)


def test_a_list_that_is_no_text_is_refused(run: Run, key_list: Path) -> None:
    key_list.write_bytes(b"\xff\xfe")

    assert (1, f"{key_list}: no UTF-8 text\n") == run("import", key_list)


def untagged(meter: Meter) -> bytes:
    return meter.apdu(5, T0, control=0x20)


MISTYPED = f"{OTHER} wrong title: the key listed for {TITLE} opens it"
CAPTURES: dict[str, tuple[Callable[[], bytes], int, str]] = {
    "opens": (lambda: METER.apdu(5, T0), 0, f"{TITLE} opens: version 1, tag verified"),
    "opens-untagged": (lambda: untagged(METER), 0, f"{TITLE} opens: version 1, without a tag, its structure fits"),
    "no-key": (lambda: Meter(OTHER, bytes(16)).apdu(5, T0), 1, f"{OTHER} no key: none is held for this title"),
    "tag": (lambda: METER.apdu(5, T0)[:-1] + b"\x00", 1, f"{TITLE} tag: version 1: tag does not verify"),
    "structure": (lambda: untagged(Meter(TITLE, bytes(16))), 1, f"{TITLE} structure: version 1: "),
    "wrong-title": (lambda: Meter(OTHER, METER.keys.encryption).apdu(5, T0), 1, MISTYPED),
    "wrong-title-untagged": (lambda: untagged(Meter(OTHER, METER.keys.encryption)), 1, MISTYPED),
    "clear": (lambda: METER.apdu(5, T0, control=0), 0, "-                clear text: needs no key"),
    "no-title": (lambda: b"\xdb\x00" + METER.apdu(5, T0)[10:], 1, "-                header: "),
    "cut-short": (lambda: METER.apdu(5, T0)[:-5], 1, "-                link: "),
}  # fmt: skip


@pytest.mark.parametrize("case", CAPTURES)
def test_a_capture_is_told_which_check_it_fails(run: Run, key_list: Path, tmp_path: Path, case: str) -> None:
    make, code, begins = CAPTURES[case]
    run("import", key_list)
    ended, told = run("test", capture(tmp_path, make()), "--link", "apdu")

    assert (code, begins) == (ended, told[: len(begins)])


def test_a_capture_without_a_telegram_does_not_open(run: Run, tmp_path: Path) -> None:
    empty = capture(tmp_path)

    assert (1, f"{empty}: no telegram in it\n") == run("test", empty)


def test_a_capture_is_tried_with_the_ports_title_in_hex_and_with_a_plain_list_too(
    run: Run, key_list: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("CIP_KEYS__SQLITE")
    monkeypatch.setenv("CIP_KEYS__FILE", str(key_list))
    untitled = b"\xdb\x00" + METER.apdu(5, T0)[10:]
    file = capture(tmp_path, untitled.hex(" ").encode())

    opened = run("test", file, "--link", "apdu", "--hex", "--title", TITLE)

    assert (0, f"{TITLE} opens: version 1, tag verified\n") == opened
    assert (2, "--title: not 8 octets in hex digits\n") == run("test", file, "--title", "4C")


def test_an_expired_version_is_out_of_force_for_good(run: Run, key_list: Path, tmp_path: Path) -> None:
    run("import", key_list)
    expired, again = run("expire", TITLE.lower(), 1), run("expire", TITLE, 1)

    assert ((0, ""), (1, f"{TITLE} version 1: no such key in force\n")) == (expired, again)
    assert "EXPIRED" in run("list", TITLE[:4].lower())[1]
    assert 1 == run("test", capture(tmp_path, METER.apdu(5, T0)))[0]


def test_an_import_says_what_of_it_is_expired(run: Run, key_list: Path) -> None:
    run("import", key_list)
    run("expire", TITLE, 1)

    told = "0 keys imported, 0 were there already, 1 expired and out of force for good\n"
    assert (0, told) == run("import", key_list)


def test_replaced_versions_expire_together(run: Run, key_list: Path) -> None:
    run("import", key_list)

    assert (0, "0 expired\n") == run("expire", "--replaced-for", 24)
    assert 2 == run("expire")[0]
    assert 2 == run("expire", TITLE, 1, "--replaced-for", 24)[0]


def test_a_key_is_revealed_only_to_who_says_so_and_the_journal_knows(run: Run, key_list: Path) -> None:
    run("import", key_list)
    refused, journal_before = run("reveal", TITLE, 1), run("journal")
    shown = run("reveal", TITLE, 1, "--show-key")

    assert 2 == refused[0]
    assert ENCRYPTION not in refused[1] + journal_before[1]
    assert (0, f"encryption_key {ENCRYPTION}\nauthentication_key {AUTHENTICATION}\n") == shown
    assert f"reveal {TITLE} version 1" in run("journal")[1].splitlines()[-1]
    assert (1, f"{OTHER} version 1: no such key\n") == run("reveal", OTHER, 1, "--show-key")


def test_rewrapped_keys_open_without_the_older_kek(run: Run, key_list: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run("import", key_list)
    monkeypatch.setenv("CIP_KEK", "2027 " + "3C" * 32 + "\n2026 " + "5A" * 32)
    rewrapped = run("rewrap")
    monkeypatch.setenv("CIP_KEK", "2027 " + "3C" * 32)

    assert (0, "1 keys sealed anew\n") == rewrapped
    assert 0 == run("reveal", TITLE, 1, "--show-key")[0]


def test_a_key_that_does_not_open_is_got_rid_of(run: Run, key_list: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run("import", key_list)
    monkeypatch.setenv("CIP_KEK", "2026 " + "3C" * 32)
    key_list.write_text(HEAD + f"{OTHER},{ENCRYPTION},,1,,\n")
    refused = f"encryption key of {TITLE} version 1 does not open under KEK '2026'"

    assert (2, refused) == (run("import", key_list)[0], run("import", key_list)[1].partition(":")[0])
    assert OTHER not in run("list")[1]
    assert (2, refused) == (run("rewrap")[0], run("rewrap")[1].partition(":")[0])
    assert (0, "") == run("expire", TITLE, 1)
    assert (0, "0 keys sealed anew, 1 left as found: expired, and nothing opens them\n") == run("rewrap")
    assert (0, "1 keys imported, 0 were there already\n") == run("import", key_list)


def test_a_counter_is_reset_with_a_reason_only(run: Run, key_list: Path) -> None:
    run("import", key_list)

    assert [2, 2, 2] == [
        run("reset-counter", TITLE, *reason)[0] for reason in ((), ("--reason", ""), ("--reason", " "))
    ]
    assert (0, "") == run("reset-counter", TITLE, "--reason", "main board changed")
    assert f"reset {TITLE} main board changed" in run("journal")[1]
    assert 1 == run("reset-counter", OTHER, "--reason", "who?")[0]


@pytest.mark.parametrize("call", ["reveal {} 1 --show-key", "expire {} 1", "reset-counter {} --reason serviced"])
@pytest.mark.parametrize("title", ["XYZ", TITLE[:4], ENCRYPTION])
def test_what_is_no_system_title_is_called_so(run: Run, call: str, title: str) -> None:
    code, told = run(*call.format(title).split())

    assert 2 == code
    assert "no system title" in told
    assert ENCRYPTION not in told


@pytest.mark.parametrize(
    ("environment", "reason"),
    [
        pytest.param({"CIP_KEYS__SQLITE": ""}, "keys: set one of file, sqlite, postgres_dsn_file", id="no-store"),
        pytest.param({"CIP_KEYS__FILE": "LIST"}, "not file and sqlite", id="two-stores"),
        pytest.param({"CIP_KEYS__FILE": "LIST", "CIP_KEYS__SQLITE": ""}, "keys.file is a plain list", id="plain-list"),
        pytest.param({"CIP_KEK": ""}, "needs kek_file, transit_url or the variable CIP_KEK", id="no-kek"),
        pytest.param({"CIP_KEYS__TRANSIT_URL": "http://x"}, "transit_url needs transit_token_file", id="no-token"),
        pytest.param({"CIP_KEYS__KEK_FILE": "LIST"}, "line 1: wanted an id", id="kek-file-is-none"),
    ],
)  # fmt: skip
def test_what_cannot_work_ends_with_2_and_its_reason(
    run: Run, key_list: Path, monkeypatch: pytest.MonkeyPatch, environment: dict[str, str], reason: str
) -> None:
    for name, value in environment.items():
        if value:
            monkeypatch.setenv(name, value.replace("LIST", str(key_list)))
        else:
            monkeypatch.delenv(name)
    code, told = run("list")

    assert 2 == code
    assert reason in told
