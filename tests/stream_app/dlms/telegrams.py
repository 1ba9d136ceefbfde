"""The vectors' telegrams, through the link layer and the cipher as the worker does it."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from edge_agent.link.delimiter import Delimiter
from edge_agent.link.errors import MeterDataError
from edge_agent.link.frame import Refused, Telegram
from stream_app.dlms.cipher import AuthenticationKey, EncryptionKey, MeterKeys, read_header, unseal
from stream_app.dlms.clock import iso
from stream_app.dlms.definitions import Profile, packaged
from stream_app.dlms.errors import UnknownKeyError
from stream_app.dlms.layout import Push
from stream_app.dlms.notification import Reader
from tests.vectors.loader import Outcome, Vector, load_vectors


def profile_of(vector: Vector) -> Profile:
    return packaged().profile(push_list=vector.push_list, scale_profile=vector.scale_profile, timezone=vector.timezone)


def keys_of(vector: Vector) -> MeterKeys:
    assert vector.encryption_key is not None
    authentication = vector.authentication_key
    return MeterKeys(
        EncryptionKey(vector.encryption_key), None if authentication is None else AuthenticationKey(authentication)
    )


def telegrams(vector: Vector) -> list[Telegram | Refused]:
    delimiter = Delimiter(vector.link)
    return delimiter.feed(vector.stream) + delimiter.idle()


def plaintext_of(vector: Vector, telegram: Telegram | Refused) -> bytes:
    if isinstance(telegram, Refused):
        raise telegram.error
    sealed = read_header(telegram.apdu)
    if sealed is None:
        return telegram.apdu
    if vector.encryption_key is None or vector.key_title != sealed.title:
        raise UnknownKeyError("no key for this title")
    return unseal(sealed, keys_of(vector))


def read(vector: Vector, telegram: Telegram | Refused, reader: Reader) -> Push | MeterDataError:
    try:
        return reader.read(plaintext_of(vector, telegram), profile_of(vector))
    except MeterDataError as error:
        return error


def plaintexts() -> list[tuple[Vector, bytes]]:
    """Every plaintext that any vector yields, pushes and others."""
    found = []
    for vector in load_vectors():
        for telegram in telegrams(vector):
            try:
                found.append((vector, plaintext_of(vector, telegram)))
            except MeterDataError:
                continue
    return found


def told(push: Push | MeterDataError, expected: Outcome) -> dict[str, Any]:
    """What came out, as far as ``expected`` asserts it."""
    if isinstance(push, MeterDataError):
        return {"result": push.kind}
    if expected.link_only or expected.result != "valid":
        return {"result": "valid"}
    return {
        "result": "valid",
        "registers": {
            register.obis: (raw, register.scale is None or Decimal(raw).scaleb(register.scale), register.unit)
            for raw, register in zip(push.values, push.layout.registers, strict=True)
        },
        "device_id": push.device_id,
        "time_utc": _instant(push) if expected.time_utc else None,
        "local": push.time.local if push.time and expected.meter_time_local else None,
        "status": push.time.status if push.time else None,
    }


def asserted(expected: Outcome) -> dict[str, Any]:
    """What must come out, in the same form."""
    if expected.link_only or expected.result != "valid":
        return {"result": expected.result}
    return {
        "result": "valid",
        "registers": {
            obis: (r["raw"], r["value"] is None or Decimal(r["value"]), r["unit"] or "")
            for obis, r in expected.registers.items()
        },
        "device_id": expected.device_id,
        "time_utc": expected.time_utc,
        "local": expected.meter_time_local,
        "status": expected.clock_status,
    }


def _instant(push: Push) -> str | None:
    return None if push.time is None or push.time.utc_ms is None else iso(push.time.utc_ms) + "Z"
