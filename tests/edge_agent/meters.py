"""What a meter says, as far as the edge can tell: a header in clear, then bytes nobody here can read."""

from __future__ import annotations

TITLE = bytes.fromhex("4C475A1030A1B2C3")


def sealed(counter: int, title: bytes = TITLE, size: int = 40) -> bytes:
    """One wired M-Bus frame (EN 13757-2) around a general-glo-ciphering APDU."""
    body = b"\x20" + counter.to_bytes(4) + bytes(size)
    user = b"\x53\xff\x10\x01\x67\xdb" + bytes((len(title),)) + title + bytes((len(body),)) + body
    return bytes((0x68, len(user), len(user), 0x68)) + user + bytes((sum(user) & 0xFF, 0x16))


CLEAR = b"\x0f" + bytes(4) + b"\x00\x09\x02ab"  # a data-notification; it ends where the line falls silent
