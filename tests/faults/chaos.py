"""Torment workers on a real Kafka, then check that every record went through exactly once: ``make chaos SECONDS=120``.

Workers are killed with SIGKILL, frozen past their session and thawed, asked to end, and die or freeze before and after
the calls of a transaction. The broker is killed for a while as well. Two lanes run in every worker.
"""

from __future__ import annotations

import argparse
import random
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

from confluent_kafka import Producer

from tests.faults.fleet import Fleet, wait_for
from tests.faults.lag import lag
from tests.faults.toy import topics
from tests.faults.verdict import judge
from tests.kafka_broker import KafkaBroker

PREFIX = "chaos"
LANES = (PREFIX, f"{PREFIX}-second")
FROZEN_S = (9.0, 14.0)  # the session is 8 s


class Chaos:
    """One run over ``seconds`` with ``workers`` workers, reproducible by its seed as far as the machine is."""

    def __init__(
        self, kafka: KafkaBroker, work: Path, *, seconds: float, workers: int, seed: int, outage: float
    ) -> None:
        self.tally: Counter[str] = Counter()
        self.fed: Counter[str] = Counter()
        self._kafka = kafka
        self._fleet = Fleet(kafka.bootstrap, PREFIX, work, fault=0.0005)
        self._seconds = seconds
        self._names = [f"w{number}" for number in range(workers)]
        self._random = random.Random(seed)
        self._outage = outage
        self._over = threading.Event()

    def run(self) -> dict[str, object]:
        """The verdicts of both lanes, empty when all is well."""
        for prefix in LANES:
            self._kafka.make_topics(topics(prefix))
        self._kafka.make_topics({f"{PREFIX}-{PREFIX}-heard-changelog": 4})
        threads = [threading.Thread(target=self._torment, args=(name,)) for name in self._names]
        threads += [threading.Thread(target=self._feed, args=(prefix,)) for prefix in LANES]
        threads += [threading.Thread(target=self._break_broker)] if self._outage else []
        for thread in threads:
            thread.start()
        self._over.wait(self._seconds)
        self._over.set()
        for thread in threads:
            thread.join()
        try:
            return self._settle_and_judge()
        finally:
            self._fleet.kill_all()

    def _settle_and_judge(self) -> dict[str, object]:
        """Without further faults all workers get well, catch up and divide the partitions among themselves."""
        self._fleet.fault = 0
        for name in self._names:
            if self._fleet.processes[name].poll() is None:
                self._end(name)
        spawned = time.time()
        for name in self._names:
            self._fleet.spawn(name)
        wait_for(lambda: self._restored_since(spawned) >= 4 * len(LANES), 60)
        wait_for(lambda: not self._behind(), 60)
        time.sleep(3)  # a last rebalance, if the workers did not all join at once
        dumps = self._fleet.dumps(*self._names)
        codes = [self._fleet.end(name) for name in self._names]
        wrong: dict[str, object] = {"exit codes": codes} if any(codes) else {}
        for number, prefix in enumerate(LANES):
            for name, measure in judge(self._kafka.bootstrap, prefix, [dump[number] for dump in dumps]).items():
                wrong[f"{prefix}: {name}"] = measure
        for event in self._fleet.events():
            if event["event"] in ("died-inside", "froze-inside", "lost", "restored"):
                self.tally[event["event"]] += 1
        return wrong

    def _restored_since(self, moment: float) -> int:
        return len({(e["topic"], e["partition"]) for e in self._fleet.events("restored", since=moment)})

    def _behind(self) -> bool:
        return any(lag(self._kafka.bootstrap, PREFIX, f"{prefix}-in") for prefix in LANES)

    def _torment(self, name: str) -> None:
        """Keep one worker running, and do something to it every few seconds."""
        deeds: list[Callable[[str], None]] = [self._kill, self._freeze, self._end]
        self._random.shuffle(deeds)
        self._fleet.spawn(name)
        due = time.monotonic() + self._random.uniform(8, 12)
        while not self._over.wait(0.2):
            process = self._fleet.processes[name]
            if (code := process.poll()) is not None:
                self.tally[f"exit {code}"] += 1
                self._fleet.spawn(name)
            elif self._fleet.frozen(name):
                self._over.wait(self._random.uniform(*FROZEN_S))
                self._fleet.thaw(name)
            elif time.monotonic() > due:
                deeds.append(deeds.pop(0))
                deeds[-1](name)
                due = time.monotonic() + self._random.uniform(5, 15)
        self._fleet.thaw(name)

    def _kill(self, name: str) -> None:
        self.tally["kill -9"] += 1
        self._fleet.kill(name)

    def _freeze(self, name: str) -> None:
        self.tally["SIGSTOP"] += 1
        self._fleet.freeze(name)

    def _end(self, name: str) -> None:
        self.tally["SIGTERM"] += 1
        try:
            self._fleet.end(name)
        except subprocess.TimeoutExpired:
            self.tally["SIGTERM hung"] += 1
            self._fleet.kill(name)

    def _break_broker(self) -> None:
        if not self._over.wait(self._seconds / 3):
            self.tally["broker killed"] += 1
            self._kafka.kill()
            time.sleep(self._outage)
            self._kafka.start()

    def _feed(self, prefix: str) -> None:
        """2 000 records a second over 3 000 keys, the value rising per key."""
        producer = Producer(
            {
                "bootstrap.servers": self._kafka.bootstrap,
                "partitioner": "murmur2_random",
                "enable.idempotence": True,
                "linger.ms": 20,
            }
        )
        started, dice = time.monotonic(), random.Random(prefix)
        while not self._over.is_set():
            while self.fed[prefix] < (time.monotonic() - started) * 2_000:
                self.fed[prefix] += 1
                value = self.fed[prefix].to_bytes(8, "big") + bytes(200)
                producer.produce(f"{prefix}-in", key=b"K%05d" % dice.randrange(3_000), value=value)
            producer.poll(0.01)
        assert producer.flush(60) == 0


def main() -> int:
    """One long run, its tally, its verdict."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--seconds", type=float, default=120)
    parser.add_argument("--workers", type=int, default=3)
    parser.add_argument("--seed", type=int, default=time.time_ns() % 10_000)
    parser.add_argument("--outage", type=float, default=20, help="seconds the broker is away; 0 for never")
    given = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="chaos-"))
    print(f"logs and events in {folder}", flush=True)
    kafka = KafkaBroker(folder / "kafka")
    kafka.start()
    try:
        chaos = Chaos(kafka, folder, **vars(given))
        wrong = chaos.run()
    finally:
        kafka.stop()
    print(f"seed {given.seed}: {dict(chaos.tally)}, fed {dict(chaos.fed)}")
    print("exactly once" if not wrong else f"WRONG: {wrong}")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
