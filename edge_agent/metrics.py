"""What the agent counts, by port at most: never a label per meter."""

from __future__ import annotations

import time

from prometheus_client import CollectorRegistry, Counter, Gauge, PlatformCollector, ProcessCollector


class Metrics:
    """The ``cip_edge_…`` family with a registry of its own."""

    def __init__(self) -> None:
        self.registry = registry = CollectorRegistry()
        ProcessCollector(registry=registry)
        PlatformCollector(registry=registry)

        def counter(name: str, text: str, *labels: str) -> Counter:
            return Counter(f"cip_edge_{name}", text, labels, registry=registry)

        def gauge(name: str, text: str, *labels: str) -> Gauge:
            return Gauge(f"cip_edge_{name}", text, labels, registry=registry)

        self.received = counter("received_bytes", "Bytes read from a port", "port")
        self.noise = counter("noise_bytes", "Bytes that belong to no telegram", "port")
        self.telegrams = counter("telegrams", "Whole telegrams, spooled for Kafka", "port")
        self.refused = counter("refused", "Telegrams kept for a look instead of forwarded", "port", "kind")
        self.lines = gauge("lines", "Open connections or devices of a port", "port")
        self.reconnects = counter("reconnects", "Times a port was lost or could not be opened", "port")
        self.last_telegram = gauge("last_telegram_timestamp_seconds", "Received-at of the newest telegram", "port")

        self.spool_frames = gauge("spool_frames", "Telegrams waiting for Kafka")
        self.spool_bytes = gauge("spool_bytes", "Bytes of the spool in use")
        self.spool_age = gauge("spool_age_seconds", "Age of the oldest telegram waiting")
        self.spool_damaged = gauge("spool_damaged", "Damaged spools that lie aside, to be recovered or removed")
        self.spool_dropped = counter("spool_dropped", "Telegrams dropped unacknowledged because the spool was full")
        self.spool_errors = counter("spool_errors", "Failed attempts to write or read the spool")

        self.acknowledged = counter("uplink_acknowledged", "Telegrams Kafka has acknowledged")
        self.uplink_up = gauge("uplink_up", "1 while Kafka takes what is sent")
        self.uplink_failures = counter("uplink_failures", "Times the connection to Kafka had to be made anew")

        started = gauge("start_time_seconds", "When this agent started")
        started.set(time.time())
