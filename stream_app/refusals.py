"""What becomes of a refused telegram: a reject with the original bytes, and an event where a person should know.

One wrong key at twelve telegrams a minute is one alarm with a count, not a flood: per title and kind the first refusal
is told at once, what follows within the hour is summed up.
"""

from __future__ import annotations

from itertools import takewhile
from typing import Final

from edge_agent.link.errors import MeterDataError
from stream_app.lane.stage import Output, Record
from stream_app.records import Event, Severity
from stream_app.replay import Verdict

QUIET_MS: Final = 3_600_000
MAX_QUIET: Final = (
    10_000  # titles × kinds remembered; beyond it the longest silent one is forgotten and may be told again
)
MAX_DETAIL: Final = 500  # characters of a reason; the bytes are in the reject

REJECT_HEADERS: Final = ("error", "layer", "reason", "source")

EVENT_OF_KIND: Final[dict[str, tuple[str, Severity]]] = {
    "link": ("telegram.damaged", "WARNING"),
    "reassembly": ("telegram.damaged", "WARNING"),
    "cipher_header": ("telegram.damaged", "WARNING"),
    "encoding": ("telegram.damaged", "WARNING"),
    "profile": ("profile.unfit", "WARNING"),
    "unknown_key": ("key.unknown", "WARNING"),
    "plaintext": ("key.wrong", "WARNING"),
    "authentication": ("security.authentication", "ALARM"),
    "replay": ("security.replay", "ALARM"),
    "misrouted": ("security.misrouted", "ALARM"),
    "downgrade": ("security.downgrade", "ALARM"),
    "clear_text_refused": ("security.clear_text", "ALARM"),
}


def reject(topic: str, record: Record, error: MeterDataError) -> Output:
    """The refused record, key and value unchanged, with kind, layer, reason and source in its headers."""
    told = {
        "error": error.kind,
        "layer": error.layer,
        "reason": error.reason if error.offset is None else f"{error.reason} at byte {error.offset}",
        "source": f"{record.topic}/{record.partition}/{record.offset}",
    }
    kept = [header for header in record.headers if header[0] not in told]
    headers = kept + [(name, text[:MAX_DETAIL].encode()) for name, text in told.items()]
    return Output(topic, record.key, record.value, record.timestamp, None, headers)


class Alarms:
    """Which refusals were told lately. Lost with the worker on purpose: an alarm told twice harms nobody."""

    __slots__ = ("_quiet",)

    def __init__(self) -> None:
        self._quiet: dict[tuple[str, str], list[int]] = {}  # (title, kind): [until, refusals not told]

    def refused(self, title: str, error: MeterDataError, at: int) -> Event | None:
        """The event this refusal deserves, None while one like it is fresh, or for a second gateway's harmless copy."""
        if error.reason == Verdict.SAME_TELEGRAM.value:
            return None
        entry = self._quiet.get((title, error.kind))
        if entry is not None and at < entry[0]:
            entry[1] += 1
            return None
        untold = self._quiet.pop((title, error.kind), (0, 0))[1]
        if len(self._quiet) >= MAX_QUIET:
            del self._quiet[next(iter(self._quiet))]
        self._quiet[title, error.kind] = [at + QUIET_MS, 0]
        return _event(title, error.kind, at, str(error), untold)

    def sweep(self, at: int) -> list[Event]:
        """The sums of those whose hour is over."""
        over = list(takewhile(lambda key: self._quiet[key][0] <= at, self._quiet))  # they stand in order of time
        sums = [(key, self._quiet.pop(key)[1]) for key in over]
        return [_event(title, kind, at, "went on", count) for (title, kind), count in sums if count]


def _event(title: str, kind: str, at: int, what: str, untold: int) -> Event:
    type_, severity = EVENT_OF_KIND[kind]
    detail = f"{what} ({untold} more in the hour before)" if untold else what
    return Event(title, at, type_, severity, detail[:MAX_DETAIL], title)
