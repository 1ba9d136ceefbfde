"""What the simulator says is what meters say: vectors said again, byte for byte."""

from __future__ import annotations

import json
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from cryptography.hazmat.primitives.ciphers import Cipher as Primitive
from cryptography.hazmat.primitives.ciphers import algorithms, modes

from tests.simulator import framing, models, push_lists
from tests.simulator.cipher import Cipher
from tests.simulator.models import Encoder, Model, Nameplate

VECTORS = Path(__file__).resolve().parent.parent / "vectors"
BASE_UNITS = {"V": 1000, "A": 1000}

E450_18 = (
    *push_lists.push_setup("0-8:25.9.0", with_name=True),
    push_lists.PushObject(push_lists.DATA, "0-0:96.1.0", push_lists.Identity("serial")),
    push_lists.CLOCK_INVALID,
    *push_lists.registers("1-0:1.7.0 1-0:2.7.0 1-0:1.8.0 1-0:2.8.0 1-0:3.7.0 1-0:4.7.0 1-0:3.8.0 1-0:4.8.0"),
    *push_lists.registers("1-0:31.7.0 1-0:51.7.0 1-0:71.7.0 1-0:32.7.0 1-0:52.7.0 1-0:72.7.0"),
)


def load(name: str) -> dict[str, Any]:
    vector: dict[str, Any] = json.loads((VECTORS / f"{name}.json").read_text())
    return vector


def apdu_of(vector: dict[str, Any], frames: slice = slice(None)) -> bytes:
    """The frames' contents, taken apart by the fixed sizes of the family's headers."""
    parts = []
    for frame in (bytes.fromhex(text) for text in vector["frames"][frames]):
        content = frame[9:-2] if vector["link"] == "mbus" else frame[9:-3].removeprefix(framing.LLC)
        parts.append(content[7:] if content[0] == 0xE0 else content)
    return b"".join(parts)


def plaintext_of(vector: dict[str, Any], apdu: bytes) -> bytes:
    """GCM is counter mode from block 2 on: no tag is needed to look inside."""
    if vector["security_control"] is None:
        return apdu
    control = 11 if apdu[10] < 128 else 13
    start = apdu[2:10] + apdu[control + 1 : control + 5] + b"\0\0\0\2"
    key = algorithms.AES(bytes.fromhex(vector["keys"]["encryption"]))
    sealed = apdu[control + 5 : -12 if apdu[control] & 0x10 else None]
    return Primitive(key, modes.CTR(start)).decryptor().update(sealed)


def encoder_of(vector: dict[str, Any], model: Model, plaintext: bytes) -> Encoder:
    expected, keys = vector["expected"], vector["keys"]
    ids = expected.get("ids", {})
    nameplate = Nameplate(
        bytes.fromhex(vector["system_title"] or "00" * 8),
        ids.get("0-0:42.0.0", ""),
        next((ids[code] for code in ("0-0:96.1.0", "0-0:96.1.1") if code in ids), ""),
    )
    cipher = Cipher(
        nameplate.title,
        bytes.fromhex(keys["encryption"] or "00" * 16),
        bytes.fromhex(keys["authentication"] or ""),
        int(vector["security_control"] or "20", 16),
    )
    ahead = int.from_bytes(plaintext[1:5], "big") - (vector["frame_counter"] or 0)
    return Encoder(model, nameplate, cipher, ZoneInfo(vector["needs"]["timezone"]), ahead)


def said_of(expected: dict[str, Any]) -> tuple[int, dict[str, int]]:
    amounts = {
        code.split(":")[1]: int(Decimal(register["value"]) * BASE_UNITS.get(register["unit"], 1))
        for code, register in expected["registers"].items()
    }
    return int(datetime.fromisoformat(expected["time_utc"]).timestamp()), amounts


CIPHERED = [
    pytest.param(
        "lg-e450-at-18obj-gbt4-sc30", models.e450("E450", push_lists.object_list(E450_18), 0x30), id="e450-18"
    ),
    pytest.param("lg-e450-at-values9-b", models.E450_9, id="e450-values"),
    pytest.param("kaifa-ma309-pl-structs16", models.KSMW_16, id="ksmw-16"),
    pytest.param("kaifa-ma110-at-structs12-1ph", models.KSMW_12, id="ksmw-12-kaifa"),
    pytest.param("ksmw-els-at-structs12-1ph", models.KSMW_12, id="ksmw-12-elster"),
]
CLEAR = [
    pytest.param("lg-e450-ch-vse14-gbt4", models.E450_14, id="e450-vse14"),
    pytest.param("iskra-am550-ch-28obj-segmented5", models.AM550_28, id="am550-28"),
    pytest.param("kaifa-ma309-at-structs16-apdu", models.KSMW_16, id="ksmw-16"),
]


@pytest.mark.parametrize(("name", "model"), CIPHERED)
def test_a_ciphered_vector_is_said_again_byte_for_byte(name: str, model: Model) -> None:
    vector = load(name)
    encoder = encoder_of(vector, model, plaintext_of(vector, apdu_of(vector)))
    at, amounts = said_of(vector["expected"])

    assert "".join(vector["frames"]) == encoder.telegram(at, vector["frame_counter"], amounts).hex().upper()


def test_the_hour_that_comes_twice_is_told_apart_by_its_offset() -> None:
    vector = load("ksmw-els-at-structs12-doubled-hour")
    first, second = (apdu_of(vector, frames) for frames in (slice(2), slice(2, 4)))
    encoder_1 = encoder_of({**vector, "frame_counter": 14}, models.KSMW_12, plaintext_of(vector, first))
    encoder_2 = encoder_of({**vector, "frame_counter": 15}, models.KSMW_12, plaintext_of(vector, second))
    said = b"".join(
        encoder.telegram(at, counter, amounts)
        for encoder, counter, (at, amounts) in zip(
            (encoder_1, encoder_2), (14, 15), map(said_of, vector["sequence"]), strict=True
        )
    )

    assert "".join(vector["frames"]) == said.hex().upper()


@pytest.mark.parametrize(("name", "model"), CLEAR)
def test_a_clear_vector_has_the_same_plaintext(name: str, model: Model) -> None:
    vector = load(name)
    plaintext = apdu_of(vector) if vector["link"] != "apdu" else bytes.fromhex("".join(vector["frames"]))
    at, amounts = said_of(vector["expected"])

    assert plaintext.hex() == encoder_of(vector, model, plaintext).plaintext(at, 0, amounts).hex()


def test_a_clear_am550_telegram_is_cut_as_the_meter_cuts_it() -> None:
    vector = load("iskra-am550-ch-28obj-segmented5")

    assert "".join(vector["frames"]) == framing.am550(apdu_of(vector)).hex().upper()
