"""Refusals of the DLMS layers: ciphering, encoding, meaning. The family's base is in ``edge_agent.link.errors``."""

from __future__ import annotations

from edge_agent.link.errors import MeterDataError


class CipherHeaderError(MeterDataError):
    """The ciphering header cannot be used: lengths, security control, empty title (Green Book 9.2.7)."""

    kind = "cipher_header"
    layer = "cipher"


class UnknownKeyError(MeterDataError):
    """No key is held for this system title."""

    kind = "unknown_key"
    layer = "cipher"


class AuthenticationError(MeterDataError):
    """The tag does not verify, or there is no authentication key to verify it with."""

    kind = "authentication"
    layer = "cipher"


class PlaintextError(MeterDataError):
    """No plaintext, or none that is a push."""

    kind = "plaintext"
    layer = "cipher"


class NoPushError(PlaintextError):
    """The plaintext is another APDU, or none."""


class WrongKeyError(NoPushError):
    """It was deciphered, no tag has verified, and it is no push: most often the nonsense that a wrong key makes."""


class EncodingError(MeterDataError):
    """The body is not valid A-XDR (IEC 61334-6)."""

    kind = "encoding"
    layer = "axdr"


class ProfileError(MeterDataError):
    """The values cannot be named: no push list is configured, or it does not fit."""

    kind = "profile"
    layer = "push"


class ClearTextRefusedError(MeterDataError):
    """Clear text where encryption is required."""

    kind = "clear_text_refused"
    layer = "trust"


class DowngradeError(MeterDataError):
    """Weaker protection than this meter's ``security`` asks for, but not clear text."""

    kind = "downgrade"
    layer = "trust"


class ReplayError(MeterDataError):
    """A frame counter that was accepted before, or is too old to know."""

    kind = "replay"
    layer = "trust"


class MisroutedError(MeterDataError):
    """The Kafka record key is not the telegram's system title: it aims at another partition's replay guard."""

    kind = "misrouted"
    layer = "trust"
