"""The whole line on a bare machine: ``make demo``.

Twelve simulated meters in three sites speak on TCP ports. An edge agent cuts what it hears into telegrams; a broker
takes them; a worker decrypts them and publishes quarter-hours and balances; we look on as any consumer could.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import signal
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from rich.console import Console
from rich.live import Live

from tests.demo import verdict, view
from tests.demo.processes import DemoError, Programs, programs
from tests.demo.stage import Stage
from tests.demo.verdict import Verdict
from tests.demo.watch import Watch

DRAIN_S = 30  # how long the last telegrams may take from the meters to the balance
FIRST_READING_S = 60
REFRESH_S = 0.5
PLAIN_S = 5.0
Show = Callable[[], None]


async def play(stage: Stage, running: Programs, seconds: float | None, console: Console) -> Verdict:
    """From the empty stage to the verdict. ``seconds`` count from the first telegram; None: until stopped."""
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    for step in stage.steps():
        console.print(f"starting {step}", highlight=False)
        await asyncio.sleep(0)
        if stop.is_set():
            raise DemoError("stopped before it began")
    watch = Watch(stage.bootstrap, stage.topics)
    await watch.start()
    try:
        with shown(watch, stage.speed, console) as show:
            await look_on(watch, running, stop, seconds, show)
            stage.end_meters()
            return await drained(watch, stage, show)
    finally:
        await watch.stop()


async def look_on(watch: Watch, running: Programs, stop: asyncio.Event, seconds: float | None, show: Show) -> None:
    """Show what comes until stopped, or until the time is over."""
    given_up = time.monotonic() + FIRST_READING_S
    while not stop.is_set():
        await watch.take(REFRESH_S)
        running.check()
        show()
        if watch.first_reading is None:
            if time.monotonic() > given_up:
                raise DemoError(f"no reading within {FIRST_READING_S} s")
        elif seconds and time.monotonic() > watch.first_reading + seconds:
            return


async def drained(watch: Watch, stage: Stage, show: Show) -> Verdict:
    """The verdict once everything has come through, or time is up."""
    until = time.monotonic() + DRAIN_S
    while True:
        arrived = await watch.take(REFRESH_S)
        show()
        judged = verdict.judge(stage.oracle, watch)
        if (judged.right and not arrived) or time.monotonic() > until:
            return judged


@contextlib.contextmanager
def shown(watch: Watch, speed: float, console: Console) -> Iterator[Show]:
    """How to show: a live screen on a terminal, a line every few seconds elsewhere."""
    if console.is_terminal:
        with Live(console=console, auto_refresh=False, screen=True) as live:
            yield lambda: live.update(view.screen(watch, speed), refresh=True)
        return
    last = time.monotonic()

    def print_line() -> None:
        nonlocal last
        if time.monotonic() - last > PLAIN_S:
            last = time.monotonic()
            console.print(view.line(watch), highlight=False)

    yield print_line


def arguments() -> argparse.Namespace:
    """What can be chosen."""
    parser = argparse.ArgumentParser(prog="python -m tests.demo", description=__doc__.split("\n")[0])
    parser.add_argument("--for", type=float, dest="seconds", help="end after so many seconds; default: with Ctrl-C")
    parser.add_argument("--kafka", help="host:port of a real broker; default: an embedded one")
    parser.add_argument("--speed", type=float, default=300, help="simulated seconds per second, 1 to 900")
    return parser.parse_args()


def main() -> int:
    """Exit 1 when something deviates, 2 when something does not run."""
    options = arguments()
    console = Console(soft_wrap=True)
    with tempfile.TemporaryDirectory(prefix="cipstream-demo-") as name, programs(Path(name)) as running:
        stage = Stage(Path(name), running, options.kafka, options.speed)
        try:
            judged = asyncio.run(play(stage, running, options.seconds, console))
        except DemoError as error:
            console.print(str(error), markup=False, highlight=False)
            return 2
    for line in verdict.lines(judged):
        console.print(line, markup=False, highlight=False)
    return 0 if judged.right else 1


if __name__ == "__main__":
    sys.exit(main())
