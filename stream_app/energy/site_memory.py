"""What is remembered of a site, and its form in the changelog.

A registry correction or late data may reopen any quarter of the last weeks, and a balance is always computed from all
members. So a site remembers its quarters whole, each small: a quarter is an object only from when it is touched until
the next commit, then JSON of some hundred bytes; two hours after a block of six hours has ended its 24 quarters become
one compressed blob, in which what repeats (titles, points, a silent meter's MISSING) costs next to nothing. A block
leaves after ``kept_days`` if nothing in it is missing, after ``LOST_MS`` in any case; so a revision is never forgotten
while it may have a successor. Where a site has rules for plausibility, what leaves is *past* for as long as a quarter
that may be revised can refer to it: read to compare with, never revised.

Changelog keys (the site last, as it may hold any character):

====================  ================================================================================
``h|site``            head: source offset, first, through, folded, forgotten
``r|site``            the registry rows in force, to see what a new directory changes, also after a restart
``q|start|site``      a quarter that is not folded
``b|start|site``      a folded block
``p|start|site``      a block that is past
====================  ================================================================================
"""

from __future__ import annotations

import json
import zlib
from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping
from typing import Any, Final

from stream_app.energy.judge import Judge
from stream_app.energy.originals import BLOCK_MS
from stream_app.energy.plausibility import Verdict
from stream_app.energy.quality import DAY_MS, METHODS, QUALITIES, QUARTER_MS, Series
from stream_app.energy.site import PLAUSIBLE, Part, Quarter, Rows
from stream_app.registry.model import Member, Point, Site, ValidationRule

FOLD_AFTER_MS: Final = 7_200_000  # nearly all revisions come within the grace period, few after two hours
LOST_MS: Final = 400 * DAY_MS  # a yearly settlement and its month of grace

Change = tuple[bytes, bytes | None]


