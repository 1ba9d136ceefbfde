"""The programs of the demo, each a process of its own, ended in the order given and never left behind."""

from __future__ import annotations

import contextlib
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

HOUSE = Path(__file__).resolve().parents[2]
PATIENCE_S = 15


class DemoError(Exception):
    """Something does not run; the message says where to read why."""


class Programs:
    """Starts ``python -m`` programs. Their output goes to ``folder``/NAME.log.

    Each has a session of its own, so that Ctrl-C reaches only the demo, which then ends them one after the other.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._running: dict[str, subprocess.Popen[bytes]] = {}

    def run(self, name: str, *arguments: str | Path) -> None:
        """Run one to its end."""
        self.start(name, *arguments)
        if self._running.pop(name).wait():
            raise self._failed(name)

    def start(self, name: str, *arguments: str | Path) -> None:
        """Start one."""
        command = [sys.executable, "-m", *map(str, arguments)]
        with self._log(name).open("wb") as log:
            self._running[name] = subprocess.Popen(
                command, cwd=HOUSE, stdin=subprocess.PIPE, stdout=log, stderr=subprocess.STDOUT, start_new_session=True
            )

    def said(self, name: str) -> str:
        """The first line of its output, empty while there is none. Raises ``DemoError`` if it has ended."""
        self.check()
        return self._log(name).read_text().partition("\n")[0]

    def check(self) -> None:
        """Raise ``DemoError`` if one has ended by itself."""
        for name, process in self._running.items():
            if process.poll() is not None:
                raise self._failed(name)

    def stop(self, name: str) -> None:
        """End one: it is asked by SIGTERM and the end of its input, and killed if that takes too long."""
        process = self._running.pop(name, None)
        if process is None:
            return
        process.terminate()
        try:
            process.communicate(timeout=PATIENCE_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()

    def stop_all(self) -> None:
        """End all that still run, the last started first."""
        for name in reversed(list(self._running)):
            self.stop(name)

    def _log(self, name: str) -> Path:
        return self._folder / f"{name}.log"

    def _failed(self, name: str) -> DemoError:
        tail = "\n".join(self._log(name).read_text(errors="replace").splitlines()[-15:])
        return DemoError(f"{name} has ended:\n{tail}")


@contextlib.contextmanager
def programs(folder: Path) -> Iterator[Programs]:
    """All of them end with the ``with`` block."""
    running = Programs(folder)
    try:
        yield running
    finally:
        running.stop_all()
