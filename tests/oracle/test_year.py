from __future__ import annotations

import subprocess
import sys

import pytest

from tests.oracle.year import NEW_YEAR, run

DAY = 86_400_000


@pytest.mark.parametrize(
    ("seed", "month", "days"),
    [
        pytest.param(3, 0, 30, id="January: wraps, reset by service"),
        pytest.param(6, 59, 31, id="March: wraps, installed and removed"),
        pytest.param(17, 273, 31, id="October: reset by service"),
    ],
)
def test_a_month_of_accidents_ends_as_the_oracle_says(seed: int, month: int, days: int) -> None:
    report = run(seed, NEW_YEAR + month * DAY, days)

    assert [] == report.wrong
    assert report.qualities["MEASURED"] > 0.9 * 2 * 96 * days
    assert report.qualities["ESTIMATED"] > 0


def test_the_oracle_shares_no_code_with_what_it_judges() -> None:
    code = (
        "import sys, tests.oracle.quarter_hours, tests.oracle.devices; print([m for m in sys.modules if 'stream' in m])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert "stream_app" not in done.stdout
