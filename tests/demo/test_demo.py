"""The demo's judgement, and the demo as a person runs it."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from stream_app.records import Balance, QuarterHour
from tests.demo.processes import HOUSE, DemoError, Programs, programs
from tests.demo.verdict import QUARTER_MS, judge, lines

QUARTER = {"metering_point": "AT1", "site": "s", "quantity": "1.8.0", "start": 0, "amount": 7, "quality": "MEASURED"}
BALANCE: dict[str, Any] = {
    "site": "s",
    "start": 0,
    **{"import_wh": 7, "export_wh": None, "net_wh": 7, "matched_wh": 0, "grid_import_wh": 7, "grid_export_wh": 0},
    **{"points": 1, "points_missing": 0, "quality": "MEASURED"},
}


class Seen:
    """What a watch has taken in: as expected, unless told otherwise."""

    def __init__(self, readings: int = 3, quarter: dict[str, Any] | None = QUARTER) -> None:
        self.readings = readings
        self.first_reading = self.first_balance = 1.0
        rest = dict.fromkeys(QuarterHour._fields, 0)
        self.quarters = {("AT1", "1.8.0", 0): QuarterHour(**(rest | quarter))} if quarter else {}
        self.balances = {("s", 0): Balance(**BALANCE, end=QUARTER_MS, revision=1)}


@pytest.mark.parametrize(
    ("seen", "right", "said"),
    [
        pytest.param(Seen(), True, "1 exact, 0 deviating, 0 missing", id="as-expected"),
        pytest.param(Seen(readings=4), False, "readings 4", id="a-reading-too-many"),
        pytest.param(Seen(quarter=QUARTER | {"amount": 8}), False, "0 exact, 1 deviating", id="a-watt-hour-too-many"),
        pytest.param(Seen(quarter=QUARTER | {"quality": "ESTIMATED"}), False, "1 deviating", id="another-quality"),
        pytest.param(Seen(quarter=None), False, "0 deviating, 1 missing", id="not-there"),
    ],
)
def test_whatever_differs_is_found(seen: Any, right: bool, said: str, tmp_path: Path) -> None:
    oracle = tmp_path / "oracle.json"
    oracle.write_text(
        json.dumps({"telegrams": 3, "settled_ms": {"s": QUARTER_MS}, "quarters": [QUARTER], "balances": [BALANCE]})
    )
    judged = judge(oracle, seen)

    assert right == judged.right
    assert any(said in line for line in lines(judged))


@pytest.fixture
def running(tmp_path: Path) -> Iterator[Programs]:
    with programs(tmp_path) as running:
        yield running


def test_a_program_that_ends_by_itself_is_noticed_with_its_last_words(running: Programs) -> None:
    with pytest.raises(DemoError, match="unrecognized arguments: --nonsense"):
        running.run("broker", "tests.simulator.embedded_broker", "--nonsense")


def demo(*arguments: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "tests.demo", *arguments]
    return subprocess.Popen(command, cwd=HOUSE, stdout=subprocess.PIPE, text=True)


def children(of: int) -> set[int]:
    return set(map(int, Path(f"/proc/{of}/task/{of}/children").read_text().split()))


@pytest.mark.slow
def test_the_demo_ends_by_itself_and_agrees_with_the_oracle() -> None:
    with demo("--for", "15") as process:
        out, _ = process.communicate(timeout=120)

    assert 0 == process.returncode, out
    assert "0 deviating, 0 missing" in out


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="counts processes in /proc")
def test_an_interrupted_demo_leaves_nobody_behind() -> None:
    with demo() as process:
        assert process.stdout is not None
        while "balances" not in process.stdout.readline():
            pass
        started = children(process.pid)
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=120)

    assert 4 == len(started)
    assert not [pid for pid in started if Path(f"/proc/{pid}").exists()]
    assert 0 == process.returncode
