"""Workers as processes, and what can be done to them."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

HOUSE = Path(__file__).resolve().parents[2]

Event = dict[str, Any]


class Fleet:
    """Workers of one application by name, and the events they all write to one file."""

    def __init__(self, bootstrap: str, prefix: str, work: Path, fault: float = 0.0) -> None:
        self.fault = fault
        self.processes: dict[str, subprocess.Popen[bytes]] = {}
        self._environment = {**os.environ, "BOOTSTRAP": bootstrap, "PREFIX": prefix, "WORK": str(work)}
        self._work = work

    def spawn(self, name: str) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-m", "tests.faults.worker", "worker", "-l", "info", "--without-web"]
        environment = {**self._environment, "NAME": name, "FAULT": str(self.fault)}
        with (self._work / f"{name}.log").open("ab") as log:
            process = subprocess.Popen(command, env=environment, stdout=log, stderr=subprocess.STDOUT, cwd=HOUSE)
        self.processes[name] = process
        return process

    def kill(self, name: str) -> None:
        self.processes[name].kill()
        self.processes[name].wait()

    def freeze(self, name: str) -> None:
        self.processes[name].send_signal(signal.SIGSTOP)

    def thaw(self, name: str) -> None:
        self.processes[name].send_signal(signal.SIGCONT)

    def end(self, name: str, seconds: float = 30) -> int:
        """SIGTERM; the exit code."""
        self.processes[name].terminate()
        return self.processes[name].wait(seconds)

    def frozen(self, name: str) -> bool:
        stat = Path(f"/proc/{self.processes[name].pid}/stat")
        return stat.exists() and stat.read_text().rsplit(")", 1)[1].split()[0] == "T"

    def kill_all(self) -> None:
        for name in self.processes:
            self.kill(name)

    def events(self, event: str = "", name: str = "", since: float = 0.0) -> list[Event]:
        """What was told, oldest first."""
        path = self._work / "events.jsonl"
        lines = path.read_text().splitlines() if path.exists() else []
        told: list[Event] = [json.loads(line) for line in lines]
        return [e for e in told if event in ("", e["event"]) and name in ("", e["name"]) and e["t"] >= since]

    def dumps(self, *names: str) -> list[list[dict[str, dict[str, list[int]]]]]:
        """The memory of workers: per lane, per running partition, per key."""
        (self._work / "dump.flag").touch()
        paths = [self._work / f"dump-{name}.json" for name in names]
        wait_for(lambda: all(path.exists() for path in paths))
        return [json.loads(path.read_text()) for path in paths]


def wait_for(condition: Callable[[], object], seconds: float = 40) -> None:
    """Wait for what other processes do."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            raise TimeoutError(f"waited {seconds} s in vain")
        time.sleep(0.1)
