"""A fleet on TCP ports or pseudo-terminals: ``python -m tests.simulator --out DIR --speed 300``.

Into DIR go ``registry/``, ``keys.csv`` and ``edge.toml`` before the first telegram, and ``oracle.json`` after the last:
what a worker must have published. It speaks until SIGTERM, SIGINT or ``--for`` seconds.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import signal
import time
from datetime import datetime
from pathlib import Path

from tests.simulator.clock import SimulatedClock
from tests.simulator.faults import Faults, Silence, disturbed
from tests.simulator.fleet import Fleet, build
from tests.simulator.lines import KINDS
from tests.simulator.oracle import QUARTER_MS, Oracle
from tests.simulator.registers import MINUTE_MS
from tests.simulator.registry_files import write_edge, write_keys, write_registry
from tests.simulator.speaker import Speaker

FAR_MS = 366 * 86_400_000


def arguments() -> argparse.Namespace:
    """What can be chosen."""
    parser = argparse.ArgumentParser(prog="python -m tests.simulator", description=__doc__.split("\n")[0])
    parser.add_argument("--out", type=Path, required=True, help="folder for registry, keys.csv, edge.toml, oracle.json")
    parser.add_argument("--sites", type=int, default=3)
    parser.add_argument("--meters", type=int, default=12)
    parser.add_argument("--push", type=int, nargs="+", default=[60, 10, 60, 5], help="push intervals in s, in turn")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--start", type=datetime.fromisoformat, default="2026-03-28T12:00:00+00:00")
    parser.add_argument("--started", type=float, help="real epoch seconds when it is --start; default: now")
    parser.add_argument("--speed", type=float, default=300, help="1 to 900")
    parser.add_argument("--for", type=float, dest="seconds", help="real seconds; default: until stopped")
    parser.add_argument("--port-kind", choices=KINDS, default="tcp", help="what the edge's ports are")
    parser.add_argument("--noise", type=float, default=0.0, help="chance of noise before a telegram")
    parser.add_argument("--cut", type=float, default=0.0, help="chance of a telegram cut short")
    parser.add_argument("--echo", type=float, default=0.0, help="chance of a telegram that comes twice")
    parser.add_argument(
        "--pull",
        type=int,
        nargs=3,
        action="append",
        default=[],
        metavar=("METER", "FROM", "TO"),
        help="the cable of that meter is off between these simulated minutes",
    )
    parser.add_argument("--bootstrap", default="127.0.0.1:9092", help="broker, for edge.toml")
    parser.add_argument("--prefix", default="cip", help="of the topics, for edge.toml")
    parser.add_argument("--health", type=int, default=9464, help="port of the agent's page, for edge.toml")
    return parser.parse_args()


async def run(options: argparse.Namespace) -> None:
    """Write the files, speak, write the oracle's."""
    start_ms = int(options.start.timestamp() * 1000)
    clock = SimulatedClock(start_ms, options.started or time.time(), options.speed)
    fleet = build(start_ms, sites=options.sites, meters=options.meters, push_seconds=options.push, seed=options.seed)
    oracle = Oracle(fleet)
    async with contextlib.AsyncExitStack() as stack:
        opened = [await stack.enter_async_context(KINDS[options.port_kind]()) for _ in fleet.meters]
        lines = {meter.title: line for meter, line in zip(fleet.meters, opened, strict=True)}
        ports = [{"name": title, **line.settings} for title, line in lines.items()]
        options.out.mkdir(parents=True, exist_ok=True)
        write_registry(fleet, options.out / "registry")
        write_keys(fleet, options.out / "keys.csv")
        write_edge(options.out / "edge.toml", ports, clock, (options.bootstrap, options.prefix), options.health)
        print(f"{len(lines)} meters, files in {options.out}", flush=True)
        speaker = Speaker(clock, lines, oracle)
        silences = tuple(
            Silence(fleet.meters[meter].title, start_ms + begin * MINUTE_MS, start_ms + end * MINUTE_MS)
            for meter, begin, end in options.pull
        )
        faults = Faults(options.noise, options.cut, options.echo, silences, options.seed)
        said = disturbed(fleet.telegrams(max(start_ms, clock.shows(time.time())), start_ms + FAR_MS), faults)
        await until_stopped(asyncio.create_task(speaker.speak(said)), options.seconds)
    write_oracle(options.out / "oracle.json", oracle, fleet, clock.shows(time.time()))
    print(f"{speaker.sent} telegrams sent, {speaker.damaged} damaged, {speaker.unheard} unheard", flush=True)


async def until_stopped(speaking: asyncio.Task[None], seconds: float | None) -> None:
    """Return on a signal, after ``seconds``, or with the error that ended the speaking."""
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, speaking.cancel)
    with contextlib.suppress(asyncio.CancelledError, asyncio.TimeoutError):
        await asyncio.wait_for(speaking, seconds)


def write_oracle(file: Path, oracle: Oracle, fleet: Fleet, now_ms: int) -> None:
    """What must come out; ``settled_ms``: up to where every meter of a site has been heard."""
    settled_ms = {
        site.site: min((oracle.last_heard(p.meter.title) for p in fleet.points if p.site == site.site), default=0)
        for site in fleet.sites
    }
    until_ms = now_ms // QUARTER_MS * QUARTER_MS
    contents = {
        "settled_ms": settled_ms,
        "telegrams": oracle.count(),
        "quarters": [quarter._asdict() for quarter in oracle.quarters(until_ms)],
        "balances": [balance._asdict() for balance in oracle.balances(until_ms)],
    }
    file.write_text(json.dumps(contents))


if __name__ == "__main__":
    asyncio.run(run(arguments()))
