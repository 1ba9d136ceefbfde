"""The captured bytes of the vectors, through real processes and a real Kafka, to the readings they must become."""

from __future__ import annotations

import os
import pty
import socket
import tty
from decimal import Decimal
from pathlib import Path

import pytest

from stream_app.dlms.clock import iso
from stream_app.reading_columns import COLUMNS
from stream_app.records import Reading
from tests.integration.line.stack import Stack, stack, wait_until
from tests.kafka_broker import KafkaBroker
from tests.vectors.loader import FOLDER, Outcome, Vector, load_vectors

pytestmark = pytest.mark.kafka

FAMILIES = ("E450", "E570", "AM550", "H1 customer interface")
CASES = [
    vector
    for vector in load_vectors()
    if vector.expected.result == "valid"
    and not vector.expected.link_only
    and len(vector.sequence) == 1
    and (vector.meter["model"] in FAMILIES or vector.id.startswith("ksmw-"))
]


def title_of(vector: Vector) -> str:
    """Its own, or for clear text one for the port."""
    return (vector.system_title or b"").hex().upper() or f"{CASES.index(vector):016X}"


def write_files(line: Stack, vectors: list[Vector]) -> None:
    """Registry and keys: one meter a vector, no metering point."""
    rows = [
        f"{title_of(v)},{v.push_list or ''},{v.scale_profile or ''},{v.timezone or 'UTC'},"
        + ("encrypted" if v.system_title else "clear")
        for v in vectors
    ]
    (line.registry / "meters.csv").write_text(
        "\n".join(["system_title,push_list,scale_profile,timezone,security", *dict.fromkeys(rows)]) + "\n"
    )
    (line.registry / "points.csv").write_text("metering_point,system_title,site,valid_from\n")
    (line.registry / "sites.csv").write_text("site,timezone\n")
    for name in ("push_lists.json", "scale_profiles.json"):
        (line.registry / name).write_text((FOLDER / name).read_text())
    keys = {
        f"{title_of(v)},{v.encryption_key.hex()},{(v.authentication_key or b'').hex()}"
        for v in vectors
        if v.encryption_key
    }
    line.keys.write_text("\n".join(["system_title,encryption_key,authentication_key", *sorted(keys)]) + "\n")


def quantities(reading: Reading) -> dict[str, Decimal]:
    """Value in base units by C.D.E, as the reading has it."""
    columns = reading._asdict()
    found = {
        q: Decimal(columns[c.field]).scaleb(c.exponent) for q, c in COLUMNS.items() if columns[c.field] is not None
    }
    others = {o.obis: Decimal(o.value).scaleb(o.scale) for o in reading.other if o.scale is not None}
    return found | others


def expected_quantities(outcome: Outcome) -> dict[str, Decimal]:
    found = {}
    for obis, register in outcome.registers.items():
        if register["value"] is not None:
            short = obis.partition(":")[2]
            found[short if short in COLUMNS else obis] = Decimal(register["value"])
    return found


def matches(vector: Vector, reading: Reading) -> None:
    assert expected_quantities(vector.expected) == quantities(reading)
    assert vector.frame_counter == reading.frame_counter
    assert vector.expected.device_id == reading.device_id
    if vector.expected.time_utc and vector.expected.clock_status != 0x81:
        assert vector.expected.time_utc[:19] == iso(reading.measured_at)[:19]


class Gateway:
    """A gateway that says ``data`` to whoever connects, in pieces, and then is silent."""

    def __init__(self, data: bytes) -> None:
        self._server = socket.create_server(("127.0.0.1", 0))
        self._data = data
        self.transport = f'kind = "tcp"\nhost = "127.0.0.1"\nport = {self._server.getsockname()[1]}'

    def speak(self) -> None:
        self._connection, _ = self._server.accept()
        for at in range(0, len(self._data), 37):
            self._connection.sendall(self._data[at : at + 37])


class SerialLine:
    """A pty, which has no parity bit, with a meter at its other end."""

    def __init__(self, data: bytes) -> None:
        self._meter, self._port = pty.openpty()
        tty.setraw(self._port)
        self._data = data
        self.transport = f'kind = "serial"\ndevice = "{os.ttyname(self._port)}"\nbaudrate = 9600\nparity = "N"'

    def speak(self) -> None:
        for at in range(0, len(self._data), 37):
            os.write(self._meter, self._data[at : at + 37])


def table(vector: Vector, transport: str) -> str:
    clear = "" if vector.system_title else f'title = "{title_of(vector)}"\naccept_clear = true\n'
    return f'[[port]]\nname = "{vector.id}"\n{transport}\n{clear}'


def readings_by_port(line: Stack) -> dict[str | None, Reading]:
    decoded = [line.codecs.readings.decode(record.value()) for record in line.read(line.topics.readings)]
    assert len(decoded) == len({reading.port for reading in decoded})
    return {reading.port: reading for reading in decoded}


@pytest.mark.parametrize("transport", [Gateway, SerialLine])
def test_every_vector_of_the_three_families_becomes_its_reading(
    kafka: KafkaBroker, tmp_path: Path, transport: type[Gateway] | type[SerialLine]
) -> None:
    meters = {vector.id: transport(vector.stream) for vector in CASES}
    with stack(tmp_path, kafka.bootstrap, settings="[energy]\nclock_tolerance_s = 2000000000\n") as line:
        write_files(line, CASES)
        line.prepare()
        line.start_worker()
        edge = line.start_edge("\n".join(table(vector, meters[vector.id].transport) for vector in CASES))
        wait_until(lambda: edge.metric("cip_edge_lines") == len(CASES), "every port open")
        for meter in meters.values():
            meter.speak()
        wait_until(lambda: len(readings_by_port(line)) >= len(CASES), "a reading of every vector")
        readings = readings_by_port(line)

    assert set(readings) == {vector.id for vector in CASES}
    for vector in CASES:
        matches(vector, readings[vector.id])
