"""One register's brackets: valued, narrowed, settled, and the quarters between them published as they change.

* A bracket within tolerance settles when the grace has passed; it never changes again. At most 32 wait.
* A wider one is a gap. It settles after 31 days, when every copy of a telegram that could narrow it has expired, or
  when there are more than 16. While it is open the half-hours of the profile that it uses stand still.
* A late reading narrows its bracket. What comes within tolerance is published at once; what stays wide is estimated
  anew at most once a minute of the stream clock, and till then keeps the values that were published, so that
  consecutive quarters share their boundary value at any moment.
"""

from __future__ import annotations

from itertools import pairwise
from typing import Final, NamedTuple

from stream_app.energy.bracket import SHAPED_MS, Bracket, Mark, between, exactly, needed, settled_at
from stream_app.energy.estimation import covers, learn, values_at
from stream_app.energy.meter_rules import MeterRules, RegisterRules
from stream_app.energy.quality import METHODS, QUARTER_MS
from stream_app.records import Method, Quality

MAX_GAPS: Final = 16
MAX_WAITING: Final = 32
GAP_MS: Final = 31 * 86_400_000  # frames and rejects are kept for 30 days
REFRESH_MS: Final = 60_000
NEVER: Final = 1 << 62


class Amount(NamedTuple):
    """What is published of one quarter, but for its site; fields as in ``MeterQuarter``."""

    amount: int | None
    quality: Quality
    method: Method
    coverage_s: int
    telegrams: int
    boundary_distance_ms: int
    authenticated: bool
    settled: bool


