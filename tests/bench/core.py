"""Which core runs here: the checkout's, interpreted, or the one that ``deploy.compile`` has made of it."""

from __future__ import annotations

from typing import Final

from edge_agent.link import telegram

COMPILED: Final = not telegram.__file__.endswith(".py")
CORE: Final = "compiled core" if COMPILED else "interpreted core"
