"""Would the keys at hand open this telegram, and if not: which check fails?

In the order of the checks: is there a ciphered telegram, is a key held for its title, does its tag verify, is what
comes out a push. Where the meter's own keys fail, those of all other meters are tried too: a title mistyped in the
operator's list is found by the key that fits.
"""

from __future__ import annotations

from collections.abc import Callable
from enum import StrEnum
from typing import NamedTuple

from edge_agent.link.errors import MeterDataError
from edge_agent.link.frame import Refused, Telegram
from stream_app.dlms.cipher import Sealed, read_header, unseal
from stream_app.dlms.errors import AuthenticationError, ProfileError
from stream_app.keys.ring import HeldKey, KeyRing


class Check(StrEnum):
    """What a telegram passes or fails."""

    OPENS = "opens"
    CLEAR = "clear text"
    LINK = "link"
    HEADER = "header"
    NO_KEY = "no key"
    TAG = "tag"
    STRUCTURE = "structure"
    WRONG_TITLE = "wrong title"


class Probe(NamedTuple):
    """The answer for one telegram. ``title`` is empty where it could not be read."""

    title: str
    check: Check
    detail: str

    @property
    def passed(self) -> bool:
        """Nothing stands in the way of the worker reading it."""
        return self.check in (Check.OPENS, Check.CLEAR)


def probe(found: Telegram | Refused, ring: KeyRing, decode: Callable[[bytes], object], stand_in: bytes = b"") -> Probe:
    """Try a telegram. ``decode`` reads a plaintext or raises; ``stand_in`` is the title of meters that send none."""
    if isinstance(found, Refused):
        return Probe("", Check.LINK, str(found.error))
    try:
        sealed = read_header(found.apdu, stand_in)
    except MeterDataError as error:
        return Probe("", Check.HEADER, str(error))
    if sealed is None:
        return Probe("", Check.CLEAR, "needs no key")
    title = sealed.title.hex().upper()
    own = [_try(sealed, held, decode) for held in ring.of(title)]
    opened = next((one for one in own if one.passed), None)
    if opened is not None:
        return opened
    for other in ring:
        if any(_try(sealed, held, decode).passed for held in ring.of(other)):
            return Probe(title, Check.WRONG_TITLE, f"the key listed for {other} opens it")
    return own[0] if own else Probe(title, Check.NO_KEY, "none is held for this title")


def _try(sealed: Sealed, held: HeldKey, decode: Callable[[bytes], object]) -> Probe:
    title, version = sealed.title.hex().upper(), held.keys.version
    proof = "tag verified" if sealed.authenticated else "without a tag, its structure fits"
    try:
        decode(unseal(sealed, held.keys))
    except AuthenticationError as error:
        return Probe(title, Check.TAG, f"version {version}: {error.reason}")
    except ProfileError as error:  # read to its end; only names are missing
        return Probe(title, Check.OPENS, f"version {version}, {proof}; but {error.reason}")
    except MeterDataError as error:
        return Probe(title, Check.STRUCTURE, f"version {version}: {error}")
    return Probe(title, Check.OPENS, f"version {version}, {proof}")
