"""The floor: aiokafka reads and writes the same bytes, and nothing else. ``… BOOTSTRAP SOURCE TARGET COUNT RESULT``."""

from __future__ import annotations

import asyncio
import json
import sys
import time
from pathlib import Path

import uvloop
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition

from tests.bench.load import PARTITIONS


async def run(bootstrap: str, source: str, target: str, count: int) -> float:
    """µs of CPU per record."""
    async with (
        AIOKafkaConsumer(bootstrap_servers=bootstrap, max_partition_fetch_bytes=4 << 20) as consumer,
        AIOKafkaProducer(bootstrap_servers=bootstrap, max_batch_size=1 << 18, max_request_size=4 << 20) as producer,
    ):
        parts = [TopicPartition(source, number) for number in range(PARTITIONS)]
        consumer.assign(parts)
        await consumer.seek_to_beginning(*parts)
        done, began = 0, time.process_time()
        while done < count:
            for part, records in (await consumer.getmany(timeout_ms=500)).items():
                batch = producer.create_batch()
                for record in records:
                    if batch.append(key=record.key, value=record.value, timestamp=record.timestamp) is None:
                        await producer.send_batch(batch, target, partition=part.partition)
                        batch = producer.create_batch()
                        batch.append(key=record.key, value=record.value, timestamp=record.timestamp)
                await producer.send_batch(batch, target, partition=part.partition)
                done += len(records)
        await producer.flush()
        return (time.process_time() - began) / done * 1e6


def main() -> None:
    """Run and leave the figure in RESULT."""
    bootstrap, source, target, count, result = sys.argv[1:]
    asyncio.set_event_loop_policy(uvloop.EventLoopPolicy())
    Path(result).write_text(json.dumps(asyncio.run(run(bootstrap, source, target, int(count)))))


if __name__ == "__main__":
    main()
