"""A Faust worker with two lanes and an ordinary agent, to be tormented: ``python -m tests.faults.worker worker``.

Everything comes in environment variables: BOOTSTRAP, PREFIX, NAME, WORK (a folder: ``events.jsonl`` is appended to,
``dump-NAME.json`` is written when ``dump.flag`` appears), FAULT (probability to die or freeze before and
after each call of a transaction).
"""

from __future__ import annotations

import asyncio
import json
import os
import random
import signal
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import uvloop

from stream_app.lane import partition
from stream_app.lane.faust_adapter import LaneApp
from stream_app.lane.lane import Lane
from stream_app.lane.options import Options
from stream_app.lane.transactions import ExactlyOnce, Position
from tests.faults.toy import ToyStage

PREFIX, BOOTSTRAP = os.environ["PREFIX"], os.environ["BOOTSTRAP"]
NAME, WORK = os.environ["NAME"], Path(os.environ["WORK"])
FAULT = float(os.environ.get("FAULT", "0"))
EVENTS = os.open(WORK / "events.jsonl", os.O_WRONLY | os.O_APPEND | os.O_CREAT)  # Faust turns stdout into log lines


def tell(event: str, topic: str = "", number: int = -1, details: Mapping[str, object] | None = None) -> None:
    line = {"t": time.time(), "name": NAME, "event": event, "topic": topic, "partition": number, **(details or {})}
    os.write(EVENTS, (json.dumps(line) + "\n").encode())


def torment(where: str) -> None:
    """Die or freeze, here and now."""
    dice = random.random()
    if dice < FAULT:
        tell("died-inside", details={"where": where})
        os._exit(9)
    if dice < 2 * FAULT:
        tell("froze-inside", details={"where": where})
        os.kill(os.getpid(), signal.SIGSTOP)


class TormentedProducer:
    """A producer at whose every call the worker may die or freeze, before and after."""

    def __init__(self, producer: Any) -> None:
        self._producer = producer

    def __getattr__(self, name: str) -> Any:
        call = getattr(self._producer, name)
        if name not in ("begin_transaction", "send_batch", "send_offsets_to_transaction", "commit_transaction"):
            return call

        async def tormented(*args: Any, **kwargs: Any) -> Any:
            torment(f"before {name}")
            result = await call(*args, **kwargs)
            torment(f"after {name}")
            return result

        return tormented


class TormentedExactlyOnce(ExactlyOnce):
    async def write(self, outputs: Any, changes: Any, at: Position) -> None:
        if not isinstance(self._producer, TormentedProducer):
            self._producer = self._sender._producer = TormentedProducer(self._producer)
        await super().write(outputs, changes, at)


def make_app() -> LaneApp:
    if FAULT:
        setattr(partition, "ExactlyOnce", TormentedExactlyOnce)  # noqa: B010, mypy knows that it is imported there
    app = LaneApp(
        PREFIX,
        broker=f"kafka://{BOOTSTRAP}",
        datadir=str(WORK / f"data-{NAME}"),
        store="memory://",
        web_enabled=False,
        topic_partitions=4,
        key_serializer="raw",
        value_serializer="raw",
    )
    options = Options({"bootstrap_servers": BOOTSTRAP}, on_event=tell)
    stages = [ToyStage(PREFIX), ToyStage(f"{PREFIX}-second")]
    lanes = [Lane(stage, app.group, options) for stage in stages]
    for lane in lanes:
        app.add_lane(lane)
    low = app.topic(f"{PREFIX}-low", key_type=bytes, value_type=bytes, value_serializer="raw")
    heard = app.Table(f"{PREFIX}-heard", default=bytes, key_type=bytes, value_type=bytes, partitions=4)

    @app.agent(low)  # type: ignore[untyped-decorator]
    async def keep(stream: Any) -> None:
        async for event in stream.events():
            heard[event.key] = event.value

    @app.timer(0.5)  # type: ignore[untyped-decorator]
    async def report() -> None:
        tell("membership", details=app.group.membership()._asdict())
        dump = WORK / f"dump-{NAME}.json"
        if (WORK / "dump.flag").exists() and not dump.exists():
            temporary = dump.with_suffix(".tmp")
            temporary.write_text(json.dumps([memory(s, lane) for s, lane in zip(stages, lanes, strict=True)]))
            temporary.rename(dump)

    return app


def memory(stage: ToyStage, lane: Lane) -> dict[str, Any]:
    running = [facts.partition for facts in lane.facts() if facts.status == "running"]
    return {str(p): {key.decode(): seen for key, seen in stage.states[p].seen.items()} for p in running}


def main() -> None:
    asyncio.set_event_loop_policy(uvloop.EventLoopPolicy())
    make_app().main()


if __name__ == "__main__":
    main()
