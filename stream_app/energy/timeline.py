"""One register in time: the newest reading at the front, and behind it the history that is still open.

The front moves with every telegram and is a handful of numbers. The history is opened only when a boundary is crossed,
a reading comes late or is in doubt, or something is due; the rest of the time it sleeps as bytes.
"""

from __future__ import annotations

from bisect import bisect_left
from typing import Final

from stream_app.energy.bracket import Bracket, Mark, between, exactly, lost
from stream_app.energy.meter_rules import BACKFILL_MS, Known, MeterRules, RegisterRules
from stream_app.energy.packing import pack_history, unpack_history
from stream_app.energy.rollover import REGISTER_END, believable, suspect, turn, within
from stream_app.energy.settling import MAX_GAPS, History
from stream_app.records import Severity

Finding = tuple[str, Severity, str]
NOTHING_YET: Final = -1
EMPTY: Final = pack_history(0, 0, None, [])


class Register:
    """One register of a meter. Times in ms, ``raw`` as the meter sent it.

    ``at``: time of the newest reading, ``NOTHING_YET`` before the first; ``next``: the boundary after it, 0 if every
    reading is to be looked at closely; ``telegrams``, ``coverage``: tally of the open quarter; ``due``: the stream
    clock at which time alone changes something.
    """

    __slots__ = ("at", "authenticated", "coverage", "due", "history", "next", "profile", "raw", "telegrams")

    def __init__(self) -> None:
        self.at = NOTHING_YET
        self.raw = 0
        self.authenticated = False
        self.next = 0
        self.telegrams = 0
        self.coverage = 0
        self.due = 0
        self.history = EMPTY
        self.profile = b""