class History:
    """``published``: by (start, end), what has changed. ``crowded``: gaps settled early since it was opened."""

    def __init__(
        self, rules: RegisterRules, meter: MeterRules, clock: int, brackets: list[Bracket], stale: int, profile: bytes
    ) -> None:
        self.rules = rules
        self.tolerance = meter.tolerance_ms
        self.grace = meter.grace_ms
        self.clock = clock
        self.brackets = brackets
        self.stale = stale
        self.profile = profile
        self.published: dict[tuple[int, int], Amount] = {}
        self.crowded: list[Bracket] = []

    def append(self, bracket: Bracket) -> None:
        """Add the newest bracket and publish the quarters it closes."""
        self.brackets.append(bracket)
        self._value(bracket)
        self._publish(len(self.brackets) - 2)
        self._make_room()

    def append_break(self, bracket: Bracket) -> None:
        """Add a bracket across which the register was reset: its boundaries have no value, for good."""
        bracket.settled = True
        self.brackets.append(bracket)
        self._value(bracket)
        self._publish(len(self.brackets) - 2)
        self._shrink(len(self.brackets) - 1)

    def deadline(self, bracket: Bracket) -> int:
        """The stream clock at which a bracket settles. What lies before the first reading is as open as a gap."""
        near = bracket.span <= self.tolerance and bracket.method != "NONE"
        return bracket.since + (self.grace if near else GAP_MS)

    def due(self) -> int:
        """The stream clock at which time alone has something to say; a crossing of the next boundary says it sooner.

        What is past its deadline is final from then on, as it settles before any later reading is looked at.
        """
        deadlines = [self.deadline(b) + QUARTER_MS for b in self.brackets if not b.settled]
        return min(deadlines + [self.stale + REFRESH_MS] * (self.stale > 0), default=NEVER)

    def let_time_pass(self) -> None:
        """Do what is due."""
        if self.stale and self.clock >= self.stale + REFRESH_MS:
            self.refresh()
        due = [b for b in self.brackets if not b.settled and self.deadline(b) <= self.clock]
        for bracket in due:
            self._settle(bracket)

    def narrow(self, index: int, mark: Mark, *, counted: bool) -> None:
        """A late reading inside an unsettled bracket, which is not the first one."""
        old = self.brackets[index]
        pieces = self._pieces(old.left, mark, old.right, old)
        self._replace(index, [], pieces, (old.left, mark, old.right), counted=counted)

    def precede(self, mark: Mark, origin: Bracket, *, counted: bool) -> None:
        """A late reading before the first one, while that may still come."""
        old = self.brackets[0]
        origin.since = old.since
        pieces = self._pieces(None, mark, old.right, old)
        if old.exact:
            self.brackets.insert(0, old)
        if not pieces and not old.exact:
            origin.telegrams, origin.coverage, origin.broken = old.telegrams, old.coverage, old.broken
        self._replace(0, [origin], pieces, (mark, mark, old.right), counted=counted)

    def refresh(self) -> None:
        """Estimate anew what has waited for it."""
        for index, bracket in enumerate(self.brackets):
            if bracket.was is not None:
                self._value(bracket)
                self._publish(index - 1)
                self._publish(index)
        self.stale = 0

    def recut(self) -> None:
        """The boundaries or sites have changed: make the brackets fit, and publish all that is not settled."""
        kept = [b for b in self.brackets if b.settled or b.exact or self.rules.inside(b.left.at, b.right.at)]
        self.brackets[:] = kept[:1]
        for left, right in pairwise(kept):
            if not (left.settled and right.settled):  # between those, all is final
                self._bridge(left, right.left)
            self.brackets.append(right)
        for index, bracket in enumerate(self.brackets):
            if not bracket.settled:
                self._value(bracket)
                self._publish(index - 1)
                self._publish(index)
        self.stale = 0

    def bridge(self, front: Mark) -> None:
        """Set brackets for boundaries that came to lie among the readings since the last bracket."""
        if self._bridge(self.brackets[-1], front):
            self._value(self.brackets[-1])
            self._publish(len(self.brackets) - 2)

    def _bridge(self, left: Bracket, right: Mark) -> bool:
        if left.last is None or not self.rules.inside(left.right.at, right.at):
            return False
        left.telegrams = left.coverage = 0  # nobody knows on which side of the new boundary they were
        self.brackets.append(between(left.right, right, self.clock))
        return True

    def _pieces(self, left: Mark | None, mark: Mark, right: Mark, old: Bracket) -> list[Bracket]:
        """What is left to bracket on both sides of a late reading; the last piece inherits the old one's tally."""
        pieces: list[Bracket] = []
        if left and self.rules.inside(left.at, mark.at):
            pieces.append(between(left, mark, self._since(mark.at - left.at, old)))
        if self.rules.is_boundary(mark.at):
            pieces.append(exactly(mark, self._since(0, old)))
        if self.rules.inside(mark.at, right.at):
            pieces.append(between(mark, right, self._since(right.at - mark.at, old)))
        if pieces and not (left is None and old.exact):
            last = pieces[-1]
            last.telegrams, last.coverage, last.broken = old.telegrams, old.coverage, old.broken
        for piece in pieces:
            if piece.span > self.tolerance and left:
                self._defer(piece, old)
            else:
                self._value(piece)
        return pieces

    def _since(self, span: int, old: Bracket) -> int:
        """A boundary's grace begins when it first comes within tolerance."""
        comes_within = span <= self.tolerance and (old.span > self.tolerance or old.method == "NONE")
        return self.clock if comes_within else old.since

    def _defer(self, piece: Bracket, old: Bracket) -> None:
        """Keep the values that were published until the next refresh."""
        piece.was = old.was or (old.left, old.right)
        inside = self.rules.inside(piece.left.at, piece.right.at)
        piece.method, (piece.first, piece.last) = values_at(*piece.was, [inside[0], inside[-1]], self.profile)
        self.stale = self.stale or self.clock

    def _replace(
        self, index: int, before: list[Bracket], pieces: list[Bracket], marks: tuple[Mark, Mark, Mark], *, counted: bool
    ) -> None:
        """Put the pieces in place of a bracket, tally the reading and publish what it has changed."""
        self.brackets[index : index + 1] = before + pieces
        left, mark, right = marks
        upto = index + len(before)
        while upto < len(self.brackets) and self._last(self.brackets[upto]) <= mark.at:
            upto += 1
        home = self.brackets[upto - 1]  # its right-hand quarter is the one the reading lies in
        home.telegrams += counted
        if not self.rules.inside(left.at, mark.at):
            self.brackets[index + len(before) - 1].coverage += self._covered(mark.at - left.at)
        if not self.rules.inside(mark.at, right.at):
            home.coverage += self._covered(right.at - mark.at)
        fresh = {id(piece) for piece in before + pieces if piece.was is None}
        for at in range(max(index - 1, 0), index + len(before + pieces)):
            both = self.brackets[at : at + 2]
            if any(id(bracket) in fresh for bracket in both) and not self._publish(at):
                self.refresh()
        self._make_room()

    def _covered(self, elapsed: int) -> int:
        return elapsed if elapsed <= self.tolerance else 0

    def _first(self, bracket: Bracket) -> int:
        return bracket.left.at if bracket.exact else self.rules.after(bracket.left.at)

    def _last(self, bracket: Bracket) -> int:
        return bracket.right.at if bracket.exact else self.rules.before(bracket.right.at)

    def _value(self, bracket: Bracket) -> None:
        """Value the boundaries inside a bracket and publish the quarters between them."""
        if bracket.exact:
            return
        inside = self.rules.inside(bracket.left.at, bracket.right.at)
        values: list[int] | list[None] = [None] * len(inside)
        if bracket.method != "NONE":
            profile = self.profile if bracket.span > self.tolerance else b""
            bracket.method, values = values_at(bracket.left, bracket.right, inside, profile)
        bracket.first, bracket.last, bracket.was = values[0], values[-1], None
        for (start, begun), (end, ended) in pairwise(zip(inside, values, strict=True)):
            amount = None if begun is None or ended is None else ended - begun
            coverage = self._covered(bracket.span) and end - start
            self._tell(start, end, amount, bracket, bracket, coverage, 0)

    def _publish(self, index: int) -> bool:
        """Publish the quarter to the right of a bracket. False if a value that waits for its refresh contradicts."""
        if not 0 <= index < len(self.brackets) - 1:
            return True
        x, y = self.brackets[index : index + 2]
        start, end = self._last(x), self._first(y)
        amount = None if x.last is None or y.first is None or x.broken else y.first - x.last
        if amount is not None and amount < 0:
            return False
        coverage = x.coverage
        for bracket, part in (x, x.right.at - start), (y, end - y.left.at):
            if bracket.method != "NONE" and bracket.span <= self.tolerance:
                coverage += part
        self._tell(start, end, amount, x, y, coverage, x.telegrams)
        return True

    def _tell(
        self, start: int, end: int, amount: int | None, x: Bracket, y: Bracket, coverage: int, telegrams: int
    ) -> None:
        settled = x.settled and y.settled
        if amount is None:
            self.published[start, end] = Amount(None, "MISSING", "NONE", coverage // 1000, telegrams, 0, False, settled)
            return
        span = max(x.span, y.span)
        quality: Quality = "ESTIMATED" if span > self.tolerance else "MEASURED"
        method = max(x.method, y.method, key=METHODS.index)
        authenticated = x.authenticated and y.authenticated
        self.published[start, end] = Amount(
            amount, quality, method, coverage // 1000, telegrams, span, authenticated, settled
        )
        if settled and quality == "MEASURED" and end - start == QUARTER_MS:
            self._learn(start, amount)

    def _learn(self, start: int, amount: int) -> None:
        gaps = (b for b in self.brackets if not b.settled and b.span >= SHAPED_MS and b.span > self.tolerance)
        if not any(covers(gap.left.at, gap.right.at, start) for gap in gaps):
            self.profile = learn(self.profile, start, amount)

    def _settle(self, bracket: Bracket) -> None:
        """Make a bracket final, and with it the quarters whose other boundary is."""
        index = next(i for i, b in enumerate(self.brackets) if b is bracket)
        revalued = bracket.was is not None
        bracket.settled = True
        self._value(bracket)
        for at, neighbour in (index - 1, index - 1), (index, index + 1):
            if 0 <= neighbour < len(self.brackets) and (revalued or self.brackets[neighbour].settled):
                self._publish(at)
        self._shrink(index)

    def _shrink(self, index: int) -> None:
        """Reduce a settled bracket to its outer boundaries, and forget those that no open quarter needs."""
        bracket = self.brackets[index]
        first, last = self._first(bracket), self._last(bracket)
        ends = [settled_at(last, bracket.last, bracket)]
        if first != last:
            ends.insert(0, settled_at(first, bracket.first, bracket))
        covered = bracket.method != "NONE" and bracket.span <= self.tolerance
        if covered and index:
            self.brackets[index - 1].coverage += first - bracket.left.at
        ends[-1].telegrams, ends[-1].broken = bracket.telegrams, bracket.broken
        ends[-1].coverage = bracket.coverage + (bracket.right.at - last if covered else 0)
        self.brackets[index : index + 1] = ends
        self.brackets[:] = needed(self.brackets)

    def _make_room(self) -> None:
        """Settle the oldest where more is open than is to be remembered."""
        open_ = [b for b in self.brackets if not b.settled]
        gaps = [b for b in open_ if b.span > self.tolerance]
        waiting = [b for b in open_ if b.span <= self.tolerance]
        for bracket in gaps[: max(len(gaps) - MAX_GAPS, 0)]:
            self.crowded.append(bracket)
            self._settle(bracket)
        for bracket in waiting[: max(len(waiting) - MAX_WAITING, 0)]:
            self._settle(bracket)
