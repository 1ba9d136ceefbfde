"""``make bench``: µs of CPU per 28-object telegram, the worker on a real Kafka beside its peers in the same run.

Every contestant runs three times and its best run counts, for the machine is never ours alone.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from functools import partial
from itertools import islice
from pathlib import Path

from confluent_kafka import Producer
from rich.console import Console
from rich.table import Table

from tests.bench.core import CORE
from tests.bench.load import PARTITIONS, PUSH_SECONDS, START, ZONE, Meter, Telegram, make_meters, make_telegrams
from tests.bench.stages import HEADERS, time_stages
from tests.integration.line.stack import Running, Stack, stack, wait_until
from tests.kafka_broker import KafkaBroker

RUNS = 3
WARM = 20  # telegrams of every meter: layouts met, loops warm, nothing of the start-up counted
ROUNDS = 180  # telegrams of every meter in a run: a quarter-hour, which crosses one boundary as in life
STOCK = 20_000  # telegrams are enough for the stock agent
LOOK_S = 0.5  # a look at the metrics costs the worker 2 ms


def main() -> None:
    """Run every contestant and print the table."""
    parser = argparse.ArgumentParser(prog="make bench", description=__doc__)
    parser.add_argument("--meters", type=int, default=2000)
    options = parser.parse_args()
    meters = make_meters(options.meters)
    console = Console()
    with console.status("each step alone …"):
        alone = time_stages(meters[:1000], list(make_telegrams(meters[:1000], 20)))
    with tempfile.TemporaryDirectory() as folder, console.status("a real Kafka …"):
        broker = KafkaBroker(Path(folder) / "kafka")
        broker.start()
        try:
            figures = dict(_contest(Path(folder), broker, meters))
        finally:
            broker.stop()
    _print(console, figures, alone, options.meters)


def _contest(folder: Path, broker: KafkaBroker, meters: list[Meter]) -> Iterator[tuple[str, list[float]]]:
    with stack(folder, broker.bootstrap, partitions=PARTITIONS) as line:
        _write_files(line, meters)
        line.prepare()
        count = ROUNDS * len(meters)
        yield "cipstream worker, exactly once, both stages", list(_worker(line, meters))
        yield "aiokafka pass-through, no work at all", [_pass_through(line, broker, n, count) for n in range(RUNS)]
        yield "stock Faust agent, table, no quarters", [_stock(line, broker, n, STOCK) for n in range(RUNS)]


def _write_files(line: Stack, meters: list[Meter]) -> None:
    first = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(START - 3600))
    tables = {
        "meters.csv": ["system_title,scale_profile,push_seconds"]
        + [f"{m.title},lg-e450,{PUSH_SECONDS}" for m in meters],
        "points.csv": ["metering_point,system_title,site,valid_from"]
        + [f"CH{n:08d},{m.title},S{n // 10},{first}" for n, m in enumerate(meters)],
        "sites.csv": ["site,timezone"] + [f"S{n},{ZONE}" for n in range(len(meters) // 10 + 1)],
    }
    for name, rows in tables.items():
        (line.registry / name).write_text("\n".join(rows) + "\n")
    keys = [f"{m.title},{m.encryption_key.hex()},{m.authentication_key.hex()}" for m in meters]
    line.keys.write_text("\n".join(["system_title,encryption_key,authentication_key", *keys]) + "\n")


def _produce(line: Stack, telegrams: list[Telegram]) -> None:
    producer = Producer({"bootstrap.servers": line.bootstrap, "partitioner": "murmur2_random", "linger.ms": 50})
    for telegram in telegrams:
        while True:
            try:
                producer.produce(
                    line.topics.frames, telegram.captured, telegram.title, timestamp=telegram.at, headers=list(HEADERS)
                )
                break
            except BufferError:
                producer.poll(0.1)
    producer.flush()


def _worker(line: Stack, meters: list[Meter]) -> Iterator[float]:
    """CPU of the process, all threads, commits included, for one quarter-hour after another.

    Every meter's first telegram promotes its key, once in its life: the worker is warm when it has heard of it too.
    """
    telegrams = make_telegrams(meters, WARM + RUNS * ROUNDS)
    done = WARM * len(meters)
    _produce(line, list(islice(telegrams, done)))
    worker = line.start_worker()
    wait_until(worker.ready, "the worker has restored")
    wait_until(lambda: _sample(worker, done, events=len(meters)), "the worker is warm", 120)
    while run := list(islice(telegrams, ROUNDS * len(meters))):
        began: float = wait_until(lambda: _sample(worker, 0), "the worker tells")
        _produce(line, run)
        done += len(run)
        ended: float = wait_until(partial(_sample, worker, done), "the worker is done", 300)
        yield (ended - began) / len(run) * 1e6
    worker.end()


def _sample(worker: Running, telegrams: int, events: int = 0) -> float | None:
    """The CPU seconds it has used, once it has done and heard so much."""
    time.sleep(LOOK_S)
    done = worker.metric("cip_telegrams_total") >= telegrams and worker.metric("cip_events_total") >= events
    return worker.metric("process_cpu_seconds_total") if done else None


def _pass_through(line: Stack, broker: KafkaBroker, run: int, count: int) -> float:
    target = f"{line.prefix}.pass-through-{run}"
    broker.make_topics({target: PARTITIONS})
    result = line.folder / "pass-through.json"
    _python("tests.bench.pass_through", line.bootstrap, line.topics.frames, target, str(count), str(result))
    return float(json.loads(result.read_text()))


def _stock(line: Stack, broker: KafkaBroker, run: int, count: int) -> float:
    target, result = f"{line.prefix}.stock-{run}", line.folder / "stock.json"
    group = f"{line.topics.frames}-stock-{run}"
    broker.make_topics({target: PARTITIONS, f"{group}-counters-changelog": PARTITIONS})
    environment = {
        "BOOTSTRAP": line.bootstrap,
        "SOURCE": line.topics.frames,
        "TARGET": target,
        "COUNT": str(count),
        "KEYS": str(line.keys),
        "RESULT": str(result),
        "DATA": str(line.folder / f"stock-{run}"),
        "GROUP": group,
    }
    _python("tests.bench.stock_agent", "worker", "-l", "error", **environment)
    return float(json.loads(result.read_text()))


def _python(module: str, *arguments: str, **environment: str) -> None:
    command = [sys.executable, "-m", module, *arguments]
    subprocess.run(command, env={**os.environ, **environment}, check=True, timeout=300, stdout=subprocess.DEVNULL)


def _print(console: Console, figures: dict[str, list[float]], alone: dict[str, float], meters: int) -> None:
    own = min(next(iter(figures.values())))
    title = f"{CORE}, per telegram: {meters} meters, 28 objects, tag verified"
    table = Table("on a real Kafka", "µs CPU", "ratio", "every run", title=title)
    for name, runs in figures.items():
        every = ", ".join(f"{run:.1f}" for run in runs)
        table.add_row(name, f"{min(runs):.1f}", f"{min(runs) / own:.2f}", every)
    console.print(table)
    steps = Table("stage one, step by step, in one process", "µs CPU per telegram")
    for name, value in alone.items():
        steps.add_row(name, f"{value:.1f}")
    console.print(steps)


if __name__ == "__main__":
    main()
