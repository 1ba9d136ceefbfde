"""One real Apache Kafka broker on this machine: a Java process, a data folder, a port. Standard library only.

The jars come from Maven once (``pom.xml``) and stay in ``.cache/kafka-jars``. A single KRaft node is broker and
controller at once; it listens on the loopback interface only, and without authentication unless told otherwise.
"""

from __future__ import annotations

import base64
import shutil
import socket
import subprocess
import tempfile
import time
import uuid
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

HERE = Path(__file__).resolve().parent
CACHE = HERE.parents[1] / ".cache"
JARS = CACHE / "kafka-jars"

STARTED = "Kafka Server started"  # kafka.server.KafkaRaftServer says so when clients are served
START_SECONDS = 60

PROPERTIES = """\
process.roles=broker,controller
node.id=1
controller.quorum.bootstrap.servers=127.0.0.1:{controller}
listeners=PLAINTEXT://127.0.0.1:{port},{more}CONTROLLER://127.0.0.1:{controller}
controller.listener.names=CONTROLLER
log.dirs={data}/log
auto.create.topics.enable=false
broker.session.timeout.ms=2000
broker.heartbeat.interval.ms=500
group.initial.rebalance.delay.ms=0
offsets.topic.num.partitions=4
offsets.topic.replication.factor=1
transaction.state.log.num.partitions=4
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
share.coordinator.state.topic.replication.factor=1
share.coordinator.state.topic.min.isr=1
{properties}
"""


class KafkaUnavailableError(RuntimeError):
    """No Java, no Maven, or a broker that does not start."""


class Broker:
    """A broker that can be stopped, killed and started again; what it stored stays in ``data``.

    ``listeners``: ports of more listeners by security protocol, ``properties``: lines for ``server.properties``.
    """

    def __init__(
        self,
        data: Path,
        port: int | None = None,
        listeners: Mapping[str, int] = MappingProxyType({}),
        properties: str = "",
    ) -> None:
        self._data = data.resolve()
        self._port = port or free_port()
        self._controller = free_port()
        self._listeners = listeners
        self._properties = properties
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def bootstrap(self) -> str:
        """The address clients are given."""
        return f"127.0.0.1:{self._port}"

    @property
    def log(self) -> Path:
        """What the broker prints."""
        return self._data / "broker.log"

    def start(self) -> None:
        """Return when clients are served."""
        self._data.mkdir(parents=True, exist_ok=True)
        properties = self._data / "server.properties"
        properties.write_text(self._settings(), encoding="utf-8")
        with self.log.open("ab") as log:
            if not (self._data / "log" / "meta.properties").exists():
                cluster = base64.urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=")
                command = [
                    "kafka.tools.StorageTool",
                    "format",
                    "--standalone",
                    f"--cluster-id={cluster}",
                    "-c",
                    str(properties),
                ]
                subprocess.run(java(*command), check=True, stdout=log, stderr=log)
            before = log.tell()
            # A session of its own: Ctrl-C at the terminal reaches whoever started the broker, not the broker.
            self._process = subprocess.Popen(
                java("kafka.Kafka", str(properties)), stdout=log, stderr=subprocess.STDOUT, start_new_session=True
            )
        self._await_start(before)

    def wait(self) -> int:
        """Return the exit code when the broker ends."""
        return self._process.wait() if self._process else 0

    def stop(self) -> None:
        """Orderly shutdown."""
        if self._process:
            self._process.terminate()
            self._process.wait()
            self._process = None

    def kill(self) -> None:
        """Power failure."""
        if self._process:
            self._process.kill()
            self._process.wait()
            self._process = None

    def _settings(self) -> str:
        return PROPERTIES.format(
            port=self._port,
            more="".join(f"{name}://127.0.0.1:{port}," for name, port in self._listeners.items()),
            controller=self._controller,
            data=self._data,
            properties=self._properties,
        )

    def _await_start(self, before: int) -> None:
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline:
            with self.log.open("rb") as log:
                log.seek(before)
                printed = log.read().decode(errors="replace")
            if STARTED in printed:
                return
            if self._process and self._process.poll() is not None:
                break
            time.sleep(0.1)
        self.kill()
        raise KafkaUnavailableError(f"the broker did not start, see {self.log}")


def free_port() -> int:
    """A port nobody listens on just now."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


def java(*arguments: str) -> list[str]:
    """The command line that runs a class of the broker's jars."""
    executable = shutil.which("java")
    if executable is None:
        raise KafkaUnavailableError("java not found (17 or newer)")
    return [executable, "-Xms256m", "-Xmx768m", "-cp", f"{jars()}/*", *arguments]


def jars() -> Path:
    """The folder of the broker's jars, filled from Maven the first time."""
    if JARS.exists():
        return JARS
    maven = shutil.which("mvn")
    if maven is None:
        raise KafkaUnavailableError("mvn not found, and no jars in .cache/kafka-jars")
    CACHE.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(dir=CACHE) as folder:
        fresh = Path(folder) / "jars"
        goal = ["dependency:copy-dependencies", f"-DoutputDirectory={fresh}"]
        done = subprocess.run([maven, "-q", "-f", str(HERE / "pom.xml"), *goal], check=False)
        if done.returncode:
            raise KafkaUnavailableError("mvn could not fetch the broker's jars")
        if not JARS.exists():  # another process may have been as quick
            fresh.rename(JARS)
    return JARS
