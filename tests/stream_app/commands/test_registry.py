"""``cipstream registry`` from the outside."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from typer.testing import CliRunner

from stream_app.avro import load_codecs
from stream_app.commands import topics
from stream_app.commands.registry import app
from stream_app.registry.topic import RegistryTopic
from tests.kafka_broker import KafkaBroker, unique
from tests.stream_app.registry.conftest import GOOD, Write
from tests.stream_app.registry.conftest import write as write  # a fixture


def run(command: str, folder: Path, **environment: str) -> tuple[int, str]:
    names = {f"CIP_{name}": value for name, value in environment.items()}
    result = CliRunner().invoke(app, [*command.split(), str(folder)], env=names)
    return result.exit_code, result.output


def test_check_of_a_good_folder_counts_its_rows(write: Write) -> None:
    said = "3 meters, 4 points, 2 sites, 2 members, 4 validation rules, 1 push lists, 0 scale profiles\n"

    assert (0, said) == run("check", write())


def test_check_of_a_bad_folder_lists_file_and_line_and_ends_with_1(write: Write) -> None:
    code, said = run("check", write(meters="system_title\nxyz\n", sites="site,timezone\nzev-1,UTC\nhaus-1,Nowhere\n"))

    assert code == 1
    assert {"meters.csv:2: ", "sites.csv:3: "} <= {line[: line.index(": ") + 2] for line in said.splitlines()}


def test_a_folder_that_is_not_there_is_wrong_use(tmp_path: Path) -> None:
    assert run("check", tmp_path / "none")[0] == 2


def test_a_bad_folder_is_refused_before_any_broker_is_asked(write: Write) -> None:
    assert run("apply", write(meters="system_title\nxyz\n"), KAFKA__BOOTSTRAP="127.0.0.1:9")[0] == 1


@pytest.mark.kafka
@pytest.mark.parametrize("guarantee", ["exactly_once", "at_least_once"])
def test_apply_shows_what_changes_and_the_second_time_nothing(kafka: KafkaBroker, write: Write, guarantee: str) -> None:
    environment = {
        "KAFKA__BOOTSTRAP": kafka.bootstrap,
        "KAFKA__PREFIX": unique("reg"),
        "TOPICS__PARTITIONS": "1",
        "TOPICS__METER_QUARTER_PARTITIONS": "1",
        "WORKER__PROCESSING_GUARANTEE": guarantee,
    }
    missing = run("apply", write(), **environment)
    CliRunner().invoke(topics.app, ["apply"], env={f"CIP_{name}": value for name, value in environment.items()})

    tried = run("apply --dry-run", write(), **environment)
    first = run("apply", write(), **environment)
    again = run("apply", write(), **environment)
    changed = run("apply", write(meters=GOOD["meters.csv"].replace(",,5", ",,15")), **environment)

    assert (2, True) == (missing[0], "is missing" in missing[1])
    assert (0, "16 changes to be made") == (tried[0], tried[1].splitlines()[-1])
    assert (0, "16 changes") == (first[0], first[1].splitlines()[-1])
    assert (0, "nothing changed\n") == again
    assert (0, "~ meter|4C475A1030A1B2C3 push_seconds 5 → 15\n1 changes\n") == changed
    topic = RegistryTopic(
        {"bootstrap_servers": kafka.bootstrap}, f"{environment['KAFKA__PREFIX']}.registry.v1", load_codecs().registry
    )
    directory = asyncio.run(topic.load())
    assert 15 == directory.meters["4C475A1030A1B2C3"].push_seconds
