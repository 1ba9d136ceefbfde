"""The one error family for bytes that came from a meter.

Every refusal names its kind (the word consumers see), the layer that refused, the reason and the byte. Anything else
that leaves ``edge_agent.link`` or ``stream_app.dlms`` is a defect of ours.
"""

from __future__ import annotations

from typing import ClassVar


class MeterDataError(ValueError):
    """Bad input. ``offset`` counts bytes from the start of what the layer was given; None where no byte is to blame."""

    kind: ClassVar[str]
    layer: str

    def __init__(self, reason: str, *, offset: int | None = None, layer: str | None = None) -> None:
        super().__init__(reason)
        self.reason = reason
        self.offset = offset
        if layer is not None:
            self.layer = layer

    def __str__(self) -> str:
        where = "" if self.offset is None else f" at byte {self.offset}"
        return f"{self.layer}: {self.reason}{where}"


class LinkError(MeterDataError):
    """A frame is damaged: length, checksum, HCS, FCS, stop byte or CRC."""

    kind = "link"
    layer = "link"


class ReassemblyError(MeterDataError):
    """A segment or block is missing, doubled or out of order."""

    kind = "reassembly"
    layer = "link"
