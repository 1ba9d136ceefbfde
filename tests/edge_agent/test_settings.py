from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import ValidationError

from edge_agent.kafka import Kafka
from edge_agent.settings import (
    Edge,
    FilePort,
    Health,
    ListenPort,
    SerialPort,
    Settings,
    SimulatedClock,
    TcpPort,
    as_toml,
    problems,
    read_settings,
)

EXAMPLE = Path("deploy/edge/edge.toml")
SMALL = """
[edge]
id = "cellar"
[kafka]
bootstrap = "localhost:9092"
[[port]]
name = "one"
kind = "tcp"
host = "localhost"
port = 1
[[port]]
name = "two"
kind = "serial"
device = "/dev/ttyUSB0"
"""


def read(tmp_path: Path, text: str) -> Settings:
    path = tmp_path / "edge.toml"
    path.write_text(text)
    return read_settings(path)


def refused(tmp_path: Path, text: str) -> list[str]:
    with pytest.raises(ValueError) as error:  # noqa: PT011 - the lines are what is asserted
        read(tmp_path, text)
    return [line.split("edge.toml: ")[1] for line in problems(error.value, tmp_path / "edge.toml")]


def test_the_commented_example_is_valid() -> None:
    settings = read_settings(EXAMPLE)

    assert ["serial", "tcp", "listen"] == [port.kind for port in settings.port]


def test_what_is_printed_reads_back_as_the_same_settings(tmp_path: Path) -> None:
    simulated = "[simulated_clock]\norigin = 2026-03-29T00:00:00Z\nstarted = 1790000000.25\nspeed = 900\n"
    settings = read(tmp_path, SMALL.replace("/dev/ttyUSB0", "/dev/zähler-🔌") + simulated)

    assert settings.model_dump() == read(tmp_path, as_toml(settings)).model_dump()


def test_the_environment_wins_over_the_file_down_to_one_value_of_one_port(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CIP_KAFKA__BOOTSTRAP", "broker:1")
    monkeypatch.setenv("CIP_PORT__1__BAUDRATE", "9600")
    settings = read(tmp_path, SMALL)

    assert ("broker:1", 9600, "/dev/ttyUSB0") == (
        settings.kafka.bootstrap,
        settings.port[1].model_dump()["baudrate"],
        settings.port[1].model_dump()["device"],
    )


def test_every_problem_is_told_at_once(tmp_path: Path) -> None:
    text = SMALL.replace('id = "cellar"', 'id = "the cellar"').replace("port = 1", 'port = "x"\nlink = "knx"')
    found = refused(tmp_path, text.replace("[kafka]", "[kafka]\nprefx = 1\nca_file = '/nowhere'"))

    assert {"edge.id", "kafka.prefx", "kafka.ca_file", "port.0.port", "port.0.link"} == {
        line.split(": ")[0] for line in found
    }


def test_a_problem_never_repeats_the_value(tmp_path: Path) -> None:
    found = refused(tmp_path, SMALL.replace("[kafka]", '[kafka]\npassword_file = "s3cret"\npassword = "s3cret"'))

    assert [] == [line for line in found if "s3cret" in line]


@pytest.mark.parametrize(
    ("wrong", "place"),
    [
        pytest.param(SMALL.replace('"two"', '"one"'), "port", id="two-ports-of-one-name"),
        pytest.param(SMALL.split("[[port]]")[0] + "port = []", "kafka.port", id="ports-in-the-wrong-table"),
        pytest.param("port = []\n" + SMALL.split("[[port]]")[0], "port", id="no-port"),
        pytest.param(
            SMALL.replace('"serial"', '"serial"\naccept_clear = true'), "port.1", id="clear-text-without-title"
        ),
        pytest.param(SMALL.replace("[kafka]", "[kafka]\nsecurity = 'SASL_SSL'"), "kafka", id="sasl-without-password"),
        pytest.param(SMALL.replace("[kafka]", "[kafka]\nkey_file = 'pyproject.toml'"), "kafka", id="key-without-cert"),
    ],
)
def test_what_does_not_fit_together_is_a_problem(tmp_path: Path, wrong: str, place: str) -> None:
    assert place in {line.split(": ")[0] for line in refused(tmp_path, wrong)}


def test_a_broken_file_is_told_with_its_line(tmp_path: Path) -> None:
    assert "line 2" in refused(tmp_path, "[edge]\nid = = 1")[0]


def test_an_empty_password_is_a_problem(tmp_path: Path) -> None:
    (tmp_path / "password").write_text("\n")
    found = refused(tmp_path, SMALL.replace("[kafka]", f"[kafka]\npassword_file = '{tmp_path / 'password'}'"))

    assert ["kafka.password_file: Value error, the file is empty"] == found


def test_the_title_of_a_port_is_upper_case_whatever_was_written(tmp_path: Path) -> None:
    settings = read(tmp_path, SMALL.replace('"serial"', '"serial"\ntitle = "4c475a1030a1b2c3"'))

    assert "4C475A1030A1B2C3" == settings.port[1].title


def test_the_example_shows_every_setting_there_is() -> None:
    text = EXAMPLE.read_text()
    missing = [
        name
        for part in (Edge, Kafka, Health, SimulatedClock, SerialPort, TcpPort, ListenPort, FilePort)
        for name in part.model_fields
        if f"{name} = " not in text
    ]

    assert [] == missing


def test_pydantic_reports_and_nothing_else(tmp_path: Path) -> None:
    with pytest.raises(ValidationError):
        read(tmp_path, "")
