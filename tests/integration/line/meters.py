"""A simulated fleet on TCP gateways, and what was said to whom to the octet.

A gateway speaks to whoever connected last; what a connection carried but the edge never read is lost, as on a cable.
The edge tells, when a line closes, how many octets it has read of it. Every telegram that ended within these was heard,
and has to become a reading, whatever happens to edge, broker and workers from then on.
"""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterable
from contextlib import suppress
from typing import NamedTuple

from tests.integration.line.stack import Running
from tests.simulator.clock import SimulatedClock
from tests.simulator.faults import Wire
from tests.simulator.fleet import Fleet
from tests.simulator.meter import Meter
from tests.simulator.oracle import Oracle


class Said(NamedTuple):
    """A whole telegram, and the octets its connection had carried at its end."""

    title: str
    measured_at: int
    counter: int
    connection: int
    end: int


class Gateway:
    """One meter's TCP port."""

    def __init__(self) -> None:
        self._server = socket.create_server(("127.0.0.1", 0))
        self._server.setblocking(False)
        self._connections: list[socket.socket] = []
        self._octets = 0
        self._one_at_a_time = threading.Lock()
        self.transport = f'kind = "tcp"\nhost = "127.0.0.1"\nport = {self._server.getsockname()[1]}'

    def say(self, data: bytes) -> tuple[int, int] | None:
        """Number of the connection and the octets it has carried; None if nobody is there."""
        with self._one_at_a_time:
            with suppress(BlockingIOError):
                while True:
                    self._connections.append(self._server.accept()[0])
                    self._octets = 0
            if not self._connections:
                return None
            with suppress(OSError):  # the other side has left, which the octets it has read will show
                self._connections[-1].sendall(data)
            self._octets += len(data)
            return len(self._connections) - 1, self._octets

    def close(self) -> None:
        """Hang up."""
        for connection in (*self._connections, self._server):
            connection.close()


class Meters:
    """A fleet that speaks in a thread of its own, each telegram when the clock shows its time."""

    def __init__(self, fleet: Fleet) -> None:
        self.gateways = {meter.title: Gateway() for meter in fleet.meters}
        self._fleet = fleet
        self._said: list[Said] = []
        self._quiet = threading.Event()
        self._thread = threading.Thread()

    @property
    def ports(self) -> str:
        """The ``[[port]]`` tables of an edge that hears all."""
        return "\n".join(f'[[port]]\nname = "{title}"\n{g.transport}' for title, g in self.gateways.items())

    def speak(self, wires: Iterable[Wire], clock: SimulatedClock) -> None:
        """Begin."""
        self._thread = threading.Thread(target=self._speak, args=(wires, clock))
        self._thread.start()

    def finish(self) -> None:
        """Return when all is said."""
        self._thread.join()

    def silence(self) -> None:
        """Say no more."""
        self._quiet.set()
        self._thread.join()

    def repeat(self) -> list[Said]:
        """Have every meter say once more the first telegram it said."""
        first = {said.title: said for said in reversed(self._said.copy())}
        meters = {meter.title: meter for meter in self._fleet.meters}
        for title, said in first.items():
            meter, at = meters[title], said.measured_at // 1000
            self.gateways[title].say(meter.telegram(at, number_of(meter, at)))
        return list(first.values())

    def heard(self, edge: Running) -> list[Said]:
        """What an edge that has ended, and was the only one, has read in whole."""
        read: dict[str, list[int]] = {title: [] for title in self.gateways}
        for line in edge.events("line closed"):
            read[line["port"]].append(line["octets"])
        return [said for said in self._said if said.end <= read[said.title][said.connection]]

    def close(self) -> None:
        """Fall silent and hang up."""
        self.silence()
        for gateway in self.gateways.values():
            gateway.close()

    def _speak(self, wires: Iterable[Wire], clock: SimulatedClock) -> None:
        meters = {meter.title: meter for meter in self._fleet.meters}
        for telegram, data, intact in wires:
            if self._quiet.wait(max(0.0, clock.real(telegram.time_ms) - time.time())):
                return
            where, meter = self.gateways[telegram.title].say(data), meters[telegram.title]
            if where and intact:
                counter = meter.secrets.first_counter + number_of(meter, telegram.measured_at // 1000)
                self._said.append(Said(telegram.title, telegram.measured_at, counter & 0xFFFFFFFF, *where))


def number_of(meter: Meter, second: int) -> int:
    """Which push it is that leaves a meter at that second."""
    return (second - meter.rhythm.phase_s) // meter.rhythm.push_s


def oracle_of(fleet: Fleet, heard: Iterable[Said]) -> Oracle:
    """An oracle that was told what was heard."""
    oracle = Oracle(fleet)
    for said in heard:
        oracle.hear(said.title, said.measured_at)
    return oracle
