"""A thousand meters get new keys under load, and the worker is killed in the middle: every telegram is one reading."""

from __future__ import annotations

import signal
from collections import Counter, defaultdict
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

import pytest
from confluent_kafka import Producer

from tests.bench.load import PUSH_SECONDS, START, Amounts, Meter, make_meters
from tests.bench.stages import HEADERS
from tests.integration.line.outcome import readings, rejects
from tests.integration.line.stack import Running, Stack, stack, wait_until
from tests.kafka_broker import KafkaBroker

pytestmark = pytest.mark.kafka

METERS = 1000
TURNS = 32
CHANGE = range(12, 20)  # the turns in which meters take up their next keys, an eighth of them in each
KILL = 16
LATE = 3  # every third meter's last telegram under its old key comes
LAG = 4  # turns late, when the new key has opened several others

Telegram = tuple[str, int, int]  # title, frame counter, key version


class Frame(NamedTuple):
    """What is sent: ``at`` in epoch milliseconds."""

    telegram: Telegram
    captured: bytes
    at: int


class Fleet:
    """Meters with two sets of keys. Their counters start afresh under the second."""

    def __init__(self, bootstrap: str, topic: str) -> None:
        self.meters = {version: make_meters(METERS, version) for version in (1, 2)}
        self.sent: list[Telegram] = []
        self._topic = topic
        self._producer = Producer({"bootstrap.servers": bootstrap, "partitioner": "murmur2_random"})
        self._waiting: defaultdict[int, list[Frame]] = defaultdict(list)

    def speak(self, turns: Iterable[int]) -> None:
        """One telegram of each meter and turn, some of them late, as fast as they can be said."""
        for turn in turns:
            for number in range(METERS):
                old_and_last = turn + 1 == CHANGE[number % len(CHANGE)]
                late = LAG if old_and_last and number % LATE == 0 else 0
                self._waiting[turn + late].append(self._frame(number, turn))
            for telegram, captured, at in self._waiting.pop(turn):
                self._producer.produce(self._topic, captured, telegram[0], timestamp=at, headers=list(HEADERS))
                self.sent.append(telegram)
            self._producer.flush()

    def _frame(self, number: int, turn: int) -> Frame:
        change = CHANGE[number % len(CHANGE)]
        version, counter = (1, turn + 1) if turn < change else (2, turn - change + 1)
        meter, at = self.meters[version][number], START + turn * PUSH_SECONDS
        captured = meter.encoder.telegram(at, counter, Amounts({"1.8.0": 1_000_000 + turn}))
        return Frame((meter.title, counter, version), captured, at * 1000)


def deploy(line: Stack, meters: list[Meter]) -> None:
    """Topics, a registry of these meters, and a sealed key store."""
    kek = line.folder / "kek"
    kek.write_text("2026 " + "5A" * 32)
    line.key_store = f'sqlite = "{line.folder / "keys.db"}"\nkek_file = "{kek}"'
    rows = [f"{meter.title},lg-e450,authenticated" for meter in meters]
    (line.registry / "meters.csv").write_text("\n".join(["system_title,scale_profile,security", *rows]) + "\n")
    (line.registry / "points.csv").write_text("metering_point,system_title,site,valid_from\n")
    (line.registry / "sites.csv").write_text("site,timezone\n")
    line.prepare()


def import_keys(line: Stack, meters: list[Meter], version: int) -> None:
    """By the operator's command."""
    rows = [f"{m.title},{m.encryption_key.hex()},{m.authentication_key.hex()},{version}" for m in meters]
    heading = "system_title,encryption_key,authentication_key,key_version"
    line.keys.write_text("\n".join([heading, *rows]) + "\n")
    line.command("keys", "import", str(line.keys), "--config", str(line.stream_toml("commands")))


def statuses(line: Stack) -> Counter[tuple[str, ...]]:
    """How many keys are listed by version and status."""
    listed = line.command("keys", "list", "--config", str(line.stream_toml("commands"))).splitlines()[1:]
    return Counter(tuple(row.split()[1:3]) for row in listed)


def accepted(worker: Running) -> float:
    return worker.metrics("cip_telegrams_total").get('{result="accepted"}', 0.0)


def test_a_thousand_meters_change_their_keys_and_no_telegram_is_lost_or_accepted_twice(
    kafka: KafkaBroker, tmp_path: Path
) -> None:
    with stack(tmp_path, kafka.bootstrap) as line:
        fleet = Fleet(line.bootstrap, line.topics.frames)
        deploy(line, fleet.meters[1])
        import_keys(line, fleet.meters[1], 1)
        worker = line.start_worker()
        wait_until(worker.ready, "a worker")
        fleet.speak(range(CHANGE.start // 2))
        import_keys(line, fleet.meters[2], 2)
        wait_until(lambda: worker.events("keys taken into force"), "the new keys in force")
        fleet.speak(range(CHANGE.start // 2, KILL))
        wait_until(lambda: accepted(worker) == len(fleet.sent), "half the meters under their new keys")
        fleet.speak([KILL])
        wait_until(lambda: accepted(worker) > len(fleet.sent) - METERS, "telegrams accepted and perhaps not committed")
        worker.end(signal.SIGKILL)
        line.start_worker()
        fleet.speak(range(KILL + 1, TURNS))
        wait_until(lambda: len(line.read(line.topics.readings)) >= len(fleet.sent), "a reading of every telegram")
        wait_until(lambda: statuses(line)["2", "NEW"] == 0, "every promotion in the store")
        read = [(r.system_title, r.frame_counter, r.key_version) for r in readings(line)]

        assert METERS * TURNS == len(fleet.sent)
        assert sorted(fleet.sent) == sorted(read)
        assert {} == rejects(line)
        assert {("1", "ACTIVE"): METERS, ("2", "ACTIVE"): METERS} == statuses(line)
