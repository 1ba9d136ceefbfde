"""Looking for secrets: whatever spelling a key or a plaintext could leak in."""

from __future__ import annotations

import base64
from collections.abc import Iterable, Iterator

PIECE = 12  # octets of a secret that must not stand together anywhere


def spellings(secret: bytes) -> Iterator[str]:
    """Hex in every habit, repr of the octets, decimal lists, and base64 wherever the secret may begin in it."""
    for separator in ("", " ", ":", "-", "0x", ", 0x"):
        yield separator.join(f"{octet:02x}" for octet in secret)
    yield repr(secret)[2:-1].lower()
    yield ", ".join(map(str, secret))
    yield secret.decode("latin-1").lower()
    for shift in range(3):
        encoded = base64.b64encode(bytes(shift) + secret).decode()
        yield encoded[4 * (shift > 0) : len(secret) * 4 // 3 - 2].lower()


def leaks(text: str | bytes, secrets: Iterable[bytes]) -> list[str]:
    """Which pieces of the secrets stand in a text or in octets, in any spelling and case."""
    found = []
    octets = text if isinstance(text, bytes) else text.encode("utf-8", "surrogateescape")
    shown = octets.decode("latin-1").lower() if isinstance(text, bytes) else text.lower()
    for secret in secrets:
        for start in range(0, len(secret) - PIECE + 1, 4):
            piece = secret[start : start + PIECE]
            if piece in octets:
                found.append(f"octets of {secret.hex()[:8]}…")
            found += [spelling for spelling in spellings(piece) if len(spelling) >= PIECE and spelling in shown]
    return found
