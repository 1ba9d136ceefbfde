"""``cipstream decode`` as its users hold on to it: lines, fields, exit codes. Every vector, without a process each."""

from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
import typer
from typer.testing import CliRunner, Result

from stream_app.commands.decode import decode
from stream_app.dlms.layout import Layout, Register
from stream_app.meter_plan import Shape
from stream_app.reading_encoder import assign_slots
from tests.vectors.loader import FOLDER, Outcome, Vector, load_vectors

VECTORS = {vector.id: vector for vector in load_vectors()}

app = typer.Typer()
app.command()(decode)


def run(arguments: list[str], stream: bytes = b"") -> Result:
    return CliRunner().invoke(app, arguments, input=stream, catch_exceptions=False)


def lines(result: Result) -> list[dict[str, Any]]:
    return [json.loads(line) for line in result.stdout.splitlines()]


def options(vector: Vector, folder: Path) -> list[str]:
    arguments = ["--definitions", str(FOLDER), "--link", vector.link]
    if vector.encryption_key and vector.key_title:
        row = (vector.key_title, vector.encryption_key, vector.authentication_key or b"")
        keys = folder / "keys.csv"
        keys.write_text("system_title,encryption_key,authentication_key\n" + ",".join(octets.hex() for octets in row))
        arguments += ["--keys", str(keys)]
    for option, value in (
        ("--push-list", vector.push_list),
        ("--scale-profile", vector.scale_profile),
        ("--timezone", vector.timezone),
    ):
        arguments += [option, value] if value else []
    return arguments + (["--require-encryption"] if vector.require_encryption else [])


def agrees(line: dict[str, Any], outcome: Outcome) -> bool:
    if line["result"] != outcome.result or line["result"] != "valid" or outcome.link_only:
        return bool(line["result"] == outcome.result)
    time = line["time"] if outcome.time_utc else None
    return (
        (time, line["device_id"]) == (outcome.time_utc, outcome.device_id)
        and line["clock_status"] == outcome.clock_status
        and line["registers"].keys() == outcome.registers.keys()
        and all(same(line["registers"][obis], register) for obis, register in outcome.registers.items())
    )


def same(ours: dict[str, Any], theirs: dict[str, Any]) -> bool:
    if theirs["value"] is None:
        return ours["value"] is None and bool(ours["raw"] == theirs["raw"])
    return Decimal(ours["value"]) == Decimal(theirs["value"]) and bool(ours["unit"] == theirs["unit"])


@pytest.mark.parametrize("vector", [pytest.param(v, id=v.id) for v in VECTORS.values()])
def test_every_vector_gives_one_of_its_outcomes(vector: Vector, tmp_path: Path) -> None:
    result = run(options(vector, tmp_path), vector.stream)
    outcomes = vector.sequence if len(vector.sequence) > 1 else (vector.expected,)
    found = lines(result)

    assert len(outcomes) <= len(found)
    for line, outcome in zip(found[-len(outcomes) :], outcomes, strict=True):
        tolerated = vector.tolerated if outcome.result == vector.expected.result else ()
        assert any(agrees(line, one) for one in (outcome, *tolerated)), line
    assert int(any(line["result"] != "valid" for line in found)) == result.exit_code


@pytest.mark.parametrize("vector", [pytest.param(v, id=v.id) for v in VECTORS.values()])
def test_every_vector_can_be_explained(vector: Vector, tmp_path: Path) -> None:
    result = run([*options(vector, tmp_path), "--explain"], vector.stream)

    assert result.exit_code in (0, 1)
    assert result.stdout


def test_an_explanation_shows_where_reading_stopped(tmp_path: Path) -> None:
    vector = VECTORS["egd-cz-untagged"]
    explained = run([*options(vector, tmp_path), "--explain"], vector.stream).stdout

    assert "▶ reading stopped at byte 18: tag 2A" in explained


def test_an_explanation_names_the_values(tmp_path: Path) -> None:
    vector = VECTORS["lg-e450-at-18obj-gbt4-sc30"]
    explained = run([*options(vector, tmp_path), "--explain"], vector.stream).stdout

    assert "register 1-0:1.8.0 = 55591 × 10^0 Wh" in explained
    assert "id 0-0:96.1.0 = '20557677'" in explained
    assert "general-block-transfer" in explained
    assert "security control: encrypted and authenticated, suite 0" in explained


def test_an_explanation_never_shows_a_key(tmp_path: Path) -> None:
    vector = VECTORS["lg-e450-at-18obj-gbt4-sc30"]
    explained = run([*options(vector, tmp_path), "--explain"], vector.stream).stdout

    assert vector.encryption_key is not None
    assert vector.encryption_key.hex(" ").upper() not in explained


def test_a_line_has_the_published_fields(tmp_path: Path) -> None:
    vector = VECTORS["ksmw-els-at-short-single-segment"]
    (line,) = lines(run(options(vector, tmp_path), vector.stream))

    expected = {
        "result": "valid",
        "title": "454C5365715B8147",
        "security_control": "20",
        "frame_counter": 21535,
        "key_version": 1,
        "authenticated": False,
        "time": "2021-11-09T12:05:10Z",
        "local_time": "2021-11-09T13:05:10",
        "clock_status": 0,
        "device_id": None,
        "ids": {},
        "registers": {
            "1-0:1.7.0": {"value": "1484", "unit": "W"},
            "1-0:1.8.0": {"value": "19313107", "unit": "Wh"},
        },
    }
    assert expected == line


