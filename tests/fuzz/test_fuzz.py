"""A short run of each search, so that the long ones work when somebody wants them."""

from __future__ import annotations

import pytest

from stream_app.dlms.notification import Reader
from tests.fuzz import targeted
from tests.fuzz.storm import storm
from tests.fuzz.target import KINDS, MODES, corpus, run


def test_the_corpus_enters_everywhere_and_comes_out_as_known() -> None:
    reader = Reader()
    inputs = corpus()

    assert set(range(MODES)) == {data[0] for data in inputs}
    assert {run(data, reader) for data in inputs} <= KINDS | {"nothing"}


def test_a_storm_of_mutated_telegrams_breaks_nothing() -> None:
    outcome = storm(6_000, seed=7)

    assert {"valid", "link", "encoding", "plaintext", "authentication", "profile"} <= set(outcome.kinds)
    assert outcome.growth_kb < 20_000


def test_the_targeted_search_breaks_nothing(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(targeted, "EXAMPLES", 60)

    assert 0 == targeted.search(minutes=0.001)
    assert "telegrams in" in capsys.readouterr().out
