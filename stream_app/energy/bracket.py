"""The two readings around one or more boundaries, and the register's value at those boundaries.

A register's history is a list of brackets in order of time. Between two neighbours lies exactly one quarter-hour (or
part of one), whose readings the left one tallies; inside a bracket lie the quarters of a gap. What is settled shrinks
to the bare boundary and leaves the list when both its neighbours are settled too.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, NamedTuple

from stream_app.records import Method

SHAPED_MS: Final = 7_200_000  # from here on a gap follows the comparable days


class Mark(NamedTuple):
    """A reading: when, the register counted on across wraps, and whether its tag had verified."""

    at: int
    value: int
    authenticated: bool


@dataclass(slots=True)
class Bracket:
    """``first`` and ``last``: the values published at the first and last boundary inside, None where there is none.

    ``span``: ms between the readings. ``since``: the stream clock when the span came about. ``was``: the readings that
    the published values come from, where narrower ones wait to be used. ``telegrams``, ``coverage`` (ms) and ``broken``
    (the register was reset) are those of the quarter to the right.
    """

    left: Mark
    right: Mark
    since: int = 0
    first: int | None = None
    last: int | None = None
    method: Method = "NONE"
    span: int = 0
    settled: bool = False
    was: tuple[Mark, Mark] | None = None
    telegrams: int = 0
    coverage: int = 0
    broken: bool = False

    @property
    def exact(self) -> bool:
        """Both readings are one, at the boundary; or what is left of a settled boundary."""
        return self.left.at == self.right.at

    @property
    def authenticated(self) -> bool:
        """Both readings had a verified tag."""
        return self.left.authenticated and self.right.authenticated


def between(left: Mark, right: Mark, since: int) -> Bracket:
    """A bracket that has still to be valued."""
    return Bracket(left, right, since, method="INTERPOLATED", span=right.at - left.at)


def lost(left: Mark, right: Mark, since: int) -> Bracket:
    """A bracket whose boundaries have no value: before the first reading, or across a reset of the register."""
    return Bracket(left, right, since)


def exactly(mark: Mark, since: int) -> Bracket:
    """A reading at a boundary."""
    return Bracket(mark, mark, since, mark.value, mark.value, "REGISTER")


def settled_at(boundary: int, value: int | None, of: Bracket) -> Bracket:
    """What is left of a bracket's boundary when it is settled."""
    mark = Mark(boundary, of.right.value if value is None else value, of.authenticated)
    return Bracket(mark, mark, 0, value, value, of.method, of.span, settled=True)


def needed(brackets: list[Bracket]) -> list[Bracket]:
    """The brackets without those that no open quarter needs: settled ones between settled ones."""
    kept: list[Bracket] = []
    before = True
    for bracket, behind in zip(brackets, [*brackets[1:], None], strict=True):
        final = bracket.settled and behind is not None and behind.settled
        if not (final and before):
            kept.append(bracket)
        if final:
            bracket.telegrams = bracket.coverage = 0  # of a quarter that has been told for the last time
        before = bracket.settled
    return kept
