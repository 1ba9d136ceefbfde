"""What a push is made of, written as A-XDR (IEC 61334-6) with the tags of the Blue Book.

Only what meters of the fleet send. ``date_time`` is the COSEM date-time (Blue Book 4.1.6.1).
"""

from __future__ import annotations

import struct
from datetime import datetime

UNSPECIFIED = 0x8000  # as a deviation


def length(count: int) -> bytes:
    """A length octet; lists and strings of the fleet stay below 128.

    >>> length(17).hex()
    '11'
    """
    return bytes([count])


def array(items: list[bytes]) -> bytes:
    """Elements of one type."""
    return b"\x01" + length(len(items)) + b"".join(items)


def structure(items: list[bytes]) -> bytes:
    """Elements of any type."""
    return b"\x02" + length(len(items)) + b"".join(items)


def octets(value: bytes) -> bytes:
    """Return an octet-string."""
    return b"\x09" + length(len(value)) + value


def long_unsigned(value: int) -> bytes:
    """16 bits."""
    return struct.pack(">BH", 0x12, value)


def double_long_unsigned(value: int) -> bytes:
    """32 bits."""
    return struct.pack(">BI", 0x06, value)


def integer(value: int) -> bytes:
    """Signed, 8 bits: attribute numbers and scalers."""
    return struct.pack(">Bb", 0x0F, value)


def enum(value: int) -> bytes:
    """Units are enums (Blue Book 4.3.2)."""
    return bytes([0x16, value])


def obis(code: str) -> bytes:
    """Six octets; F is 255.

    >>> obis("1-0:32.7.0").hex()
    '0100200700ff'
    """
    return bytes(int(part) for part in code.replace("-", ".").replace(":", ".").split(".")) + b"\xff"


def date_time(local: datetime, *, deviation: bool, hundredths: int, status: int) -> bytes:
    """12 octets of a local time that knows its offset; the deviation runs from local time to UTC, in minutes.

    >>> date_time(datetime.fromisoformat("2023-01-18T06:30:00+01:00"), deviation=True, hundredths=0, status=0).hex()
    '07e7011203061e0000ffc400'
    """
    offset = local.utcoffset()
    assert offset is not None
    minutes = -(offset.seconds // 60 + offset.days * 1440) & 0xFFFF if deviation else UNSPECIFIED
    date = (local.year, local.month, local.day, local.isoweekday())
    return struct.pack(">H7BHB", *date, local.hour, local.minute, local.second, hundredths, minutes, status)
