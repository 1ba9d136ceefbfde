"""What has come out so far: a plain consumer of the worker's topics, decoded as any consumer would."""

from __future__ import annotations

import time
from collections import Counter, deque

from aiokafka import AIOKafkaConsumer, ConsumerRecord

from stream_app.avro import load_codecs
from stream_app.records import Balance, QuarterHour
from stream_app.topics import Topics

RATE_WINDOW_S = 5.0
QuarterKey = tuple[str, str, int]  # metering point, quantity, start
BalanceKey = tuple[str, int]  # site, start


class Watch:
    """The newest revision of everything, and counts."""

    def __init__(self, bootstrap: str, topics: Topics) -> None:
        self._codecs = load_codecs()
        self._topics = topics
        self._takes = {
            topics.readings: self._reading,
            topics.rejects: self._reject,
            topics.quarter_hours: self._quarter,
            topics.balances: self._balance,
        }
        self._consumer = AIOKafkaConsumer(
            *self._takes,
            bootstrap_servers=bootstrap,
            isolation_level="read_committed",
            auto_offset_reset="earliest",
        )
        self.readings = 0
        self.rejects: Counter[str] = Counter()
        self.quarters: dict[QuarterKey, QuarterHour] = {}
        self.balances: dict[BalanceKey, Balance] = {}
        self.newest_ms = 0
        self.first_reading: float | None = None
        self.first_balance: float | None = None
        self._seen: deque[tuple[float, int]] = deque([(time.monotonic(), 0)])

    async def start(self) -> None:
        """Begin at the beginning of all topics, without a group."""
        await self._consumer.start()

    async def stop(self) -> None:
        """Close the connection."""
        await self._consumer.stop()

    async def take(self, seconds: float) -> int:
        """Take in what has arrived, waiting at most so long; how many records."""
        batches = await self._consumer.getmany(timeout_ms=int(seconds * 1000))
        records = [record for batch in batches.values() for record in batch]
        for record in records:
            self._takes[record.topic](record)
        self._seen.append((time.monotonic(), self.readings))
        while self._seen[-1][0] - self._seen[0][0] > RATE_WINDOW_S:
            self._seen.popleft()
        return len(records)

    @property
    def rate(self) -> float:
        """Readings per second of the last seconds."""
        (since, before), (now, count) = self._seen[0], self._seen[-1]
        return (count - before) / (now - since) if now > since else 0.0

    def _reading(self, record: ConsumerRecord) -> None:
        self.readings += 1
        self.newest_ms = max(self.newest_ms, record.timestamp)
        self.first_reading = self.first_reading or time.monotonic()

    def _reject(self, record: ConsumerRecord) -> None:
        self.rejects[dict(record.headers)["error"].decode()] += 1

    def _quarter(self, record: ConsumerRecord) -> None:
        quarter = self._codecs.quarter_hours.decode(record.value)
        self.quarters[quarter.metering_point, quarter.quantity, quarter.start] = quarter

    def _balance(self, record: ConsumerRecord) -> None:
        balance = self._codecs.balances.decode(record.value)
        self.balances[balance.site, balance.start] = balance
        self.first_balance = self.first_balance or time.monotonic()