class Timeline:
    """A register opened for a change; ``close`` puts it to sleep again."""

    def __init__(self, register: Register, rules: RegisterRules, meter: MeterRules, clock: int) -> None:
        self.register = register
        self.rules = rules
        self.clock = clock
        self.findings: list[Finding] = []
        self._tolerance = meter.tolerance_ms
        self._base, stale, self._suspects, brackets = unpack_history(register.history)
        self.history = History(rules, meter, clock, brackets, stale, register.profile)
        self._front: Mark | None = None
        if brackets:
            self._front = Mark(register.at, register.raw + self._base, register.authenticated)
            brackets[-1].telegrams, brackets[-1].coverage = register.telegrams, register.coverage
        self.history.let_time_pass()

    def close(self) -> None:
        """Write everything back."""
        register, history = self.register, self.history
        register.due = history.due()
        if self._front:
            register.at, register.authenticated = self._front.at, self._front.authenticated
            register.raw = self._front.value - self._base
            register.next = 0 if self._suspects else self.rules.after(register.at)
            register.telegrams, register.coverage = history.brackets[-1].telegrams, history.brackets[-1].coverage
            history.brackets[-1].telegrams = history.brackets[-1].coverage = 0
            register.due = min([register.due, *(known.at for known in self.rules.known if known.at > register.at)])
        register.history = pack_history(self._base, history.stale, self._suspects, history.brackets)
        register.profile = history.profile
        for gap in history.crowded:
            self._find(
                "data.gap", "WARNING", f"a gap of {gap.span // 1000} s settled early: more than {MAX_GAPS} are open"
            )

    def read(self, at: int, raw: int, authenticated: bool) -> None:
        """Take a reading of the register."""
        self.adopt_known(self.clock)
        if not 0 <= raw < REGISTER_END:
            self._find("register.glitch", "WARNING", f"no register shows {raw}")
            return
        mark = Mark(at, raw + self._base, authenticated)
        if self._front is None:
            self._begin(mark)
        elif at > self._front.at:
            self._forward(mark, raw)
        elif at < self._front.at:
            self._late(mark, counted=True)

    def adopt_known(self, until: int, *, tell: bool = False) -> None:
        """Take the readings of the registry up to an instant: exact, no telegrams, and each only once."""
        for known in self.rules.known:
            if known.at > until:
                return
            mark = Mark(known.at, known.value + self._base, False)
            if self._front is None or known.at < self._first_at():
                self._begin_with(known, mark)
            elif known.at < self._front.at:
                self._late(mark, counted=False)
            elif known.at > self._front.at:
                self._continue_with(known, mark, tell=tell)

    def recut(self) -> None:
        """Boundaries or sites have changed."""
        if self._front:
            self.history.recut()
            self.history.bridge(self._front)

    def _first_at(self) -> int:
        return self.history.brackets[0].right.at

    def _begin_with(self, known: Known, mark: Mark) -> None:
        if not known.installs or known.at < self.clock - BACKFILL_MS:
            return
        if self._front is None:
            self.history.append(exactly(mark, self.clock))
            self._front = mark
        elif not self.history.brackets[0].settled:
            self._late(mark, counted=False)

    def _continue_with(self, known: Known, mark: Mark, *, tell: bool) -> None:
        front = self._front or mark
        added = turn(self.rules, mark.value - front.value, mark.at - front.at)
        if added is not None:
            self._step(self._wrapped(mark, added), counted=False)
        elif known.installs:
            self._restart(mark)
        elif tell:
            self._find("register.glitch", "WARNING", f"the end reading {known.value} cannot follow the register")

    def _begin(self, mark: Mark) -> None:
        """The first reading: its quarter has no value, unless it begins with it."""
        exact = self.rules.is_boundary(mark.at)
        bracket = exactly(mark, self.clock) if exact else self._origin(mark)
        bracket.telegrams = 1
        self.history.brackets.append(bracket)
        self._front = mark

    def _origin(self, mark: Mark) -> Bracket:
        before = Mark(self.rules.before(mark.at) - 1, mark.value, mark.authenticated)
        return lost(before, mark, self.clock)

    def _forward(self, mark: Mark, raw: int) -> None:
        front = self._front or mark
        elapsed = mark.at - front.at
        added = turn(self.rules, mark.value - front.value, elapsed)
        alone = added and elapsed > self._tolerance and self._suspects is None
        if added is None or alone:  # the longer a gap, the more a momentary zero behind it looks like a wrap
            self._doubt(Mark(mark.at, raw, mark.authenticated))
            return
        self._suspects = None
        self._step(self._wrapped(mark, added), counted=True)

    def _wrapped(self, mark: Mark, added: int) -> Mark:
        if not added:
            return mark
        self._base += added
        self._find("register.wrap", "INFO", f"the register passed {added - 1} and began again at 0")
        return mark._replace(value=mark.value + added)

    def _step(self, mark: Mark, *, counted: bool) -> None:
        """Move the front to a believable reading."""
        front, brackets = self._front or mark, self.history.brackets
        if self.rules.inside(front.at, mark.at):
            gap = between(front, mark, self.clock)
            if gap.span > self._tolerance:
                self._find("data.gap", "INFO", f"no reading of the register for {gap.span // 1000} s")
            self.history.append(gap)
        elif mark.at - front.at <= self._tolerance:
            brackets[-1].coverage += mark.at - front.at
        if self.rules.is_boundary(mark.at):
            self.history.append(exactly(mark, self.clock))
        brackets[-1].telegrams += counted
        self._front = mark

    def _late(self, mark: Mark, *, counted: bool) -> None:
        """A reading older than the front: it narrows the bracket it lies in, or is one more telegram of its quarter."""
        brackets = self.history.brackets
        first = not brackets[0].settled and mark.at < brackets[0].right.at
        index = 0 if first else bisect_left(brackets, mark.at, key=lambda bracket: bracket.right.at)
        inside = index < len(brackets) and (first or brackets[index].left.at < mark.at < brackets[index].right.at)
        if not inside:
            open_ = index == len(brackets) or not brackets[index].settled or not brackets[index - 1].settled
            known = index < len(brackets) and mark.at in (brackets[index].left.at, brackets[index].right.at)
            if index and open_ and not known:
                brackets[index - 1].telegrams += counted
            return
        left = None if first else brackets[index].left
        raw = mark.value - self._base
        value = within(self.rules, left, mark.value, mark.at, brackets[index].right)
        if value is None:
            self._find("register.glitch", "WARNING", f"a late reading of {raw} does not fit between its neighbours")
        elif first:
            placed = mark._replace(value=value)
            self.history.precede(placed, self._origin(placed), counted=counted)
        else:
            self.history.narrow(index, mark._replace(value=value), counted=counted)

    def _doubt(self, mark: Mark) -> None:
        """A reading that cannot follow the last good one: believed only if it lasts."""
        if self._suspects is None:
            last = self.register.raw
            self._find("register.glitch", "WARNING", f"{mark.value} cannot follow {last}; not used unless it lasts")
        self._suspects = suspect(self.rules, self._suspects, mark)
        if self._suspects.confirmed:
            first, newest, _ = self._suspects
            self._suspects = None
            if not self._take_back(first):
                self._restart(first)
            self._step(newest._replace(value=newest.value + self._base), counted=True)

    def _take_back(self, first: Mark) -> bool:
        """Forget the front if it was the glitch: the register goes on below it, from where it was before."""
        front, brackets = self._front or first, self.history.brackets
        last, mark = brackets[-1], first._replace(value=first.value + self._base)
        alone = front.at > last.right.at
        before = last.right if alone else last.left
        sure = alone or not (last.exact or last.settled or last.was or last.method == "NONE")
        rise, elapsed = mark.value - before.value, mark.at - before.at
        if mark.value >= front.value or not sure or not believable(rise, elapsed, self.rules.max_power_w):
            return False
        self._find("register.glitch", "WARNING", f"{front.value - self._base} was not the register's: taken back")
        if not alone:
            brackets.pop()
        self._front = before
        self._step(mark, counted=True)
        return True

    def _restart(self, mark: Mark) -> None:
        """Count on from a register that was reset; ``mark`` as the meter sent it. What lies between is not known."""
        front, brackets = self._front or mark, self.history.brackets
        self._find("register.reset", "ALARM", f"from {front.value - self._base} to {mark.value}: counting begins anew")
        self._base = front.value - mark.value
        mark = mark._replace(value=front.value)
        if self.rules.inside(front.at, mark.at):
            self.history.append_break(lost(front, mark, self.clock))
        else:
            brackets[-1].broken = True
        if self.rules.is_boundary(mark.at):
            self.history.append(exactly(mark, self.clock))
        brackets[-1].telegrams += 1
        self._front = mark

    def _find(self, kind: str, severity: Severity, detail: str) -> None:
        self.findings.append((kind, severity, detail))
