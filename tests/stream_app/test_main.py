"""``cipstream`` as a process."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest


@pytest.mark.parametrize("unbuffered", ["", "1"])
@pytest.mark.parametrize("command", ["--help", "worker --print-config"])
def test_a_full_disk_behind_standard_output_is_one_line_and_exit_2(command: str, unbuffered: str) -> None:
    with Path("/dev/full").open("w") as full:
        ended = subprocess.run(
            [sys.executable, "-m", "stream_app", *command.split()],
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            env={"PYTHONUNBUFFERED": unbuffered},
        )

    assert (2, "[Errno 28] No space left on device\n") == (ended.returncode, ended.stderr)
