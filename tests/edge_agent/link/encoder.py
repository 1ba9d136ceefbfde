"""The links from the meter's side, written from the standards and not from the readers: bit by bit, no table."""

from __future__ import annotations

from collections.abc import Sequence


def crc16(data: bytes, start: int, polynomial: int) -> int:
    """A reflected CRC-16 the slow way."""
    register = start
    for octet in data:
        register ^= octet
        for _ in range(8):
            register = register >> 1 ^ polynomial if register & 1 else register >> 1
    return register


def fcs(data: bytes) -> bytes:
    return (crc16(data, 0xFFFF, 0x8408) ^ 0xFFFF).to_bytes(2, "little")


def hdlc(
    information: bytes, *, more: bool = False, addresses: bytes = b"\xce\xff\x03", control: int = 0x13, llc: bytes = b""
) -> bytes:
    """One frame. ``llc`` goes in front of the information field."""
    field = llc + information
    length = 2 + len(addresses) + 1 + 2 + len(field) + 2
    head = (0xA000 | (0x0800 if more else 0) | length).to_bytes(2, "big") + addresses + bytes((control,))
    head += fcs(head)
    return b"\x7e" + head + field + fcs(head + field) + b"\x7e"


LLC = b"\xe6\xe7\x00"


def hdlc_segments(apdu: bytes, size: int, **shape: bytes) -> list[bytes]:
    """An APDU over as many frames as it takes, joined by the segmentation bit."""
    field = LLC + apdu
    parts = [field[at : at + size] for at in range(0, len(field), size)]
    return [hdlc(part, more=number < len(parts), **shape) for number, part in enumerate(parts, 1)]  # type: ignore[arg-type]


def ber_length(count: int) -> bytes:
    if count < 0x80:
        return bytes((count,))
    octets = count.to_bytes((count.bit_length() + 7) // 8, "big")
    return bytes((0x80 | len(octets),)) + octets


def block(number: int, octets: bytes, *, last: bool) -> bytes:
    control = 0xC0 if last else 0x40
    return b"\xe0" + bytes((control,)) + number.to_bytes(2, "big") + b"\0\0" + ber_length(len(octets)) + octets


def blocks(apdu: bytes, size: int) -> list[bytes]:
    """An APDU cut into general block transfer blocks."""
    parts = [apdu[at : at + size] for at in range(0, len(apdu), size)]
    return [block(number, part, last=number == len(parts)) for number, part in enumerate(parts, 1)]


def hdlc_blocks(apdu: bytes, size: int) -> list[bytes]:
    """Blocks in frames as Landis+Gyr sends them: LLC in front of the first only."""
    return [hdlc(one, llc=LLC if number == 0 else b"") for number, one in enumerate(blocks(apdu, size))]


def mbus(ci: int, data: bytes, *, header: bytes = b"") -> bytes:
    """One long frame; ``header`` is the M-Bus data header of CI 60, 61, 7C and 7D."""
    body = bytes((0x53, 0xFF, ci)) + header + b"\x01\x67" + data
    length = len(body) & 0xFF
    return bytes((0x68, length, length, 0x68)) + body + bytes((sum(body) & 0xFF, 0x16))


def mbus_segments(apdu: bytes, size: int) -> list[bytes]:
    parts = [apdu[at : at + size] for at in range(0, len(apdu), size)]
    return [mbus(n % 16 | (0x10 if n == len(parts) - 1 else 0), part) for n, part in enumerate(parts)]


def p1(lines: Sequence[str], *, crc: bool = True, ident: str = "ISK5\\2M550T-1012") -> bytes:
    text = "\r\n".join((f"/{ident}", "", *lines, "!")).encode()
    return text + (f"{crc16(text, 0, 0xA001):04X}".encode() if crc else b"") + b"\r\n"


def even_parity(text: bytes) -> bytes:
    return bytes(octet | (0x80 if octet.bit_count() & 1 else 0) for octet in text)


def wrapper(apdu: bytes) -> bytes:
    return b"\0\x01\0\x01\0\x67" + len(apdu).to_bytes(2, "big") + apdu


def sealed(body: bytes, title: bytes = b"LGZ\x67\x71\x97\xc0\x9d", control: int = 0x20, counter: int = 7) -> bytes:
    """A general-glo-ciphering APDU around bytes that stand for ciphertext."""
    content = bytes((control,)) + counter.to_bytes(4, "big") + body
    return b"\xdb" + bytes((len(title),)) + title + ber_length(len(content)) + content


def p1_sealed(body: bytes) -> bytes:
    """A clear ident line in front of a ciphered body without tag, title and counter."""
    return b"/KFM5KAIFA-METER\r\n\r\n" + sealed(body, title=b"", control=0x30, counter=0)[1:]
