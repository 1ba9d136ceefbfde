"""Checksums of the links, without a byte loop: CRC-16/X-25 of HDLC and CRC-16/ARC of P1.

Both send the least significant bit first. Turning the bits of every byte round (one ``bytes.translate``) makes plain
polynomials of them, for which C has fast paths: ``binascii.crc_hqx`` and the arithmetic of long integers.
"""

from __future__ import annotations

from binascii import crc_hqx

MIRROR = bytes(int(f"{octet:08b}"[::-1], 2) for octet in range(256))
X25_START = 0xFFFF
X25_RESIDUE = 0x1D0F  # what a register ends in after data and its own check (F0B8 with the bits turned round)
ARC_FOLDS = tuple(
    1 << k for k in range(12, -1, -1)
)  # the first fold halves 15 KB; a longer text folds there more often


def x25_holds(data: bytes | bytearray) -> bool:
    """Whether ``data`` ends in its own frame or header check sequence (ISO/IEC 13239 4.2.5)."""
    return crc_hqx(data.translate(MIRROR), X25_START) == X25_RESIDUE


def arc(data: bytes | bytearray) -> int:
    """CRC-16/ARC, the four hex digits after ``!`` (DSMR 5.0.2 P1, 5.2).

    Its polynomial x¹⁶+x¹⁵+x²+1 is (x+1)(x¹⁵+x+1). Modulo the second factor x¹⁵ᵐ is (x+1)ᵐ, which is xᵐ+1 where m is
    a power of two: the upper part folds onto the lower with two shifts. Modulo x+1 only the number of ones counts.
    """
    text = int.from_bytes(data.translate(MIRROR), "big") << 16
    rest = text
    for power in ARC_FOLDS:
        width = 15 * power
        while high := rest >> width:
            rest = rest & (1 << width) - 1 ^ high ^ high << power
    if (rest ^ text).bit_count() & 1:
        rest ^= 0b1000000000000011
    return MIRROR[rest & 0xFF] << 8 | MIRROR[rest >> 8]
