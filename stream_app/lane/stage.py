"""What the lane and a stage say to each other: records in, outputs and changes out.

A stage is pure: it is handed one partition's state, a batch of records and the time, and answers with outputs. It
never awaits, reads no clock and keeps nothing outside the state, so the lane may run it, throw the state away and run
it again from the committed offset.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple, Protocol, TypeVar

Headers = Sequence[tuple[str, bytes | None]]


class Record(Protocol):
    """A Kafka record as consumed; aiokafka's ``ConsumerRecord`` is one. ``timestamp`` is in epoch milliseconds."""

    @property
    def topic(self) -> str: ...  # noqa: D102
    @property
    def partition(self) -> int: ...  # noqa: D102
    @property
    def offset(self) -> int: ...  # noqa: D102
    @property
    def timestamp(self) -> int: ...  # noqa: D102
    @property
    def key(self) -> bytes | None: ...  # noqa: D102
    @property
    def value(self) -> bytes | None: ...  # noqa: D102
    @property
    def headers(self) -> Headers: ...  # noqa: D102


class Output(NamedTuple):
    """A record to be produced in the transaction that commits the input it came from.

    ``partition`` None means the number of the input's partition; bytes are hashed (murmur2, as aiokafka and the Java
    client do); an int is taken as it is. ``timestamp`` is in epoch milliseconds.
    """

    topic: str
    key: bytes | None
    value: bytes | None
    timestamp: int
    partition: int | bytes | None = None
    headers: Headers = ()


State = TypeVar("State")


class Stage(Protocol[State]):
    """A pure step over the batches of one topic, with one state object per input partition."""

    topic: str
    changelog: str

    def new_state(self, partition: int) -> State:
        """The state of a partition of which nothing is known yet."""

    def restore(self, state: State, entries: Mapping[bytes, bytes]) -> None:
        """Fill a new state with the newest changelog value of every key, tombstones already removed."""

    def step(self, state: State, records: Sequence[Record], now: int) -> list[Output]:
        """Process a batch in offset order. Total: bad input becomes an output, never an exception."""

    def sweep(self, state: State, now: int) -> list[Output]:
        """What the passing of time brings; called about once a second between batches, also on a silent partition."""

    def changes(self, state: State) -> list[tuple[bytes, bytes | None]]:
        """Changelog records for what has changed since the last call; None for a key that has gone."""
