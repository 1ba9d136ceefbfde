"""``cipstream topics`` from the outside."""

from __future__ import annotations

import pytest
from typer.testing import CliRunner

from stream_app.commands.topics import app
from tests.kafka_broker import KafkaBroker, unique


def run(*arguments: str, **environment: str) -> tuple[int, str]:
    result = CliRunner().invoke(app, list(arguments), env={f"CIP_{name}": value for name, value in environment.items()})
    return result.exit_code, result.output


@pytest.mark.kafka
def test_check_refuses_until_apply_has_been_run(kafka: KafkaBroker) -> None:
    prefix = unique("topics")
    environment = {"KAFKA__BOOTSTRAP": kafka.bootstrap, "KAFKA__PREFIX": prefix, "TOPICS__PARTITIONS": "2"}

    before = run("check", **environment)
    applied = run("apply", **environment)
    after = run("check", **environment)

    assert (1, 11) == (before[0], before[1].count("is missing"))
    assert (0, 11) == (applied[0], applied[1].count("created"))
    assert (0, "all topics are as they shall be\n") == after


@pytest.mark.kafka
def test_apply_says_what_it_cannot_mend(kafka: KafkaBroker) -> None:
    environment = {"KAFKA__BOOTSTRAP": kafka.bootstrap, "KAFKA__PREFIX": unique("topics")}
    run("apply", **environment, TOPICS__PARTITIONS="2")

    code, said = run("apply", **environment, TOPICS__PARTITIONS="3")

    assert (1, 5) == (code, said.count("has 2 partitions, wanted 3"))


@pytest.mark.parametrize(
    ("arguments", "environment", "reason"),
    [
        pytest.param(["apply", "--register-schemas"], {}, "schema_registry.url", id="no-registry-to-register-in"),
        pytest.param(["check"], {"TOPICS__PARTITIONS": "0"}, "topics.partitions", id="settings-that-cannot-be"),
    ],
)
def test_wrong_use_ends_with_2_and_the_reason(arguments: list[str], environment: dict[str, str], reason: str) -> None:
    code, said = run(*arguments, **environment)

    assert code == 2
    assert reason in said


def test_a_broker_that_is_away_ends_with_2_and_one_line() -> None:
    assert (2, "no way into Kafka: 127.0.0.1:9: no connection: Connection refused\n") == run(
        "check", KAFKA__BOOTSTRAP="127.0.0.1:9"
    )
