"""What every octet may come to: an answer or a refusal of the error family, quickly, and the same twice.

An input is one octet that says where it enters, two that choose a vector (its keys, lists and zone) and the octets
themselves. Entering at the plaintext matters most: behind a cipher no mutation would ever get that far.
"""

from __future__ import annotations

import time
from functools import cache
from typing import Final, NamedTuple

from edge_agent.link.delimiter import Delimiter
from edge_agent.link.errors import MeterDataError
from edge_agent.link.frame import Refused, Telegram
from stream_app.dlms.definitions import Profile
from stream_app.dlms.notification import Reader
from stream_app.explain.telegrams import explanation
from stream_app.keys.ring import KeyRing
from stream_app.offline import Decoder
from tests.stream_app.dlms.telegrams import keys_of, plaintext_of, profile_of, telegrams
from tests.vectors.loader import load_vectors

SLOWEST_S: Final = 0.05
KINDS: Final = frozenset({
    "valid", "link", "reassembly", "cipher_header", "unknown_key", "authentication", "plaintext", "encoding", "profile",
    "clear_text_refused", "replay",
})  # fmt: skip


class Entry(NamedTuple):
    """A vector, made ready."""

    link: str
    stream: bytes
    apdus: tuple[bytes, ...]
    plaintexts: tuple[bytes, ...]
    keys: KeyRing
    profile: Profile


@cache
def entries() -> tuple[Entry, ...]:
    """All vectors."""
    found = []
    for vector in load_vectors():
        whole = [telegram for telegram in telegrams(vector) if isinstance(telegram, Telegram)]
        plaintexts = []
        for telegram in whole:
            try:
                plaintexts.append(plaintext_of(vector, telegram))
            except MeterDataError:
                continue
        keys = KeyRing(
            [(vector.key_title.hex().upper(), keys_of(vector))] if vector.key_title and vector.encryption_key else []
        )
        apdus = tuple(telegram.apdu for telegram in whole)
        found.append(Entry(vector.link, vector.stream, apdus, tuple(plaintexts), keys, profile_of(vector)))
    return tuple(found)


def corpus() -> list[bytes]:
    """The vectors as inputs, at every place where they may enter."""
    inputs = []
    for index, entry in enumerate(entries()):
        choice = index.to_bytes(2, "big")
        inputs += [bytes((mode,)) + choice + entry.stream for mode in (LINK, AUTO, EXPLAIN)]
        inputs += [bytes((APDU,)) + choice + apdu for apdu in entry.apdus]
        inputs += [bytes((PLAINTEXT,)) + choice + plaintext for plaintext in entry.plaintexts]
    return inputs


def run(data: bytes, reader: Reader) -> str:
    """Put one input through; the kind of its last answer. ``reader`` remembers layouts from input to input."""
    if len(data) < 3:
        return "nothing"
    entry = entries()[int.from_bytes(data[1:3], "big") % len(entries())]
    octets, mode = data[3:], data[0] % MODES
    if mode == PLAINTEXT:
        return _plaintext(octets, entry.profile, reader)
    decoder = Decoder(entry.keys, entry.profile)
    found: list[Telegram | Refused]
    if mode == APDU:
        found = [Telegram(entry.link, octets, octets, None)]
    else:
        delimiter = Delimiter("auto" if mode == AUTO else entry.link)
        found = delimiter.feed(octets) + delimiter.idle()
    kind = "nothing"
    for one in found:
        line = decoder.line(one)
        kind = str(line["result"])
        assert kind in KINDS, kind
        if mode == EXPLAIN:
            assert explanation(one, line, decoder)
    return kind


def run_in_time(data: bytes, reader: Reader) -> str:
    """``run``, three times if it was slow: a busy machine is no hang."""
    for _ in range(3):
        start = time.thread_time()
        kind = run(data, reader)
        if time.thread_time() - start < SLOWEST_S:
            return kind
    raise AssertionError(f"more than {SLOWEST_S} s: {data.hex()}")


def _plaintext(octets: bytes, profile: Profile, reader: Reader) -> str:
    answers: list[tuple[object, ...]] = []
    for one in (reader, Reader()):
        try:
            push = one.read(octets, profile)
            answers.append(("valid", push.values, push.layout.registers, push.ids, push.time))
        except MeterDataError as error:
            answers.append((error.kind, error.reason, error.offset))
    assert answers[0] == answers[1], octets.hex()
    assert answers[0][0] in KINDS
    return str(answers[0][0])


LINK, AUTO, APDU, PLAINTEXT, EXPLAIN = range(5)
MODES: Final = 5
