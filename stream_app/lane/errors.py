"""What ends a worker (``LaneError``), and what costs it one partition for a while (``LostError``)."""

from __future__ import annotations


class LaneError(Exception):
    """Going on would risk wrong output: the worker crashes, nothing of the open interval is committed."""


class StageError(LaneError):
    """A stage raised. Stages are total, so this is a defect of ours; the message names the records."""


class StateMismatchError(LaneError):
    """The changelog does not hold the state of the committed offset, or that offset is not in the input topic.

    Somebody reset offsets, truncated or re-created a topic, or wrote into the changelog.
    """


class RefusedOutputError(LaneError):
    """The broker will never take an output: too large, a timestamp out of range, or no permission."""


class LostError(Exception):
    """Somebody else has committed for a partition that we held: what we know of it is worth nothing any more."""
