"""Is this telegram what its meter sent, for the first time? Verify first, move second.

``open_telegram`` tries what can be tried and changes nothing; ``Trust.accept`` moves counter and key version, and is
called once the telegram has been read to its end. A forged or unreadable telegram therefore costs the meter nothing.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from enum import Flag
from typing import Final, NamedTuple
from zlib import crc32

from edge_agent.link.errors import MeterDataError
from stream_app.dlms.cipher import AUTHENTICATED, read_header, unseal
from stream_app.dlms.definitions import Profile
from stream_app.dlms.errors import (
    AuthenticationError,
    ClearTextRefusedError,
    DowngradeError,
    NoPushError,
    PlaintextError,
    ReplayError,
    UnknownKeyError,
    WrongKeyError,
)
from stream_app.dlms.layout import Push
from stream_app.keys.ring import SERIES_OCTETS, HeldKey
from stream_app.registry.model import Security
from stream_app.replay import ReplayGuard, Verdict

MAX_SERIES: Final = 3  # encryption keys whose counters are remembered: the one before, today's, the next
NEW: Final = Verdict.NEW
PASSES: Final = (NEW, Verdict.LATE)
NEVER_USED: Final = ReplayGuard()
NOT_EVEN_OPENED: Final = (AuthenticationError, PlaintextError)
_HEAD: Final = struct.Struct(">iqB")


class Moved(Flag):
    """What a telegram moves besides the counter."""

    PROMOTED = 1  # a key version newer than all before has proved itself
    RESET = 2  # an operator's reset has taken effect: a known encryption key begins another series


NOTHING_ELSE: Final = Moved(0)


class Policy(NamedTuple):
    """What is asked of one meter. ``grace_ms``: how long a replaced key version still opens telegrams in flight;
    ``profile``: how to read them."""

    security: Security
    strict: bool
    held: tuple[HeldKey, ...]
    grace_ms: int
    profile: Profile


class Opened:
    """A telegram that was verified, decrypted and read; ``key`` and ``counter`` are None for clear text.

    ``newest`` is the highest counter accepted before under that key, -1 where there was none.
    """

    __slots__ = ("counter", "fingerprint", "key", "newest", "push", "security_control", "verdict")

    def __init__(
        self,
        push: Push,
        key: HeldKey | None = None,
        security_control: int = 0,
        counter: int | None = None,
        fingerprint: int = 0,
        verdict: Verdict = NEW,
        newest: int = -1,
    ) -> None:
        self.push = push
        self.key = key
        self.security_control = security_control
        self.counter = counter
        self.fingerprint = fingerprint
        self.verdict = verdict
        self.newest = newest

    @property
    def authenticated(self) -> bool:
        """Its tag was verified."""
        return bool(self.security_control & AUTHENTICATED)


class Trust:
    """What was accepted of one meter: counters by encryption key, and the newest key version that verified."""

    __slots__ = ("guards", "promoted_at", "version")

    def __init__(self) -> None:
        self.guards: dict[bytes, ReplayGuard] = {}
        self.version = -1
        self.promoted_at = 0

    def candidates(self, policy: Policy, clock: int) -> tuple[HeldKey, ...]:
        """The keys worth a try: the one that opened the last telegram, newer ones, and older ones within the grace."""
        grace = clock - self.promoted_at <= policy.grace_ms
        able = [one for one in policy.held if grace or one.keys.version >= self.version]
        return tuple(sorted(able, key=lambda one: one.keys.version != self.version))

    def accept(self, opened: Opened, clock: int) -> Moved:
        """Move the counter; what else has moved with it."""
        key, counter = opened.key, opened.counter
        moved = NOTHING_ELSE
        if key is None or counter is None:
            return moved
        keys, series = key
        guard = self.guards.get(series)
        if guard is None:
            if any(known[:-1] == series[:-1] for known in self.guards):
                moved |= Moved.RESET
            if len(self.guards) >= MAX_SERIES:
                del self.guards[next(iter(self.guards))]
            guard = self.guards[series] = ReplayGuard()
        guard.accept(counter, opened.fingerprint)
        if keys.version > self.version:
            self.version, self.promoted_at = keys.version, clock
            moved |= Moved.PROMOTED
        return moved

    def pack(self) -> bytes:
        """For the changelog: 43 bytes in normal life."""
        parts = [_HEAD.pack(self.version, self.promoted_at, len(self.guards))]
        for series, guard in self.guards.items():
            parts += series, guard.pack()
        return b"".join(parts)

    @classmethod
    def unpack(cls, data: bytes, at: int) -> tuple[Trust, int]:
        """What was packed at ``at``, and where the next item begins."""
        trust = cls()
        trust.version, trust.promoted_at, count = _HEAD.unpack_from(data, at)
        at += _HEAD.size
        for _ in range(count):
            series = data[at : at + SERIES_OCTETS]
            trust.guards[series], at = ReplayGuard.unpack(data, at + SERIES_OCTETS)
        return trust, at


def open_telegram(
    apdu: bytes, title: bytes, trust: Trust, policy: Policy, read: Callable[[bytes, Profile], Push], clock: int
) -> Opened:
    """Verify, decrypt and read; raises the kind of refusal.

    ``title`` stands in where the meter leaves its own empty; ``clock`` is the stream clock in epoch milliseconds.
    """
    sealed = read_header(apdu, title)
    security, strict, held_keys, _, profile = policy
    if sealed is None:
        if security != "clear":
            raise ClearTextRefusedError(f"clear text, but the meter's security is {security!r}", offset=0)
        return Opened(read(apdu, profile))
    control, counter = sealed.security_control, sealed.frame_counter
    if security == "authenticated" and not control & AUTHENTICATED:
        raise DowngradeError(f"security control {control:02X} has no tag, and this meter must be authenticated")
    refusal: MeterDataError | None = None
    for held in held_keys if len(held_keys) == 1 else trust.candidates(policy, clock):
        try:
            push = read(unseal(sealed, held.keys), profile)
        except MeterDataError as error:
            if refusal is None or not isinstance(error, NOT_EVEN_OPENED):
                refusal = error  # of several keys, the one that got furthest tells what is wrong
            continue
        fingerprint = crc32(apdu)
        guard = trust.guards.get(held.series, NEVER_USED)
        newest = guard.newest
        verdict = NEW if counter > newest else guard.judge(counter, fingerprint, strict=strict)
        if verdict not in PASSES:
            raise ReplayError(verdict.value)
        return Opened(push, held, control, counter, fingerprint, verdict, newest)
    if isinstance(refusal, NoPushError) and not control & AUTHENTICATED:
        raise WrongKeyError(f"{refusal.reason} (wrong key?)", offset=refusal.offset) from refusal
    raise refusal or UnknownKeyError("no key is held for this system title")
