"""``make bench-decode``: bytes to named integers, deciphered, beside dlms-cosem and Gurux on the same telegram.

The 28-object push of an AM550 (688 octets of plaintext), as general-glo-ciphering without a tag, as Swiss meters are
set up to send it (CIP guide of Landis+Gyr §3.1: "Encrypted" and nothing else; KSMW §3.6.9), and with one, which takes a
second pass. Rounds of all contestants alternate and the best round counts, so that a busy machine slows all alike.
Warm: the layout is known; cold: a reader that has met nothing. dlms-cosem cannot open a telegram without a tag; there
the key stream is taken off for it.
"""

from __future__ import annotations

import contextlib
import gc
import io
import time
from collections.abc import Callable
from functools import partial
from typing import Any, Final, NamedTuple

from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from dlms_cosem import security
from dlms_cosem.protocol.xdlms import DataNotification, GeneralGlobalCipher
from dlms_cosem.utils import parse_as_dlms_data
from gurux_dlms import GXByteBuffer, GXReplyData
from gurux_dlms.enums import Authentication, InterfaceType, Security
from gurux_dlms.secure import GXDLMSSecureClient
from rich.console import Console
from rich.table import Table

from edge_agent.link.telegram import reread
from stream_app.dlms.cipher import AuthenticationKey, EncryptionKey, MeterKeys, read_header, unseal
from stream_app.dlms.layout import Push
from stream_app.dlms.notification import Reader
from tests.bench.core import CORE
from tests.simulator.cipher import Cipher
from tests.simulator.framing import AM550_ADDRESS, LLC, e450, hdlc_frame
from tests.stream_app.dlms.telegrams import profile_of, telegrams
from tests.vectors.loader import load_vectors

VECTOR: Final = "iskra-am550-ch-28obj-segmented5"
TITLE, KEY, AUTHENTICATION = b"ISK\x67\x71\x18\x09\xbc", bytes(range(16)), bytes(range(16, 32))
ROUNDS: Final = 50
WARM, COLD = "warm", "cold"
FRAMED, BLOCKS = "warm, from one HDLC frame", "warm, from GBT blocks"
OURS: Final = (WARM, COLD, FRAMED, BLOCKS)


class Contestant(NamedTuple):
    """Who reads, and how often in a round."""

    name: str
    read: Callable[[], Any]
    repeat: int


def plaintext() -> bytes:
    """The push of the vector."""
    (vector,) = (one for one in load_vectors() if one.id == VECTOR)
    (telegram,) = telegrams(vector)
    assert not hasattr(telegram, "error")
    return telegram.apdu


def ours() -> dict[str, Callable[[bytes], Push]]:
    """Header, key's cipher, verification, layout; warm and cold."""
    (vector,) = (one for one in load_vectors() if one.id == VECTOR)
    keys = MeterKeys(EncryptionKey(KEY), AuthenticationKey(AUTHENTICATION))
    profile, warm = profile_of(vector), Reader()
    return {
        WARM: lambda apdu: warm.read(unseal(read_header(apdu), keys), profile),  # type: ignore[arg-type]  # it is sealed
        COLD: lambda apdu: Reader().read(unseal(read_header(apdu), keys), profile),  # type: ignore[arg-type]
    }


def from_link(read: Callable[[bytes], Push], captured: bytes) -> Push:
    """Frames checked and joined before."""
    return read(reread(captured, "hdlc").apdu)


def with_dlms_cosem(apdu: bytes) -> dict[bytes, Any]:
    """Open, parse, name."""
    sealed = GeneralGlobalCipher.from_bytes(apdu)
    if sealed.security_control.authenticated:
        opened = security.decrypt(
            security_control=sealed.security_control,
            system_title=sealed.system_title,
            invocation_counter=sealed.invocation_counter,
            key=KEY,
            cipher_text=sealed.ciphered_text,
            auth_key=AUTHENTICATION,
        )
    else:
        nonce = sealed.system_title + sealed.invocation_counter.to_bytes(4, "big")
        opened = AESGCM(KEY).encrypt(nonce, sealed.ciphered_text, None)[:-16]
    objects, *values = parse_as_dlms_data(DataNotification.from_bytes(opened).body)
    return dict(zip((bytes(one[1]) for one in objects[1:]), values, strict=True))


def with_gurux(level: Security) -> Callable[[bytes], dict[bytes, Any]]:
    """Open, parse, name."""
    client = GXDLMSSecureClient(True, 16, 1, Authentication.NONE, None, InterfaceType.PDU)
    client.ciphering.security = level
    client.ciphering.blockCipherKey, client.ciphering.authenticationKey = KEY, AUTHENTICATION
    client.ciphering.systemTitle = TITLE

    def read(apdu: bytes) -> dict[bytes, Any]:
        notified = GXReplyData()
        with contextlib.redirect_stdout(io.StringIO()):
            client.getData(GXByteBuffer(apdu), GXReplyData(), notified)
        objects, *values = notified.value
        return dict(zip((bytes(one[1]) for one in objects[1:]), values, strict=True))

    return read


def best(contestants: list[Contestant]) -> dict[str, float]:
    """µs of CPU per telegram of each, the best of the alternating rounds."""
    found: dict[str, float] = {}
    gc.collect()
    gc.freeze()  # whoever makes garbage pays for it, not for what the others have loaded
    for _ in range(ROUNDS):
        for name, read, repeat in contestants:
            began = time.process_time()
            for _ in range(repeat):
                read()
            spent = (time.process_time() - began) / repeat * 1e6
            found[name] = min(spent, found.get(name, spent))
    return found


def main() -> None:
    """Print the tables."""
    console, readers, push = Console(), ours(), plaintext()
    for control, level in ((0x20, Security.ENCRYPTION), (0x30, Security.AUTHENTICATION_ENCRYPTION)):
        telegram = Cipher(TITLE, KEY, AUTHENTICATION, control).seal(1, push)
        frame, blocks, warm = hdlc_frame(AM550_ADDRESS, 0x13, LLC + telegram), e450(telegram), readers[WARM]
        contestants = [
            Contestant(WARM, partial(warm, telegram), 2000),
            Contestant(FRAMED, partial(from_link, warm, frame), 1000),
            Contestant(BLOCKS, partial(from_link, warm, blocks), 1000),
            Contestant(COLD, partial(readers[COLD], telegram), 100),
            Contestant("dlms-cosem", partial(with_dlms_cosem, telegram), 40),
            Contestant("Gurux", partial(with_gurux(level), telegram), 4),
        ]
        figures = best(contestants)
        tag = "with a tag" if control & 0x10 else "no tag"
        table = Table(f"{CORE}: 28 objects, {control:02X}, {tag}", "µs of CPU", "÷ warm", "÷ cold", box=None)
        for name, figure in figures.items():
            ratios = ["" if name in OURS else f"{figure / figures[one]:.0f}" for one in (WARM, COLD)]
            table.add_row(name, f"{figure:.1f}", *ratios)
        console.print(table)


if __name__ == "__main__":
    main()
