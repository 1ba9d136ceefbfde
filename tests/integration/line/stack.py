"""The whole line as its users run it: real processes, their files in one folder, a real Kafka."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from confluent_kafka import Consumer, TopicPartition

from stream_app.avro import load_codecs
from stream_app.topics import Topics
from tests.kafka_broker import unique
from tests.simulator.clock import SimulatedClock
from tests.simulator.fleet import Fleet
from tests.simulator.registry_files import iso, write_keys, write_registry

SOON_S = 60.0


def wait_until(condition: Callable[[], Any], what: str, seconds: float = SOON_S) -> Any:
    """The first true answer of a condition that lies outside this process."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if answer := condition():
            return answer
        time.sleep(0.05)
    raise AssertionError(f"not within {seconds:.0f} s: {what}")


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Running:
    """A process of the line, its web port and its log."""

    def __init__(self, module: str, arguments: list[str], web_port: int, log: Path) -> None:
        self.log = log
        self._web_port = web_port
        environment = {name: value for name, value in os.environ.items() if not name.startswith("CIP_")}
        with log.open("ab") as out:
            self._process = subprocess.Popen(
                [sys.executable, "-m", module, *arguments], stdout=out, stderr=out, env=environment
            )
        self.pid = self._process.pid

    def page(self, path: str) -> tuple[int, str]:
        """Status and text of a page; (0, "") while nobody answers."""
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self._web_port}{path}", timeout=2) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode()
        except OSError:
            return 0, ""

    def ready(self) -> bool:
        """Its own word."""
        if self._process.poll() is not None:
            raise AssertionError(f"ended with {self._process.returncode}:\n{self.log.read_text()[-3000:]}")
        return self.page("/ready")[0] == 200

    def metric(self, name: str) -> float:
        """The sum of a metric over its labels."""
        return sum(self.metrics(name).values())

    def metrics(self, name: str) -> dict[str, float]:
        """A metric by its labels, as they are written."""
        lines = [line for line in self.page("/metrics")[1].splitlines() if line.startswith((name + "{", name + " "))]
        return {labels.removeprefix(name): float(value) for labels, _, value in (x.rpartition(" ") for x in lines)}

    def events(self, name: str) -> list[dict[str, Any]]:
        """The lines of its log that tell of this event."""
        whole = [line for line in self.log.read_text().splitlines() if line.startswith("{") and line.endswith("}")]
        lines = map(json.loads, whole)
        return [line for line in lines if name in line["event"]]

    def send(self, number: signal.Signals) -> None:
        """Signal it."""
        self._process.send_signal(number)

    def end(self, number: signal.Signals = signal.SIGTERM) -> int:
        """Signal it and wait; its exit code."""
        if self._process.poll() is None:
            self._process.send_signal(number)
            if number is not signal.SIGKILL:
                self._process.send_signal(signal.SIGCONT)
        try:
            return self._process.wait(30)
        except subprocess.TimeoutExpired:
            self._process.kill()
            raise AssertionError(f"does not end:\n{self.log.read_text()[-3000:]}") from None


