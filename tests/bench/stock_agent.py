"""The peer: an ordinary Faust agent with a table doing the same work, one event after the other.

Re-read, verify, decrypt, decode, compare the counter, keep the counter in a table, write the reading in Avro: with the
same functions as the line, so that the difference is the way through Faust. It settles no quarters and is not exactly
once. Everything comes in environment variables: BOOTSTRAP, SOURCE, TARGET, COUNT, KEYS, RESULT, DATA, GROUP.
"""

from __future__ import annotations

import asyncio
import csv
import json
import os
import time
from pathlib import Path
from typing import Any

import faust
import uvloop

from edge_agent.link.telegram import reread
from stream_app.avro import load_codecs
from stream_app.dlms.cipher import AuthenticationKey, EncryptionKey, MeterKeys, read_header, unseal
from stream_app.dlms.definitions import packaged
from stream_app.dlms.notification import Reader
from stream_app.reading_encoder import ReadingEncoder, reading_prefix
from tests.bench.load import PARTITIONS, ZONE

SOURCE, TARGET, COUNT = os.environ["SOURCE"], os.environ["TARGET"], int(os.environ["COUNT"])


def make_app() -> faust.App:
    """The agent, its table and its output, tuned as far as settings go."""
    app = faust.App(
        os.environ["GROUP"],
        broker="kafka://" + os.environ["BOOTSTRAP"],
        store="memory://",
        datadir=os.environ["DATA"],
        web_enabled=False,
        topic_allow_declare=False,
        topic_disable_leader=True,
        topic_partitions=PARTITIONS,
        stream_buffer_maxsize=16384,
        consumer_auto_offset_reset="earliest",
        producer_acks=1,
        value_serializer="raw",
        key_serializer="raw",
    )
    frames = app.topic(SOURCE, key_type=bytes, value_type=bytes, value_serializer="raw")
    readings = app.topic(TARGET, key_type=bytes, value_type=bytes, value_serializer="raw")
    counters = app.Table("counters", default=int, key_type=bytes, value_type=int, partitions=PARTITIONS)
    header = load_codecs().readings.header
    profile = packaged().profile(push_list=None, scale_profile="lg-e450", timezone=ZONE)
    keys, reader = _keys(), Reader()
    encoders: dict[object, ReadingEncoder] = {}
    done, began = 0, 0.0

    def read(key: bytes, value: bytes, offset: int, timestamp: int, counter_before: int) -> tuple[int, bytes]:
        telegram = reread(value, "hdlc")
        sealed = read_header(telegram.apdu)
        assert sealed
        push = reader.read(unseal(sealed, keys[key]), profile)
        if sealed.frame_counter <= counter_before:
            raise ValueError("replay")
        encoder = encoders.get(push.layout) or encoders.setdefault(push.layout, ReadingEncoder(push.layout.registers))
        prefix = reading_prefix(
            header, system_title=key.decode(), device_id=push.device_id, metering_point=None, site=None, encrypted=True,
            authenticated=True, key_version=1, push_list=None, edge_id=None, port=None, source_partition=0,
        )  # fmt: skip
        at = push.time.utc_ms if push.time and push.time.utc_ms else timestamp
        counter = sealed.frame_counter
        return counter, encoder.encode(prefix, offset, at, timestamp, False, None, counter, push.values)

    @app.agent(frames)  # type: ignore[untyped-decorator]
    async def agent(stream: Any) -> None:
        nonlocal done, began
        async for event in stream.events():
            if not done:
                began = time.process_time()
            message = event.message
            now = int(message.timestamp * 1000)
            counter, reading = read(message.key, message.value, message.offset, now, counters[message.key])
            counters[message.key] = counter
            await readings.send(key=message.key, value=reading)
            done += 1
            if done == COUNT:
                _finish((time.process_time() - began) / done * 1e6)

    return app


def _finish(figure: float) -> None:
    Path(os.environ["RESULT"]).write_text(json.dumps(figure))
    os._exit(0)  # a worker that shuts down in good order takes half a minute


def _keys() -> dict[bytes, MeterKeys]:
    with Path(os.environ["KEYS"]).open() as file:
        return {
            row["system_title"].encode(): MeterKeys(
                EncryptionKey(bytes.fromhex(row["encryption_key"])),
                AuthenticationKey(bytes.fromhex(row["authentication_key"])),
            )
            for row in csv.DictReader(file)
        }


if __name__ == "__main__":
    asyncio.set_event_loop_policy(uvloop.EventLoopPolicy())
    make_app().main()
