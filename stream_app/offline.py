"""Telegrams judged one by one, without Kafka: what ``cipstream decode`` prints.

They go through the worker's own steps (``trust.open_telegram``): what is refused here is refused there. The telegrams
of one ``Decoder`` share one memory of the counters seen.
"""

from __future__ import annotations

from collections import defaultdict
from decimal import Decimal
from typing import Any

from edge_agent.link.errors import MeterDataError
from edge_agent.link.frame import Refused, Telegram
from stream_app.dlms.cipher import Sealed, read_header
from stream_app.dlms.clock import MeterTime, iso
from stream_app.dlms.definitions import Profile
from stream_app.dlms.layout import Push, Register
from stream_app.dlms.notification import Reader
from stream_app.keys.ring import KeyRing
from stream_app.registry.model import Security
from stream_app.trust import Opened, Policy, Trust, open_telegram


class Decoder:
    """One set of keys, one profile. ``title`` stands in where a meter leaves its own empty."""

    def __init__(
        self, keys: KeyRing, profile: Profile, *, title: bytes = b"", require_encryption: bool = False
    ) -> None:
        self.keys = keys
        self.profile = profile
        self.title = title
        self.refused = 0
        self._security: Security = "encrypted" if require_encryption else "clear"
        self._reader = Reader()
        self._trusts: defaultdict[bytes, Trust] = defaultdict(Trust)

    def line(self, found: Telegram | Refused) -> dict[str, Any]:
        """The answer for one telegram."""
        sealed: Sealed | None = None
        try:
            if isinstance(found, Refused):
                raise found.error
            sealed = read_header(found.apdu, self.title)
            return valid_line(self._open(found.apdu, sealed), sealed)
        except MeterDataError as error:
            self.refused += 1
            return refused_line(error, sealed)

    def _open(self, apdu: bytes, sealed: Sealed | None) -> Opened:
        title = sealed.title if sealed else b""
        policy = Policy(self._security, False, self.keys.of(title.hex().upper()), 0, self.profile)
        trust = self._trusts[title]
        opened = open_telegram(apdu, self.title, trust, policy, self._reader.read, 0)
        trust.accept(opened, 0)
        return opened


def valid_line(opened: Opened, sealed: Sealed | None) -> dict[str, Any]:
    """What an accepted telegram says. Fields that only some telegrams have are left out in the others."""
    push = opened.push
    line: dict[str, Any] = {
        "result": "valid",
        "title": sealed.title.hex().upper() if sealed else None,
        "security_control": f"{sealed.security_control:02X}" if sealed else None,
        "frame_counter": opened.counter,
        "key_version": opened.key.keys.version if opened.key else None,
        "authenticated": opened.authenticated,
        **_times(push.time),
        "device_id": push.device_id,
        "ids": push.ids,
        "registers": _registers(push),
    }
    if push.time is not None and push.time.ambiguous:
        line["time_ambiguous"] = True
    if push.payload_clock is not None and push.payload_clock != push.time:
        line["payload_clock"] = _times(push.payload_clock)
    if push.device_types:
        line["device_types"] = push.device_types
    if push.layout.name is not None:
        line["push_list"] = push.layout.name
    return line


def refused_line(error: MeterDataError, sealed: Sealed | None) -> dict[str, Any]:
    """Why a telegram was refused, and whose it was as far as that could be read."""
    line: dict[str, Any] = {"result": error.kind, "layer": error.layer, "reason": error.reason}
    if error.offset is not None:
        line["offset"] = error.offset
    if sealed is not None:
        line |= {"title": sealed.title.hex().upper(), "frame_counter": sealed.frame_counter}
    return line


def _times(time: MeterTime | None) -> dict[str, Any]:
    if time is None:
        return {"time": None, "local_time": None, "clock_status": None}
    return {"time": _utc(time), "local_time": time.local, "clock_status": time.status}


def _utc(time: MeterTime) -> str | None:
    return None if time.utc_ms is None else iso(time.utc_ms) + "Z"


def _registers(push: Push) -> dict[str, dict[str, Any]]:
    """By code. Of a code sent twice the first counts, as it does for columns and quarters."""
    registers: dict[str, dict[str, Any]] = {}
    for raw, register in zip(push.values, push.layout.registers, strict=True):
        registers.setdefault(register.obis, _value(raw, register))
    for obis, time in zip(push.layout.captures, push.captured, strict=True):
        if time is not None and obis in registers:
            registers[obis].setdefault("captured_at", _utc(time) or time.local)
    return registers


def _value(raw: int, register: Register) -> dict[str, Any]:
    if register.scale is None:
        return {"value": None, "unit": register.unit or None, "raw": raw}
    return {"value": f"{Decimal(raw).scaleb(register.scale):f}", "unit": register.unit}
