from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
import tempfile
from contextlib import closing
from pathlib import Path

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from edge_agent.spool import Kept, Record, Spool, SpoolLockedError, is_damage, read_kept

MEGABYTE = 1_000_000


def record(number: int, size: int = 300) -> Record:
    return Record("attic", "4C475A1030A1B2C3", 1000 + number, "mbus", True, number.to_bytes(4) + bytes(size))


class SpoolMachine(RuleBasedStateMachine):
    """Whatever is appended comes out once, in order, from the first that is not acknowledged."""

    def __init__(self) -> None:
        super().__init__()
        self._folder = tempfile.TemporaryDirectory()
        self._path = Path(self._folder.name) / "spool.db"
        self._spool = Spool(self._path, 100 * MEGABYTE)
        self._appended = 0
        self._acknowledged = 0

    @rule(count=st.integers(0, 40))
    def append(self, count: int) -> None:
        self._spool.append([record(self._appended + n + 1) for n in range(count)])
        self._appended += count

    @precondition(lambda self: self._acknowledged < self._appended)
    @rule(limit=st.integers(1, 50), cut=st.integers(1, 50))
    def send_and_acknowledge_a_prefix(self, limit: int, cut: int) -> None:
        acknowledged = self._spool.first(limit)[:cut]
        self._spool.acknowledge(acknowledged[-1][0])
        self._acknowledged = acknowledged[-1][0]

    @rule()
    def reopen(self) -> None:
        self._spool.close()
        self._spool = Spool(self._path, 100 * MEGABYTE)

    @invariant()
    def it_holds_what_is_not_acknowledged_in_order(self) -> None:
        waiting = [(n, record(n)) for n in range(self._acknowledged + 1, self._appended + 1)]
        usage = self._spool.usage()

        assert waiting == self._spool.first(10_000)
        assert (len(waiting), waiting[0][1].received_at if waiting else None) == (usage.frames, usage.oldest)

    def teardown(self) -> None:
        self._spool.close()
        self._folder.cleanup()


TestSpool = SpoolMachine.TestCase
TestSpool.settings = settings(max_examples=25, stateful_step_count=15, deadline=None)


def test_a_full_spool_drops_the_oldest_and_stays_within_its_bound(tmp_path: Path) -> None:
    with closing(Spool(tmp_path / "spool.db", MEGABYTE)) as spool:
        dropped = sum(spool.append([record(n * 100 + k + 1) for k in range(100)])[0] for n in range(60))
        usage = spool.usage()
        kept = [seq for seq, _ in spool.first(10_000)]

    assert list(range(dropped + 1, 6001)) == kept
    assert usage.used_bytes <= MEGABYTE
    assert sum(path.stat().st_size for path in tmp_path.iterdir()) < 2 * MEGABYTE + 4_300_000  # the log beside it
    assert dropped < 4000  # of 1 MB each telegram of 300 bytes deserves its place


def test_a_spool_that_blocks_drops_nothing(tmp_path: Path) -> None:
    with closing(Spool(tmp_path / "spool.db", MEGABYTE, drop_oldest=False)) as spool:
        dropped, _ = spool.append([record(n) for n in range(6000)])

    assert 0 == dropped


def test_numbers_are_never_used_again(tmp_path: Path) -> None:
    with closing(Spool(tmp_path / "spool.db", MEGABYTE)) as spool:
        spool.append([record(1), record(2)])
        spool.acknowledge(2)
    with closing(Spool(tmp_path / "spool.db", MEGABYTE)) as spool:
        spool.append([record(3)])

        assert [(3, record(3))] == spool.first(10)


def test_a_second_process_is_turned_away_with_a_reason(tmp_path: Path) -> None:
    with (
        closing(Spool(tmp_path / "spool.db", MEGABYTE)),
        pytest.raises(SpoolLockedError, match=r"another agent.*spool\.db"),
    ):
        Spool(tmp_path / "spool.db", MEGABYTE)


def test_what_was_refused_is_kept_bounded_and_can_be_read_beside_a_running_agent(tmp_path: Path) -> None:
    refused = [Kept("attic", n, "link", "header check sequence", bytes(1000)) for n in range(200)]
    with closing(Spool(tmp_path / "spool.db", MEGABYTE)) as spool:
        for one in refused:
            spool.append([], [one])
        seen = list(read_kept(tmp_path / "spool.db"))

    assert refused[-len(seen) :] == seen
    assert 50 <= len(seen) <= 63  # a sixteenth of the spool


@pytest.mark.parametrize(
    "content", [pytest.param(bytes(100_000), id="erased"), pytest.param(b"SQLite? no" * 9000, id="another-file")]
)
def test_what_is_no_spool_is_set_aside_as_it_is_and_collecting_goes_on(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "spool.db"
    with closing(Spool(path, MEGABYTE)) as spool:
        spool.append([record(n) for n in range(300)])
    path.write_bytes(content)
    with closing(Spool(path, MEGABYTE)) as spool:
        spool.append([record(1)])
        [(seq, found)] = spool.first(10)
        there = spool.damaged
    [aside] = tmp_path.glob("spool.db.damaged-*")

    assert (record(1), content, 1) == (found, aside.read_bytes(), there)
    assert seq > 300  # an acknowledgement that is still on its way must not hit what came after
    with closing(Spool(path, MEGABYTE)) as spool:
        assert ([(seq, record(1))], 1) == (spool.first(10), spool.damaged)


def test_a_spool_that_cannot_be_opened_is_not_taken_for_a_damaged_one(tmp_path: Path) -> None:
    (tmp_path / "spool.db").mkdir()
    with pytest.raises(sqlite3.OperationalError, match="unable to open"):
        Spool(tmp_path / "spool.db", MEGABYTE)

    assert [] == list(tmp_path.glob("spool.db.damaged-*"))


def test_a_locked_a_full_and_a_read_only_disk_are_no_damage(tmp_path: Path) -> None:
    path = tmp_path / "spool.db"
    found = []
    for trouble in ("locked", "full", "readonly"):
        with closing(sqlite3.connect(path, timeout=0)) as db, closing(sqlite3.connect(path)) as other:
            db.execute("CREATE TABLE IF NOT EXISTS one (a BLOB)")
            if trouble == "locked":
                other.execute("BEGIN EXCLUSIVE")
            db.execute("PRAGMA max_page_count = 2" if trouble == "full" else f"PRAGMA query_only = {trouble[0] == 'r'}")
            with pytest.raises(sqlite3.OperationalError, match=trouble) as error:
                db.execute("INSERT INTO one VALUES (zeroblob(20000))")
            found.append(is_damage(error.value))

    assert [False, False, False] == found


def test_what_append_has_returned_survives_kill_9(tmp_path: Path) -> None:
    writer = f"""
from pathlib import Path
from edge_agent.spool import Spool, Record
spool = Spool(Path({str(tmp_path / "spool.db")!r}), {MEGABYTE}, drop_oldest=False)
for n in range(1, 100000):
    spool.append([Record("attic", "4C475A1030A1B2C3", n, "mbus", True, bytes(100))])
    print(n, flush=True)
"""
    with subprocess.Popen([sys.executable, "-c", writer], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        for _ in range(50):
            process.stdout.readline()
        os.kill(process.pid, signal.SIGKILL)
        returned = 50 + len(process.stdout.read().splitlines())
    with closing(Spool(tmp_path / "spool.db", MEGABYTE)) as spool:
        found = [seq for seq, _ in spool.first(100_000)]

    assert found == list(range(1, len(found) + 1))
    assert len(found) in (returned, returned + 1)
