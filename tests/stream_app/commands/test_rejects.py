"""``cipstream rejects`` from the outside, as far as it needs no Kafka; the rest is in ``tests/integration/line``."""

from __future__ import annotations

import pytest
from typer.testing import CliRunner

from stream_app.commands.rejects import app
from stream_app.refusals import EVENT_OF_KIND


def run(*arguments: str) -> tuple[int, str]:
    """Exit code and what was said, as one line without a frame."""
    environment = {"CIP_KAFKA__BOOTSTRAP": "127.0.0.1:9"}
    result = CliRunner().invoke(app, list(arguments), env=environment, catch_exceptions=False)
    return result.exit_code, " ".join(result.output.replace("│", " ").split())


@pytest.mark.parametrize("command", ["list", "replay"])
def test_a_kind_that_does_not_exist_is_refused_with_those_that_do(command: str) -> None:
    code, said = run(command, "--kind", "replay", "--kind", "nosuch")

    assert (2, True) == (code, f"nosuch is none of {', '.join(EVENT_OF_KIND)}" in said)


@pytest.mark.parametrize("kind", EVENT_OF_KIND)
def test_every_kind_can_be_asked_for(kind: str) -> None:
    assert run("list", "--kind", kind)[1].startswith("no way into Kafka")


@pytest.mark.parametrize("until", ["2026-03-02T00:00:00", "2026-03-02T00:30:00+01:00"])
def test_a_span_that_ends_before_it_begins_is_refused(until: str) -> None:
    code, said = run("list", "--since", "2026-03-02", "--until", until)

    assert (2, True) == (code, "--until is not after --since" in said)
