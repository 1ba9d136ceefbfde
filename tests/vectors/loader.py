"""The telegram vectors of this folder, typed. Their format and its words are in ``README.md``."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).resolve().parent
OPERATOR_DATA = ("push_lists", "scale_profiles")


@dataclass(frozen=True)
class Outcome:
    """What one telegram must come to: ``result`` is ``valid`` or an error kind; the rest is asserted where given."""

    result: str
    time_utc: str | None
    meter_time_local: str | None
    clock_status: int | None
    payload_clock: dict[str, Any] | None
    device_id: str | None
    ids: dict[str, str]
    registers: dict[str, dict[str, Any]]
    link_only: bool
    reassembled_length: int | None


@dataclass(frozen=True)
class Vector:
    """One file: the byte stream, what is needed to read it and every outcome it may have."""

    id: str
    comment: str
    flags: frozenset[str]
    meter: dict[str, str | None]
    link: str
    frames: tuple[bytes, ...]
    system_title: bytes | None
    encryption_key: bytes | None
    authentication_key: bytes | None
    key_title: bytes | None
    security_control: int | None
    frame_counter: int | None
    push_list: str | None
    scale_profile: str | None
    timezone: str | None
    require_encryption: bool
    expected: Outcome
    tolerated: tuple[Outcome, ...]
    sequence: tuple[Outcome, ...]

    @property
    def stream(self) -> bytes:
        """The bytes as they come along the line; the cuts between frames carry no meaning."""
        return b"".join(self.frames)


@cache
def load_vectors() -> list[Vector]:
    """Every vector, in the order of their names."""
    paths = sorted(p for p in FOLDER.glob("*.json") if p.stem not in OPERATOR_DATA)
    return [_vector(json.loads(p.read_text())) for p in paths]


def _vector(raw: dict[str, Any]) -> Vector:
    keys, needs, expected = raw.get("keys") or {}, raw["needs"], raw["expected"]
    return Vector(
        id=raw["id"],
        comment=raw["comment"],
        flags=frozenset(raw["flags"]),
        meter=raw["meter"],
        link=raw["link"],
        frames=tuple(bytes.fromhex(frame) for frame in raw["frames"]),
        system_title=_octets(raw["system_title"]),
        encryption_key=_octets(keys.get("encryption")),
        authentication_key=_octets(keys.get("authentication")),
        key_title=_octets(keys["system_title"] if "system_title" in keys else raw["system_title"]),
        security_control=_number(raw["security_control"]),
        frame_counter=raw["frame_counter"],
        push_list=needs.get("push_list"),
        scale_profile=needs.get("scale_profile"),
        timezone=needs.get("timezone"),
        require_encryption=bool(needs.get("require_encryption")),
        expected=_outcome(expected),
        tolerated=tuple(_outcome(other) for other in expected.get("tolerated", ())),
        sequence=tuple(_outcome(one) for one in raw.get("sequence", (expected,))),
    )


def _outcome(raw: dict[str, Any]) -> Outcome:
    return Outcome(
        result=raw["result"],
        time_utc=raw.get("time_utc"),
        meter_time_local=raw.get("meter_time_local"),
        clock_status=raw.get("clock_status"),
        payload_clock=raw.get("payload_clock"),
        device_id=raw.get("device_id"),
        ids=raw.get("ids", {}),
        registers=raw.get("registers", {}),
        link_only=bool(raw.get("link_only")),
        reassembled_length=raw.get("reassembled_length"),
    )


def _octets(text: str | None) -> bytes | None:
    return None if text is None else bytes.fromhex(text)


def _number(text: str | None) -> int | None:
    return None if text is None else int(text, 16)
