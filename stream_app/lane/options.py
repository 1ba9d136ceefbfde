"""The settings of a lane, with what each is for."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

Guarantee = Literal["exactly_once", "at_least_once"]


def wall_clock() -> int:
    """Epoch milliseconds."""
    return time.time_ns() // 1_000_000


def ignore(event: str, topic: str, partition: int, details: Mapping[str, object]) -> None:
    """The listener that nobody set."""


@dataclass(frozen=True)
class Options:
    """``client`` goes to every aiokafka client: ``bootstrap_servers``, ``security_protocol``, ``ssl_context`` …"""

    client: Mapping[str, Any]
    processing_guarantee: Guarantee = "exactly_once"
    commit_interval_s: float = 0.5
    sweep_interval_s: float = 1.0
    max_open: int = 20_000  # records in and out of one open interval; then fetching waits for the commit in flight
    max_batch: int = 2_000  # records per call of a step: 40 ms at 20 µs, so that the loop stays responsive
    transaction_timeout_s: float = 10.0  # after this the broker aborts what a dead worker left open
    drain_s: float = 5.0  # how long a revocation or a shutdown waits for the last commit
    clock: Callable[[], int] = wall_clock
    on_event: Callable[[str, str, int, Mapping[str, object]], None] = field(default=ignore, compare=False)

    @property
    def exactly_once(self) -> bool:
        """Transactions, or write order only."""
        return self.processing_guarantee == "exactly_once"

    def offsets_group(self, group: str) -> str:
        """Where positions are committed.

        A plain commit from outside a group is refused while the group has members, so that the lane without
        transactions keeps its offsets under a name of its own. A transactional commit is not refused.
        """
        return group if self.exactly_once else f"{group}-offsets"