class SiteMemory:
    """One site.

    ``first``: start of the first quarter that has a record, None while nothing is known; ``through``: all quarters
    before it have all their records; ``folded``: quarters before it live in blocks; ``forgotten``: what is earlier and
    not held may have left; ``offset``: the last source record taken; ``complete``: quarters after ``through`` known to
    have all their records, only to save a look; ``judge``: None for a site without rules.
    """

    __slots__ = (
        "_blocks",
        "_gone",
        "_live",
        "_packed",
        "_past",
        "_past_moved",
        "_rows_changed",
        "complete",
        "first",
        "folded",
        "forgotten",
        "judge",
        "name",
        "offset",
        "rows",
        "through",
    )

    def __init__(self, name: str) -> None:
        self.name = name
        self.rows = Rows()
        self.offset = -1
        self.first: int | None = None
        self.through = 0
        self.folded = 0
        self.forgotten = 0
        self.complete: set[int] = set()
        self._live: dict[int, Quarter] = {}
        self._packed: dict[int, bytes] = {}
        self._blocks: dict[int, bytes] = {}
        self._gone: list[int] = []
        self._past: dict[int, bytes] = {}
        self._past_moved: set[int] = set()
        self.judge: Judge | None = None
        self._rows_changed = False

    def begin(self, start: int) -> bool:
        """There is to be a record from this quarter on. True if that is news."""
        if self.first is None:
            self.first, self.through, self.folded = start, start, _block(start)
            return True
        if start < self.first:
            self.first = start
            self.look_again(start)
            return True
        return False

    def look_again(self, start: int) -> None:
        """Records may be lacking from this quarter on."""
        self.through = min(self.through, start)
        self.folded = min(self.folded, _block(start))

    def adopt(self, rows: Rows) -> None:
        """Put new registry rows in force."""
        self._put_in_force(rows)
        self.complete.clear()
        self._rows_changed = True

    def _put_in_force(self, rows: Rows) -> None:
        self.rows = rows
        self.judge = Judge(rows, self._glance) if rows.rules else None

    def verdicts(self, start: int) -> Mapping[Series, Verdict]:
        """The verdicts of the rules in force on a quarter."""
        return PLAUSIBLE if self.judge is None else self.judge.verdicts(start)

    def _glance(self, block: int) -> dict[int, Quarter]:
        """What is held of a block, to be looked at only."""
        blob = self._blocks.get(block) or self._past.get(block)
        held = {quarter.start: quarter for quarter in (_unpack(zlib.decompress(blob)) if blob else ())}
        for start in range(block, block + BLOCK_MS, QUARTER_MS):
            if start in self._live:
                held[start] = self._live[start]
            elif start in self._packed:
                (held[start],) = _unpack(self._packed[start])
        return held

    def open(self, start: int) -> Quarter:
        """The quarter that begins at ``start``, to be changed; an empty one if nothing is held."""
        if start not in self._live:
            packed = self._packed.get(start)
            if packed is not None:
                (self._live[start],) = _unpack(packed)
            else:
                self._open_block(_block(start))
        return self._live.setdefault(start, Quarter(start))

    def _open_block(self, block: int) -> None:
        """A block is written as a whole, so it is opened as a whole; what is packed of its time is newer."""
        for quarter in self.quarters_of(block):
            if quarter.start not in self._packed:
                self._live.setdefault(quarter.start, quarter)

    def has_left(self, start: int) -> bool:
        """Was there perhaps a record of this quarter that is no longer remembered?"""
        return start < self.forgotten and not self.holds(start)

    def holds(self, start: int) -> bool:
        """Is anything remembered of the time around ``start``?"""
        return start in self._live or start in self._packed or _block(start) in self._blocks

    def starts(self) -> list[int]:
        """Every quarter of which something may be held, in order of time; none before the first that has a record."""
        folded = {block + i * QUARTER_MS for block in self._blocks for i in range(BLOCK_MS // QUARTER_MS)}
        return sorted(start for start in folded.union(self._live, self._packed) if start >= (self.first or 0))

    def fold(self, clock: int) -> Iterator[int]:
        """Move ``folded`` on as far as the clock allows; yields each block that has come to be folded."""
        while self.folded + BLOCK_MS <= min(self.through, clock - FOLD_AFTER_MS):
            yield self.folded
            self.folded += BLOCK_MS

    def quarters_of(self, block: int) -> list[Quarter]:
        """What a folded block holds."""
        packed = self._blocks.get(block)
        return _unpack(zlib.decompress(packed)) if packed else []

    def forget(self, block: int) -> None:
        """Let a block go."""
        if self._blocks.pop(block, None) is not None:
            self._gone.append(block)
            self.forgotten = max(self.forgotten, block + BLOCK_MS)

    def retire(self, block: int) -> None:
        """Let a block go, but for what others are compared with."""
        if block in self._blocks:
            self._past[block] = self._blocks[block]
            self._past_moved.add(block)
            self.forget(block)

    def release(self, block: int, reach_ms: int) -> None:
        """Let go of a past block unless something that may be revised refers so far back."""
        referring = range(block, block + reach_ms + BLOCK_MS, BLOCK_MS)
        if block in self._past and (self.judge is None or not any(later in self._blocks for later in referring)):
            del self._past[block]
            self._past_moved.add(block)

    def changes(self) -> list[Change]:
        """Changelog records for what was touched since the last call."""
        changed: list[Change] = []
        name = self.name.encode()
        moved: defaultdict[int, dict[int, Quarter]] = defaultdict(dict)
        for start, quarter in self._live.items():
            if not (quarter.parts or quarter.series):
                continue
            if start < self.folded:
                moved[_block(start)][start] = quarter
            else:
                self._packed[start] = _pack([quarter])
                changed.append((b"q|%d|%b" % (start, name), self._packed[start]))
        for start in [start for start in self._packed if start < self.folded]:
            (quarter,) = _unpack(self._packed.pop(start))
            moved[_block(start)].setdefault(start, quarter)
            changed.append((b"q|%d|%b" % (start, name), None))
        self._live.clear()
        for block, quarters in moved.items():
            merged = {quarter.start: quarter for quarter in self.quarters_of(block)} | quarters
            self._blocks[block] = zlib.compress(_pack(merged.values()))
            changed.append((b"b|%d|%b" % (block, name), self._blocks[block]))
        changed += [(b"b|%d|%b" % (block, name), None) for block in self._gone if block not in self._blocks]
        self._gone.clear()
        changed += [(b"p|%d|%b" % (block, name), self._past.get(block)) for block in sorted(self._past_moved)]
        self._past_moved.clear()
        if self._rows_changed:
            changed.append((b"r|%b" % name, _dump(self.rows)))
            self._rows_changed = False
        changed.append((b"h|%b" % name, _dump([self.offset, self.first, self.through, self.folded, self.forgotten])))
        return changed

    def restore(self, kind: bytes, at: int, value: bytes) -> None:
        """Take one changelog value: ``kind`` is the letter of its key, ``at`` the time in it."""
        if kind == b"q":
            self._packed[at] = value
        elif kind == b"b":
            self._blocks[at] = value
        elif kind == b"p":
            self._past[at] = value
        elif kind == b"r":
            site, points, members, *rules = json.loads(value)
            self._put_in_force(
                Rows(
                    Site(*site) if site else None,
                    tuple(Point._make(row)._replace(quantities=tuple(row[10])) for row in points),
                    tuple(Member(*row) for row in members),
                    tuple(ValidationRule(*row) for table in rules for row in table),
                )
            )
        else:
            self.offset, self.first, self.through, self.folded, self.forgotten = json.loads(value)


def _block(start: int) -> int:
    return start // BLOCK_MS * BLOCK_MS


def _dump(value: Any) -> bytes:
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False).encode()


def _pack(quarters: Collection[Quarter]) -> bytes:
    """Four tables, by column and sorted by name before time, so that what repeats stands together.

    Before them the start of the first quarter, from which the others are counted.
    """
    first = min(quarter.start for quarter in quarters)
    balances, parts, series, allocations = [], [], [], []
    for quarter in quarters:
        start, at = quarter.start, (quarter.start - first) // QUARTER_MS
        balances.append((at, quarter.balance))
        for counter, stretches in quarter.parts.items():
            for (since, until), (amount, quality, method, *rest) in stretches.items():
                grades = QUALITIES.index(quality), METHODS.index(method)
                parts.append((*counter, at, since - start, until - start, amount, *grades, *rest))
        series += [(*key, at, revision, key in quarter.adjusted) for key, revision in quarter.series.items()]
        allocations += [(point, at, revision) for point, revision in quarter.allocations.items()]
    tables = (list(zip(*sorted(table), strict=True)) for table in (balances, parts, series, allocations))
    return _dump([first, *tables])


def _unpack(packed: bytes) -> list[Quarter]:
    first, *tables = json.loads(packed)
    balances, parts, series, allocations = (zip(*table, strict=True) for table in tables)
    found: dict[int, Quarter] = {}
    for at, balance in balances:
        found[at] = Quarter(first + at * QUARTER_MS)
        found[at].balance = balance
    for title, quantity, at, since, until, amount, quality, method, *rest in parts:
        start = found[at].start
        part = Part(amount, QUALITIES[quality], METHODS[method], *rest)
        found[at].put(title, quantity, start + since, start + until, part)
    for point, quantity, at, revision, adjusted in series:
        found[at].series[point, quantity] = revision
        if adjusted:
            found[at].adjusted.add((point, quantity))
    for point, at, revision in allocations:
        found[at].allocations[point] = revision
    return list(found.values())
