"""How a lane learns which partitions are its own, and what it may ask of whoever knows.

A lane does not join a group. It is told by an adapter (``faust_adapter``; in tests by hand), and protects itself by the
fence of its transactional ids, not by what it was told: being told late, twice or wrongly costs time, never a record.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Protocol


class Owner(Protocol):
    """A lane, as the adapter sees it."""

    @property
    def topic(self) -> str:
        """The topic whose partitions it processes."""

    async def revoked(self) -> None:
        """Partitions are about to be handed out anew; the group waits until this returns."""

    async def assigned(self, partitions: Collection[int]) -> None:
        """Exactly these partitions are yours from now on. Returns at once; no heartbeat is sent before it does."""

    async def stop(self) -> None:
        """Commit and let go of everything, before the worker leaves the group."""


class Group(Protocol):
    """The consumer group, as a lane sees it."""

    @property
    def id(self) -> str:
        """Its name: committed offsets are kept under it, transactional ids begin with it."""

    def confirmed_at(self) -> float:
        """When the newest heartbeat that the coordinator accepted was sent (``time.monotonic``; 0.0 for never).

        A heartbeat sent later than a loss proves that the assignment still stands: the partition may be acquired anew.
        """

    async def crash(self, error: BaseException) -> None:
        """End the worker with a non-zero exit code."""
