"""Whatever happens to keys in whatever order, the store agrees with a model of a few lines."""

from __future__ import annotations

import time
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule
from typer.testing import CliRunner

from stream_app.commands.keys import app
from stream_app.keys.key_rows import KeyRowsError
from stream_app.keys.sqlite import SqliteDatabase
from tests.stream_app.keys.conftest import KEK, OLDER_KEK, OTHER, TITLE, add, reopened, row

TITLES, VERSIONS = st.sampled_from([TITLE, OTHER]), st.integers(1, 3)


class History(RuleBasedStateMachine):
    """``held``: key and status by title and version."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = TemporaryDirectory()
        self.database = SqliteDatabase(Path(self.folder.name) / "keys.db")
        self.held: dict[tuple[str, int], tuple[int, str]] = {}
        self.resets = {TITLE: 0, OTHER: 0}
        self.restart()

    def teardown(self) -> None:
        self.folder.cleanup()

    @rule(title=TITLES, version=VERSIONS, key=st.integers(1, 2))
    def add(self, title: str, version: int, key: int) -> None:
        known = self.held.get((title, version), (key, ""))[0]
        if known != key:
            with pytest.raises(KeyRowsError):
                add(self.store, row(title, version, key))
        else:
            assert ((title, version) not in self.held) == add(self.store, row(title, version, key))
            self.held.setdefault((title, version), (key, "NEW"))

    @rule(title=TITLES, version=VERSIONS)
    def promote(self, title: str, version: int) -> None:
        self.store.promote(title, version, 1, with_tag=True)
        key, status = self.held.get((title, version), (0, ""))
        if status == "NEW":
            self.held[title, version] = (key, "ACTIVE")

    @rule(title=TITLES, version=VERSIONS)
    def expire(self, title: str, version: int) -> None:
        key, status = self.held.get((title, version), (0, "EXPIRED"))

        assert (status != "EXPIRED") == self.store.expire(title, version)
        if key:
            self.held[title, version] = (key, "EXPIRED")

    @rule(title=TITLES)
    def reset(self, title: str) -> None:
        self.resets[title] += self.store.reset_counter(title, "serviced")

    @rule()
    def rewrap(self) -> None:
        assert (len(self.held), 0) == self.store.rewrap(lambda done: None)

    @rule()
    def restart(self) -> None:
        self.store = reopened(self.database, KEK, OLDER_KEK)

    @invariant()
    def the_store_agrees(self) -> None:
        ring = self.store.load()
        listed = {(one.title, one.version): one.status for one in self.store.listed()}
        in_force = {(title, held.keys.version): held.keys.encryption[0] for title in ring for held in ring.of(title)}

        assert {place: status for place, (_, status) in self.held.items()} == listed
        assert {place: key for place, (key, status) in self.held.items() if status != "EXPIRED"} == in_force
        assert all(held.series[-1] == self.resets[title] for title in ring for held in ring.of(title))


test_any_history_of_a_store_ends_as_its_acts_say = History.TestCase
History.TestCase.settings = settings(max_examples=20, stateful_step_count=15, deadline=None)


@pytest.mark.slow
def test_two_hundred_thousand_keys_are_imported_within_a_minute(tmp_path: Path) -> None:
    lines = (f"4C475A10{n:08X},{n + 1:032X},{n + 1 << 64:032X}\n" for n in range(200_000))
    (tmp_path / "keys.csv").write_text("system_title,encryption_key,authentication_key\n" + "".join(lines))
    environment = {"CIP_KEYS__SQLITE": str(tmp_path / "keys.db"), "CIP_KEK": "2026 " + "5A" * 32}
    began = time.monotonic()
    result = CliRunner().invoke(app, ["import", str(tmp_path / "keys.csv")], env=environment)

    assert "200000 keys imported, 0 were there already\n" == result.output
    assert time.monotonic() - began < 60
