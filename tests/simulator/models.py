"""The meter models of the fleet: what they push, how they write time, how they cipher and cut it, and their titles."""

from __future__ import annotations

import struct
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import NamedTuple
from zoneinfo import ZoneInfo

from tests.simulator import axdr, framing, push_lists
from tests.simulator.cipher import Cipher
from tests.simulator.push_lists import Identity, Number, Piece, PushObject, Time

DATA_NOTIFICATION = 0x0F
SUMMER = 0x80  # clock status
NUMBER = {2: ">BH", 4: ">BI"}
TAG = {2: 0x12, 4: 0x06}


class Nameplate(NamedTuple):
    """Who a meter says it is."""

    title: bytes
    name: str
    serial: str


class Model(NamedTuple):
    """A meter model with one push list. ``push_list`` and ``scale_profile`` are what the registry has to add.

    ``deviation``: whether its times carry their offset from UTC. ``summer_bit``: whether the header's status tells
    summer time.
    """

    name: str
    nameplate: Callable[[int], Nameplate]
    body: Sequence[Piece]
    frame: framing.Framing
    security_control: int
    deviation: bool
    hundredths: int
    summer_bit: bool
    push_list: str = ""
    scale_profile: str = ""


def _landis_gyr(number: int) -> Nameplate:
    return Nameplate(
        b"LGZ" + (0x67 << 32 | 7 << 28 | number).to_bytes(5, "big"), f"LGZ10307{number:08}", f"{number:08}"
    )


def _iskraemeco(number: int) -> Nameplate:
    return Nameplate(
        b"ISK" + (0x67 << 32 | 7 << 28 | number).to_bytes(5, "big"), f"ISK10307{number:08}", f"{number:08}"
    )


def _kaifa(number: int) -> Nameplate:
    title = b"KFM" + (0x10 << 32 | 2 << 28 | number).to_bytes(5, "big")
    return Nameplate(title, f"KFM12002{number:08}", f"1KFM02{number:08}")


def _elster(number: int) -> Nameplate:
    title = b"ELS" + (0x65 << 32 | 7 << 28 | number).to_bytes(5, "big")
    return Nameplate(title, f"ELS11001{number:08}", f"1ELS01{number:08}")


def e450(name: str, body: Sequence[Piece], security_control: int, push_list: str = "") -> Model:
    """Local time without offset; the header's status says nothing, the clock object calls itself invalid."""
    scale_profile = "" if push_list else "lg-e450"
    return Model(
        *(name, _landis_gyr, body, framing.e450, security_control, False, 0xFF, False),
        push_list=push_list,
        scale_profile=scale_profile,
    )


def ksmw(name: str, nameplate: Callable[[int], Nameplate], objects: Sequence[PushObject], control: int) -> Model:
    """Everything is on the wire, the offset from UTC and summer time too."""
    return Model(name, nameplate, push_lists.attribute_0(objects), framing.ksmw, control, True, 0, True)


E450_28 = e450("E450 extended", push_lists.object_list(push_lists.EXTENDED_28), 0x30)
E450_14 = e450("E450 VSE", push_lists.object_list(push_lists.VSE_14), 0x31)
E450_9 = e450("E450 Vienna", push_lists.values(push_lists.WIENER_NETZE_9), 0x20, push_list="wiener-netze-9")
KSMW_16 = ksmw("MA309", _kaifa, push_lists.KSMW_16, 0x21)
KSMW_12 = ksmw("AS1440", _elster, push_lists.KSMW_12, 0x20)
AM550_28 = Model(
    *("AM550", _iskraemeco, push_lists.object_list(push_lists.AM550_28), framing.am550, 0x30, True, 0, True),
    scale_profile="iskra-am550",
)

MODELS = (E450_28, KSMW_16, AM550_28, E450_9, KSMW_12, E450_14)


class Encoder:
    """One meter's telegrams. ``invocation_ahead``: how far its long invocation id runs ahead of its frame counter."""

    def __init__(
        self, model: Model, nameplate: Nameplate, cipher: Cipher, zone: ZoneInfo, invocation_ahead: int = 0
    ) -> None:
        self._model = model
        self._cipher = cipher
        self._zone = zone
        self._ahead = invocation_ahead
        self._pieces = _resolved(model.body, nameplate)

    def telegram(self, at: int, counter: int, amounts: Mapping[str, int]) -> bytes:
        """The bytes on the wire; ``at`` in epoch seconds, ``amounts`` by C.D.E in Wh, W, var, mV, mA, per mille."""
        return self._model.frame(self._cipher.seal(counter, self.plaintext(at, counter, amounts)))

    def plaintext(self, at: int, counter: int, amounts: Mapping[str, int]) -> bytes:
        """The data-notification before it is ciphered."""
        out = [
            struct.pack(">BI", DATA_NOTIFICATION, counter + self._ahead & 0xFFFFFFFF),
            b"\x0c" + self._time(at, 0 if self._model.summer_bit else None),
        ]
        for piece in self._pieces:
            match piece:
                case bytes():
                    out.append(piece)
                case Number(quantity, octets, divisor):
                    out.append(struct.pack(NUMBER[octets], TAG[octets], amounts[quantity] // divisor))
                case Time(status, later):
                    out.append(axdr.octets(self._time(at + later, status)))
        return b"".join(out)

    def _time(self, at: int, status: int | None) -> bytes:
        """With ``status`` and the bit of summer time, or None for a status that tells nothing."""
        local = datetime.fromtimestamp(at, self._zone)
        told = 0 if status is None else status | (SUMMER if local.dst() else 0)
        deviation, hundredths = self._model.deviation, self._model.hundredths
        return axdr.date_time(local, deviation=deviation, hundredths=hundredths, status=told)


def _resolved(body: Sequence[Piece], nameplate: Nameplate) -> list[bytes | Number | Time]:
    """Put the meter's identity in, and join what never changes."""
    joined: list[bytes | Number | Time] = [b""]
    for piece in body:
        part = axdr.octets(getattr(nameplate, piece.attribute).encode()) if isinstance(piece, Identity) else piece
        if isinstance(part, bytes) and isinstance(joined[-1], bytes):
            joined[-1] += part
        else:
            joined.append(part)
    return joined
