"""The stage of a demo: broker, topics, meters, registry, worker, edge; each when the one before stands."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator
from pathlib import Path

from stream_app.topics import Topics
from tests.demo.processes import DemoError, Programs
from tests.simulator.registry_files import iso

START_MS = 1_774_692_000_000  # 2026-03-28T10:00:00Z: sun, and then the night that loses an hour
HEAD_START_S = 10  # until everything runs; the meters begin to speak then
PARTITIONS = 4
STARTING_S = 30
PULLED = (4, 50, 130)  # a meter of haus-1 is silent from the 50th to the 130th simulated minute


class Stage:
    """Files in ``folder``; ``kafka``: a real broker's host:port, else an embedded one is started."""

    def __init__(self, folder: Path, running: Programs, kafka: str | None, speed: float) -> None:
        self._folder = folder
        self._running = running
        self._kafka = kafka
        self.speed = speed
        self._started = int(time.time()) + HEAD_START_S
        # A real broker may hold earlier runs.
        self.topics = Topics(f"cip-demo-{self._started}" if kafka else "cip")
        self.bootstrap = kafka or ""
        self.oracle = folder / "oracle.json"

    def steps(self) -> Iterator[str]:
        """Build it, step by step; yields what comes next."""
        config = self._folder / "stream.toml"
        specs = self.topics.specs(PARTITIONS, PARTITIONS, retention_days=0)
        if not self._kafka:
            yield "broker"
            topics = [f"--topic={spec.name}={spec.partitions}" for spec in specs]
            self._running.start("broker", "tests.simulator.embedded_broker", *topics)
            self.bootstrap = self._first_line("broker")
        yield "meters"
        self._running.start("meters", "tests.simulator", *self._meters())
        self._first_line("meters")
        config.write_text(self._stream_toml())
        if self._kafka:
            yield "topics"
            self._running.run("topics", "stream_app", "topics", "apply", "--config", config)
        yield "registry"
        self._running.run("registry", "stream_app", "registry", "apply", self._folder / "registry", "--config", config)
        yield "worker and edge agent"
        self._running.start("worker", "stream_app", "worker", "--config", config)
        self._running.start("edge", "edge_agent", "--config", self._folder / "edge.toml")

    def end_meters(self) -> None:
        """Let the meters fall silent; ``oracle`` is there then."""
        self._running.stop("meters")

    def _first_line(self, name: str) -> str:
        until = time.monotonic() + STARTING_S
        while not (line := self._running.said(name)):
            if time.monotonic() > until:
                raise DemoError(f"{name} does not start")
            time.sleep(0.05)
        return line

    def _meters(self) -> list[str | Path]:
        return [
            *("--out", self._folder, "--start", iso(START_MS), "--started", str(self._started)),
            *("--speed", str(self.speed), "--health", "0"),
            *("--noise", "0.01", "--cut", "0.002", "--echo", "0.005", "--pull", *map(str, PULLED)),
            *("--bootstrap", self.bootstrap, "--prefix", self.topics.prefix),
        ]

    def _stream_toml(self) -> str:
        return f"""[kafka]
bootstrap = "{self.bootstrap}"
prefix = "{self.topics.prefix}"
[topics]
partitions = {PARTITIONS}
meter_quarter_partitions = {PARTITIONS}
retention_days = 0
[worker]
application = "{self.topics.prefix}"
processing_guarantee = "{"exactly_once" if self._kafka else "at_least_once"}"
web_port = {_free_port()}
[energy]
clock_tolerance_s = 3600
[keys]
file = "{self._folder / "keys.csv"}"
[simulated_clock]
origin = {iso(START_MS)}
started = {self._started}
speed = {self.speed}
"""


def _free_port() -> int:
    """Faust takes no 0."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port: int = server.getsockname()[1]
        return port