class Stack:
    """One deployment: topics under a prefix of its own, registry, keys, edges and workers.

    ``client`` reads topics for the tests; ``logins``, by the name of a process, is how that one gets into Kafka.
    """

    def __init__(self, folder: Path, bootstrap: str, *, partitions: int = 4, settings: str = "") -> None:
        self.folder = folder
        self.bootstrap = bootstrap
        self.client = {"bootstrap.servers": bootstrap}
        self.logins: dict[str, str] = {}
        self.partitions = partitions
        self.prefix = unique("line")
        self.topics = Topics(self.prefix)
        self.codecs = load_codecs()
        self.registry = folder / "registry"
        self.registry.mkdir(exist_ok=True)
        self.keys = folder / "keys.csv"
        self.key_store = f'file = "{self.keys}"'
        self.clock: SimulatedClock | None = None
        self._settings = settings
        self._running: list[Running] = []

    def introduce(self, fleet: Fleet) -> None:
        """Registry and keys of a simulated fleet."""
        write_registry(fleet, self.registry)
        write_keys(fleet, self.keys)

    def prepare(self) -> None:
        """Topics and registry, by the commands of the README."""
        self.command("topics", "apply", "--config", str(self.stream_toml("commands")))
        self.command("registry", "apply", str(self.registry), "--config", str(self.stream_toml("commands")))

    def command(self, *arguments: str, expect: int = 0) -> str:
        """Run ``cipstream``; its output."""
        done = subprocess.run(
            [sys.executable, "-m", "stream_app", *arguments], capture_output=True, text=True, timeout=90
        )
        assert expect == done.returncode, done.stdout + done.stderr
        return done.stdout

    def stream_toml(self, name: str, web_port: int = 6066) -> Path:
        """The settings of a worker."""
        file = self.folder / f"{name}.toml"
        file.write_text(
            f"{self._kafka_table(name)}"
            f"[topics]\npartitions = {self.partitions}\nmeter_quarter_partitions = {self.partitions}\n"
            f'retention_days = 0\n[worker]\napplication = "{self.prefix}"\nweb_port = {web_port}\n'
            f"[keys]\n{self.key_store}\n{self._settings}\n{self._clock_table()}"
        )
        return file

    def start_worker(self, name: str = "worker") -> Running:
        """A worker, not yet ready."""
        web_port = free_port()
        config = self.stream_toml(name, web_port)
        return self._start("stream_app", ["worker", "--config", str(config)], web_port, name)

    def start_edge(self, ports: str, name: str = "edge", web_port: int | None = None) -> Running:
        """An edge agent with these ``[[port]]`` tables; started again under its name it goes on with its spool."""
        web_port = web_port or free_port()
        file = self.folder / f"{name}.toml"
        file.write_text(
            f'[edge]\nid = "{name}"\nspool = "{self.folder / name}.db"\n{self._clock_table()}'
            f"{self._kafka_table(name)}[health]\nport = {web_port}\n{ports}"
        )
        return self._start("edge_agent", ["--config", str(file)], web_port, name)

    def read(self, topic: str) -> list[Any]:
        """Every committed record of a topic, as of now, in order of partition and offset."""
        consumer = Consumer(
            {
                "group.id": "reader",
                **self.client,
                "isolation.level": "read_committed",
                "enable.partition.eof": True,
                "enable.auto.commit": False,
            }
        )
        count = len(consumer.list_topics(topic, timeout=15).topics[topic].partitions)
        consumer.assign([TopicPartition(topic, number, 0) for number in range(count)])
        records, ended = [], 0
        while ended < count:
            for message in consumer.consume(10_000, timeout=1.0):
                if message.error():
                    ended += 1
                else:
                    records.append(message)
        consumer.close()
        return sorted(records, key=lambda record: (record.partition(), record.offset()))

    def newest(self, topic: str, codec: Any) -> Mapping[str, Any]:
        """A compacted topic as its consumers see it: the last value of every key, decoded."""
        return {record.key().decode(): codec.decode(record.value()) for record in self.read(topic)}

    def end(self) -> None:
        """Kill whatever still runs."""
        for running in self._running:
            running.end(signal.SIGKILL)

    def _kafka_table(self, name: str) -> str:
        login = self.logins.get(name, f'bootstrap = "{self.bootstrap}"')
        return f'[kafka]\n{login}\nprefix = "{self.prefix}"\n'

    def _clock_table(self) -> str:
        if self.clock is None:
            return ""
        origin, started, speed = self.clock
        return f"[simulated_clock]\norigin = {iso(origin)}\nstarted = {started}\nspeed = {speed}\n"

    def _start(self, module: str, arguments: list[str], web_port: int, name: str) -> Running:
        running = Running(module, arguments, web_port, self.folder / f"{name}.log")
        self._running.append(running)
        return running


@contextmanager
def stack(folder: Path, bootstrap: str, **settings: Any) -> Iterator[Stack]:
    """A deployment that leaves no process behind."""
    line = Stack(folder, bootstrap, **settings)
    try:
        yield line
    finally:
        line.end()


def headers_of(record: Any) -> dict[str, str]:
    """A record's headers as text."""
    return {name: value.decode() for name, value in record.headers() or []}
