"""``cipstream worker --check`` from the outside. The worker itself runs in ``tests/integration/line``."""

from __future__ import annotations

from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from stream_app.commands.worker import worker

GOOD = "system_title,encryption_key\n4C475A1030A1B2C3,000102030405060708090A0B0C0D0E0F\n"

app = typer.Typer()
app.command()(worker)


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    """A worker with a key list; no broker is anywhere near."""
    (tmp_path / "keys.csv").write_text(GOOD)
    return {"CIP_KAFKA__BOOTSTRAP": "127.0.0.1:9", "CIP_KEYS__FILE": str(tmp_path / "keys.csv")}


def check(environment: dict[str, str]) -> tuple[int, list[str]]:
    result = CliRunner().invoke(app, ["--check"], env=environment, catch_exceptions=False)
    return result.exit_code, result.output.splitlines()


def test_what_can_start_passes_without_a_broker(environment: dict[str, str]) -> None:
    assert (0, []) == check(environment)


def test_every_problem_that_needs_no_broker_is_named(environment: dict[str, str], tmp_path: Path) -> None:
    (tmp_path / "keys.csv").write_text(GOOD + "4C475A1030A1B2C4,00\n")
    code, said = check({**environment, "CIP_SCHEMA_REGISTRY__URL": "http://127.0.0.1:9"})

    assert (2, 2) == (code, len(said))
    assert "http://127.0.0.1:9" in said[0]
    assert "keys.csv" in said[1]


def test_settings_come_before_what_they_name(environment: dict[str, str]) -> None:
    code, said = check({**environment, "CIP_TOPICS__PARTITIONS": "0", "CIP_WORKER__WEB_PORT": "0"})

    assert (2, ["topics.partitions", "worker.web_port"]) == (code, [line.partition(":")[0] for line in said])