def test_of_a_register_sent_twice_the_first_counts_as_it_does_in_the_worker() -> None:
    (line,) = lines(run([], b"/LGF5E360\r\n\r\n1-0:1.8.0(1000*Wh)\r\n1-0:1.8.0(900*Wh)\r\n!\r\n"))
    registers = (Register("1-0:1.8.0", 0, "Wh"), Register("1-0:1.8.0", 0, "Wh"))

    assert {"1-0:1.8.0": {"value": "1000", "unit": "Wh"}} == line["registers"]
    assert (1000,) == Shape(Layout(None, registers, (), ()), ("1.8.0",)).sample((1000, 900))
    assert ["import_wh", None] == [slot.column for slot in assign_slots(registers)]


def test_hex_text_may_be_decorated(tmp_path: Path) -> None:
    vector = VECTORS["ksmw-els-at-short-single-segment"]
    text = "0x" + vector.stream.hex(":").replace(":0", " 0x0") + "\n"

    assert (
        run(options(vector, tmp_path), vector.stream).stdout
        == run([*options(vector, tmp_path), "--hex"], text.encode()).stdout
    )


def test_files_are_decoded_in_order_with_one_memory_of_counters(tmp_path: Path) -> None:
    vector = VECTORS["ksmw-els-at-short-single-segment"]
    capture = tmp_path / "capture.bin"
    capture.write_bytes(vector.stream)
    result = run([*options(vector, tmp_path), str(capture), str(capture)])

    assert ["valid", "replay"] == [line["result"] for line in lines(result)]
    assert "the same telegram once more" == lines(result)[1]["reason"]


def test_noise_is_counted_beside_the_lines(tmp_path: Path) -> None:
    vector = VECTORS["ksmw-els-at-short-single-segment"]
    result = run(options(vector, tmp_path), b"\x01\x02\x03" + vector.stream)

    assert "-: 3 octets of noise\n" == result.stderr


def test_a_title_may_come_from_the_call(tmp_path: Path) -> None:
    """A telegram whose title was left out opens with the title given."""
    vector = VECTORS["sagemcom-t210d-at-flat35-ciphered-apdu"]
    assert vector.system_title is not None
    nameless = vector.stream.replace(b"\xdb\x08" + vector.system_title, b"\xdb\x00")
    (without,) = lines(run(options(vector, tmp_path), nameless))
    (with_title,) = lines(run([*options(vector, tmp_path), "--title", vector.system_title.hex(" ")], nameless))

    assert ("cipher_header", "valid") == (without["result"], with_title["result"])


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        pytest.param(["--timezone", "Europe/Atlantis"], "no time zone 'Europe/Atlantis'", id="zone"),
        pytest.param(["--push-list", "nobody-9"], "no push list 'nobody-9'", id="push-list"),
        pytest.param(["--scale-profile", "nobody"], "no scale profile 'nobody'", id="scale-profile"),
        pytest.param(["--title", "4C475A"], "--title: not 8 octets", id="title"),
        pytest.param(["nowhere.bin"], "nowhere.bin: No such file", id="file"),
        pytest.param(["--hex"], "-: no hex text", id="hex"),
    ],
)
def test_wrong_use_ends_with_2_and_a_word(arguments: list[str], said: str) -> None:
    result = run(arguments, b"not hex")

    assert 2 == result.exit_code
    assert said in result.stderr


def test_a_bad_key_list_ends_with_2_and_every_problem(tmp_path: Path) -> None:
    keys = tmp_path / "keys.csv"
    keys.write_text("system_title,GUEK\n4C475A1030A1B2C3,0011\n,00112233445566778899AABBCCDDEEFF\n")
    result = run(["--keys", str(keys)])

    assert 2 == result.exit_code
    assert ["line 2", "line 3"] == [line.split(": ")[1] for line in result.stderr.splitlines()]
    assert "0011" not in result.stderr


def test_bad_definitions_end_with_2_and_every_problem_behind_its_file(tmp_path: Path) -> None:
    (tmp_path / "push_lists.json").write_text('{"own": {"items": [{"role": []}, {"role": "ignore", "unit": ["x"]}]}}')
    (tmp_path / "scale_profiles.json").write_text("[]")
    result = run(["--definitions", str(tmp_path)], b"\x00")

    expected = [
        f"{tmp_path / 'push_lists.json'}: push list 'own', item 1",
        f"{tmp_path / 'push_lists.json'}: push list 'own', item 2",
        f"{tmp_path / 'scale_profiles.json'}: is no JSON object of names",
    ]
    assert 2 == result.exit_code
    assert expected == [": ".join(line.split(": ")[:2]) for line in result.stderr.splitlines()]


def test_a_capture_without_any_telegram_is_one_refusal_that_names_the_suspicion() -> None:
    """A line read with seven data bits has nothing above 7F."""
    result = run([], b"\x28\x5b\x5b\x28\x53" * 20)
    (line,) = lines(result)

    assert ("link", 1) == (line["result"], result.exit_code)
    assert "seven data bits" in line["reason"]
