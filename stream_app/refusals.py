"""What becomes of a refused telegram: a reject with the original bytes, and an event where a person should know.

One wrong key at twelve telegrams a minute is one alarm with a count, not a flood: per title and kind the first refusal
is told at once, what follows within the hour is summed up.
"""

from __future__ import annotations

from itertools import takewhile
from typing import Final

from edge_agent.link.errors import MeterDataError
from stream_app.dlms.errors import WrongKeyError
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
    "plaintext": ("telegram.damaged", "WARNING"),
    "authentication": ("security.authentication", "ALARM"),
    "replay": ("security.replay", "ALARM"),
    "misrouted": ("security.misrouted", "ALARM"),
    "downgrade": ("security.downgrade", "ALARM"),
    "clear_text_refused": ("security.clear_text", "ALARM"),
}
KEY_WRONG: Final[tuple[str, Severity]] = ("key.wrong", "WARNING")


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
    """Which alarms were told lately. Lost with the worker on purpose: an alarm told twice harms nobody."""

    __slots__ = ("_quiet",)

    def __init__(self) -> None:
        self._quiet: dict[tuple[str, str], tuple[Event, list[int]]] = {}  # (source, type): [count of those not told]

    def refused(self, title: str, error: MeterDataError, at: int) -> Event | None:
        """The event this refusal deserves, None while one like it is fresh, or for a second gateway's harmless copy."""
        if error.reason == Verdict.SAME_TELEGRAM.value:
            return None
        kind, severity = KEY_WRONG if isinstance(error, WrongKeyError) else EVENT_OF_KIND[error.kind]
        return self.tell(Event(title, at, kind, severity, str(error)[:MAX_DETAIL], title))

    def tell(self, event: Event) -> Event | None:
        """The event, or None while one of the same source and type is fresh: then it is counted."""
        key = (event.source, event.type)
        fresh = self._quiet.get(key)
        if fresh is not None and event.at < fresh[0].at + QUIET_MS:
            fresh[1][0] += 1
            return None
        untold = self._quiet.pop(key)[1][0] if fresh is not None else 0
        if len(self._quiet) >= MAX_QUIET:
            del self._quiet[next(iter(self._quiet))]
        self._quiet[key] = (event, [0])
        return _summed(event, event.detail, untold)

    def sweep(self, at: int) -> list[Event]:
        """The sums of those whose hour is over."""
        over = list(takewhile(lambda key: self._quiet[key][0].at + QUIET_MS <= at, self._quiet))  # oldest first
        sums = [self._quiet.pop(key) for key in over]
        return [_summed(event._replace(at=at), "went on", untold) for event, (untold,) in sums if untold]


def _summed(event: Event, detail: str, untold: int) -> Event:
    more = f" ({untold} more in the hour before)" if untold else ""
    return event._replace(detail=detail + more)
