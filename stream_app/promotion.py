"""A newer key version has proved itself: as the event that says so, and back again for the key store."""

from __future__ import annotations

import re
from typing import Final, NamedTuple

from stream_app.records import Event

TYPE: Final = "key.promoted"
_DETAIL: Final = re.compile(r"version (\d+) verified (with|without) a tag")


class Promotion(NamedTuple):
    """``version`` of a meter's key verified at ``at`` (epoch ms); without a tag, a plausible decode is all there is."""

    title: str
    version: int
    at: int
    with_tag: bool

    def event(self) -> Event:
        """The event of this promotion."""
        detail = f"version {self.version} verified {'with' if self.with_tag else 'without'} a tag"
        return Event(self.title, self.at, TYPE, "INFO", detail, self.title)

    @classmethod
    def of(cls, event: Event) -> Promotion | None:
        """The promotion an event tells of, None for all others."""
        told = _DETAIL.fullmatch(event.detail) if event.type == TYPE else None
        return cls(event.source, int(told[1]), event.at, told[2] == "with") if told else None
