"""What a worker tells the outside: ``/live``, ``/ready`` and ``/metrics`` on its web port.

Live: its event loop turns and the consumer group has no error that stays. Ready: a living member of the group whose
partitions are all restored, with keys that could be read last time. A zombie, whose group went on without it, has an
old heartbeat and is not ready. Nothing here is labelled by meter.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any, Final

from prometheus_client import CollectorRegistry, PlatformCollector, ProcessCollector, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric

from stream_app.lane.faust_adapter import LaneApp
from stream_app.lane.lane import Lane
from stream_app.topology import Stages

LOOP_STALLED_S: Final = 30.0

PER_PARTITION: Final = (
    (CounterMetricFamily, "records", "Records processed since the start", "records"),
    (CounterMetricFamily, "commits", "Transactions committed since the start", "commits"),
    (CounterMetricFamily, "losses", "Times the partition was lost to an error or a new owner", "losses"),
    (CounterMetricFamily, "deleted", "Records that the retention removed before they were read", "deleted"),
    (GaugeMetricFamily, "restored", "Changelog entries read when the partition was acquired", "restored"),
    (GaugeMetricFamily, "lag", "Offsets between the next record and the end of the topic", "lag"),
    (GaugeMetricFamily, "commit_age_seconds", "Since the last commit", "commit_age_s"),
)


class Pages:
    """The pages, the counters behind them, and the collector Prometheus asks."""

    def __init__(self, app: LaneApp, lanes: Sequence[Lane], stages: Stages) -> None:
        self.events: Counter[tuple[str, str]] = Counter()  # (type, severity)
        self.keys_failed: str | None = None
        self._app = app
        self._lanes = lanes
        self._stages = stages
        self._registry = CollectorRegistry()
        ProcessCollector(registry=self._registry)
        PlatformCollector(registry=self._registry)
        self._registry.register(self)

    def serve(self) -> None:
        """Mount the pages on the app's web server."""
        for path, handler in (("/live", self.live), ("/ready", self.ready)):
            self._app.page(path)(_json_page(handler))

        async def metrics(web: Any, request: Any) -> Any:
            return web.text(generate_latest(self._registry).decode())

        self._app.page("/metrics")(metrics)

    def live(self) -> list[str]:
        """What speaks against letting this process live."""
        stalled = max((lane.seconds_since_beat() for lane in self._lanes), default=0.0)
        problems = [f"the event loop has not turned for {stalled:.0f} s"] if stalled > LOOP_STALLED_S else []
        error = self._app.group.membership().error
        return [*problems, f"consumer group: {error}"] if error else problems

    def ready(self) -> list[str]:
        """What is missing before this worker does its share."""
        group = self._app.group.membership()
        problems = self.live()
        if not group.assigned:
            problems.append("no partitions assigned yet")
        if group.heartbeat_age_s is not None and group.heartbeat_age_s > self._app.conf.broker_session_timeout:
            problems.append(f"no heartbeat accepted for {group.heartbeat_age_s:.0f} s: the group goes on without us")
        facts = [fact for lane in self._lanes for fact in lane.facts()]
        problems += [f"{f.topic}/{f.partition} {f.status}" for f in facts if f.status != "running"]
        return [*problems, f"keys: {self.keys_failed}"] if self.keys_failed else problems

    def collect(self) -> Iterator[Metric]:
        """The metrics, as of now."""
        telegrams = CounterMetricFamily("cip_telegrams", "Telegrams by result", labels=["result"])
        for result, count in self._stages.ingest.tally.items():
            telegrams.add_metric([result], count)
        events = CounterMetricFamily("cip_events", "Events seen, of all workers", labels=["type", "severity"])
        for labels, count in self.events.items():
            events.add_metric(labels, count)
        yield from (telegrams, events)
        yield GaugeMetricFamily(
            "cip_meters_with_keys", "Titles in the key ring", len(self._stages.ingest.knowledge.ring)
        )
        yield GaugeMetricFamily("cip_ready", "1 when this worker does its share", not self.ready())
        facts = [fact for lane in self._lanes for fact in lane.facts()]
        for family, name, meaning, attribute in PER_PARTITION:
            metric = family(f"cip_lane_{name}", meaning, labels=["topic", "partition"])
            for fact in facts:
                if (value := getattr(fact, attribute)) is not None:
                    metric.add_metric([fact.topic, str(fact.partition)], value)
            yield metric


def _json_page(problems: Any) -> Any:
    async def page(web: Any, request: Any) -> Any:
        found = problems()
        return web.json({"ok": not found, "problems": found}, status=503 if found else 200)

    return page
