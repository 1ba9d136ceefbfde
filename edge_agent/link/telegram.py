"""One telegram back from its captured bytes, as the worker needs it for every record.

The ``Delimiter`` defines what a telegram is. ``reread`` takes a short way through captures in which everything is in
its place, and hands all others to it.
"""

from __future__ import annotations

from edge_agent.link.delimiter import STARTS, Delimiter
from edge_agent.link.errors import LinkError
from edge_agent.link.frame import Refused, Telegram

__all__ = ["Refused", "Telegram", "reread"]


def reread(captured: bytes, link: str = "auto") -> Telegram:
    """The one telegram in ``captured``. Raises the error family where there is none, a broken one or more."""
    if link not in STARTS:
        raise LinkError(f"no link is called {link!r}")
    delimiter = Delimiter(link)
    found = delimiter.feed(captured) + delimiter.idle()
    for one in found:
        if isinstance(one, Refused):
            raise one.error
    match found:
        case [Telegram() as telegram]:
            return telegram
        case []:
            raise LinkError("no telegram begins here", offset=0, layer=link)
    raise LinkError(f"{len(found)} telegrams in one record", offset=len(found[0].captured), layer=link)
