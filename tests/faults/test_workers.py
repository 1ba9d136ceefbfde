"""Real workers, real processes, a real Kafka: what happens to them, and what must not come of it."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.faults.chaos import Chaos
from tests.faults.fleet import Fleet, wait_for
from tests.faults.lag import lag
from tests.faults.toy import topics
from tests.faults.verdict import judge
from tests.integration.lane.harness import feed
from tests.kafka_broker import KafkaBroker, unique

pytestmark = pytest.mark.kafka

ALL = {(lane, number) for lane in ("", "-second") for number in range(4)}


class Workers(Fleet):
    """A fleet with its topics, and questions about who runs what."""

    def __init__(self, kafka: KafkaBroker, work: Path) -> None:
        self.prefix = unique("workers")
        self._bootstrap = kafka.bootstrap
        super().__init__(kafka.bootstrap, self.prefix, work)
        kafka.make_topics(topics(self.prefix) | topics(f"{self.prefix}-second"))
        kafka.make_topics({f"{self.prefix}-{self.prefix}-heard-changelog": 4})
        self._fed = 0

    def feed(self, count: int) -> None:
        feed(self._bootstrap, f"{self.prefix}-in", keys=500, count=count, start=self._fed)
        self._fed += count

    def running(self, name: str) -> set[tuple[str, int]]:
        """(lane, partition) that a worker runs, by what it told."""
        runs: set[tuple[str, int]] = set()
        for event in self.events(name=name):
            where = (event["topic"].removeprefix(self.prefix).removesuffix("-in"), event["partition"])
            if event["event"] == "restored":
                runs.add(where)
            elif event["event"] in ("lost", "released"):
                runs.discard(where)
        return runs

    def caught_up(self) -> bool:
        return lag(self._bootstrap, self.prefix, f"{self.prefix}-in") == 0


@pytest.fixture
def workers(kafka: KafkaBroker, tmp_path: Path) -> Iterator[Workers]:
    fleet = Workers(kafka, tmp_path)
    yield fleet
    fleet.kill_all()


def test_a_killed_workers_partitions_are_taken_over_and_a_zombie_writes_nothing(
    kafka: KafkaBroker, workers: Workers
) -> None:
    workers.spawn("a")
    wait_for(lambda: workers.running("a") == ALL)
    workers.feed(5_000)
    wait_for(workers.caught_up)

    workers.spawn("b")
    wait_for(lambda: workers.running("b"))
    kept = workers.running("a")
    assert kept, "the other partitions stay, and restore nothing"
    assert {1} == {_restored(workers, "a", where) for where in kept}

    workers.feed(5_000)
    killed = time.time()
    workers.kill("b")
    wait_for(lambda: workers.running("a") == ALL)
    took = time.time() - killed
    print(f"fail-over after kill -9: {took:.1f} s")
    assert took < 20
    wait_for(workers.caught_up)

    workers.spawn("b")
    wait_for(lambda: workers.running("b"))
    workers.feed(20_000)
    workers.freeze("b")
    frozen = time.time()
    wait_for(lambda: workers.running("a") == ALL)
    workers.feed(5_000)
    wait_for(workers.caught_up)
    workers.thaw("b")
    wait_for(lambda: len([e for e in workers.events("restored", "b") if e["t"] > frozen]) > 0)
    wait_for(lambda: workers.running("a") | workers.running("b") == ALL)
    assert not workers.events("lost", "a"), "a zombie robs nobody"

    workers.feed(5_000)
    wait_for(workers.caught_up)
    memories = [dump[0] for dump in workers.dumps("a", "b")]
    assert all(e["heartbeat_age_s"] < 8 for e in workers.events("membership", "a") if e["heartbeat_age_s"] is not None)
    assert [0, 0] == [workers.end("a"), workers.end("b")]
    assert {} == judge(kafka.bootstrap, workers.prefix, memories)


def _restored(workers: Workers, name: str, where: tuple[str, int]) -> int:
    lane, number = where
    topic = f"{workers.prefix}{lane}-in"
    return sum((e["topic"], e["partition"]) == (topic, number) for e in workers.events("restored", name))


def test_a_short_chaos_ends_with_every_record_processed_exactly_once(own_kafka: KafkaBroker, tmp_path: Path) -> None:
    """Deaths and freezes inside transactions, kill -9, SIGSTOP, SIGTERM; a broker killed under load. The long version
    is ``make chaos``.
    """
    chaos = Chaos(own_kafka, tmp_path, seconds=25, workers=2, seed=3, outage=4)

    assert {} == chaos.run()
    print(dict(chaos.tally), dict(chaos.fed))
    assert chaos.fed.total() > 80_000
