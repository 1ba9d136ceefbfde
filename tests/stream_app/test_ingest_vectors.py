"""Every vector through stage one, the function the worker calls."""

from __future__ import annotations

import json
from datetime import datetime
from decimal import Decimal
from typing import Any

import pytest

from edge_agent.link.delimiter import Delimiter
from edge_agent.link.telegram import Telegram
from stream_app.dlms.cipher import AuthenticationKey, EncryptionKey, MeterKeys
from stream_app.keys.ring import KeyRing
from stream_app.reading_columns import COLUMNS
from stream_app.records import Reading
from stream_app.registry.model import Directory, Meter
from tests.stream_app.ingest_harness import TOPICS, Bench, Frame, decoded
from tests.vectors.loader import FOLDER, OPERATOR_DATA, Outcome, Vector, load_vectors

PORT_TITLE = "00000000000000AA"
NOW = 1_893_456_000_000


def run(vector: Vector) -> list[Any]:
    """What became of each telegram: a reading, or the headers of a reject."""
    delimiter = Delimiter(vector.link)
    found = delimiter.feed(vector.stream) + delimiter.idle()
    title = (vector.system_title or b"").hex().upper() or PORT_TITLE
    meter = Meter(
        title,
        push_list=vector.push_list,
        scale_profile=vector.scale_profile,
        timezone=vector.timezone or "UTC",
        security="encrypted" if vector.require_encryption else "clear",
    )
    keys = []
    if vector.encryption_key and vector.key_title is not None:
        authentication = AuthenticationKey(vector.authentication_key) if vector.authentication_key else None
        held = MeterKeys(EncryptionKey(vector.encryption_key), authentication)
        keys.append((vector.key_title.hex().upper() or PORT_TITLE, held))
    lists, scales = (json.loads((FOLDER / f"{name}.json").read_text()) for name in OPERATOR_DATA)
    bench = Bench(KeyRing(keys), Directory([meter], push_lists=lists, scale_profiles=scales))
    results = []
    for at, one in enumerate(found):
        key = title if isinstance(one, Telegram) and one.title is None else PORT_TITLE
        if isinstance(one, Telegram) and one.title:
            key = one.title.hex().upper()
        outcome = vector.sequence[min(at, len(vector.sequence) - 1)]
        received = millis(outcome.time_utc) if outcome.time_utc else NOW
        frame = Frame(key.encode(), one.captured, received, headers=(("link", vector.link.encode()),))
        outputs = bench.feed([frame], NOW)
        results += decoded(outputs, TOPICS.readings) + decoded(outputs, TOPICS.rejects)
    return results


def millis(time: str) -> int:
    return round(datetime.fromisoformat(time).timestamp() * 1000)


def values(reading: Reading) -> dict[str, Decimal]:
    fields = reading._asdict()
    found = {q: Decimal(fields[c.field]).scaleb(c.exponent) for q, c in COLUMNS.items() if fields[c.field] is not None}
    return found | {o.obis: Decimal(o.value).scaleb(o.scale) for o in reading.other if o.scale is not None}


def is_met(outcome: Outcome, result: Any) -> bool:
    if outcome.result != "valid":
        return isinstance(result, dict) and bool(result["error"] == outcome.result)
    if not isinstance(result, Reading):
        return False
    if outcome.link_only:
        return True
    wanted = {
        (q if (q := obis.partition(":")[2]) in COLUMNS and obis.startswith("1-") else obis): Decimal(r["value"])
        for obis, r in outcome.registers.items()
        if r["value"] is not None
    }
    said = values(reading=result)
    same_time = (
        outcome.time_utc is None or result.time_source != "METER" or millis(outcome.time_utc) == result.measured_at
    )
    same_id = outcome.device_id is None or outcome.device_id == result.device_id
    return same_time and same_id and all(said.get(name) == value for name, value in wanted.items())


@pytest.mark.parametrize("vector", load_vectors(), ids=lambda vector: vector.id)
def test_a_vector_comes_to_its_expected_results(vector: Vector) -> None:
    results = run(vector)
    if len(vector.sequence) == 1:
        results = results[-1:]  # what comes before is a refusal of the link's

    assert len(vector.sequence) == len(results)
    for outcome, result in zip(vector.sequence, results, strict=True):
        allowed = [outcome, *(vector.tolerated if outcome.result == vector.expected.result else ())]
        assert any(is_met(one, result) for one in allowed), (outcome, result)
