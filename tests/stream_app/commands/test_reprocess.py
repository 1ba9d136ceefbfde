"""``cipstream reprocess`` from the outside, as far as it needs no Kafka; the rest is in ``tests/integration/line``."""

from __future__ import annotations

import pytest
import typer
from typer.testing import CliRunner

from stream_app.commands.reprocess import reprocess

app = typer.Typer()
app.command()(reprocess)


def run(since: str, until: str) -> tuple[int, str]:
    environment = {"CIP_KAFKA__BOOTSTRAP": "127.0.0.1:9"}
    result = CliRunner().invoke(app, ["--from", since, "--to", until], env=environment, catch_exceptions=False)
    return result.exit_code, result.output


@pytest.mark.parametrize(
    ("since", "until"),
    [
        pytest.param("2026-03-01T00:00:00+01:00", "2026-03-01", id="one-with-an-offset-and-one-without"),
        pytest.param("2026-03-01T00:00:00+01:00", "2026-03-01T00:00:00Z", id="two-offsets"),
    ],
)
def test_a_time_without_an_offset_is_utc(since: str, until: str) -> None:
    """The first is an hour before the second: only the broker is missing."""
    code, said = run(since, until)

    assert (2, True) == (code, said.startswith("no way into Kafka"))


def test_a_span_that_ends_before_it_begins_is_wrong_use() -> None:
    code, said = run("2026-03-01", "2026-03-01T00:00:00+01:00")

    assert (2, True) == (code, "--to is not after --from" in said)
