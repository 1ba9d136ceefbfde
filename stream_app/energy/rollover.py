"""Is this register reading believable after that one? Wrap, glitch, reset.

A reading is believed if the register has risen by no more than the connection can draw. A register that went back and
is believable as having passed its highest value has wrapped; behind a gap a second reading has to say so too. Anything
else (a momentary zero, a step back, a jump) is a glitch: it moves nothing, and the next believable reading carries on.
Only if a lower or higher register persists, at ``CONFIRMING`` readings or more over ``CONFIRMING_MS`` that are
believable after each other with none between that is believable after the last good one, has it been reset (serviced,
or exchanged without notice), unless it goes on below the last good reading from where it was before: then that one was
the glitch and is taken back. After a reset counting begins anew, and the quarters of which nobody knows what they held
are MISSING.
"""

from __future__ import annotations

from typing import Final, NamedTuple

from stream_app.energy.bracket import Mark
from stream_app.energy.meter_rules import MS_PER_HOUR, SLACK_MS, RegisterRules

CONFIRMING: Final = 3
REGISTER_END: Final = 1 << 62  # more than any register holds; it is kept in 64 bits
CONFIRMING_MS: Final = 900_000


class Suspects(NamedTuple):
    """Readings that are not believable after the last good one but after each other; values as the meter sent them."""

    first: Mark
    newest: Mark
    length: int

    @property
    def confirmed(self) -> bool:
        """Has the register been reset?"""
        return self.length >= CONFIRMING and self.newest.at - self.first.at >= CONFIRMING_MS


def believable(rise: int, elapsed_ms: int, power_w: int) -> bool:
    """May a register rise by this many Wh in this time?"""
    return rise >= 0 and rise * MS_PER_HOUR <= power_w * (elapsed_ms + SLACK_MS)


def turn(rules: RegisterRules, rise: int, elapsed_ms: int) -> int | None:
    """What a wrap in between adds to the rise: 0 for none; None if the reading cannot be believed."""
    if believable(rise, elapsed_ms, rules.max_power_w):
        return 0
    for modulus in rules.moduli:
        if rise < 0 and believable(rise + modulus, elapsed_ms, rules.wrap_power_w):
            return modulus
    return None


def within(rules: RegisterRules, left: Mark | None, raw: int, at: int, right: Mark) -> int | None:
    """A late reading's value on the scale of the readings around it; None if it does not fit between them."""
    for modulus in (0, *rules.moduli):
        value = raw - modulus
        fits_left = left is None or believable(value - left.value, at - left.at, rules.max_power_w)
        if fits_left and believable(right.value - value, right.at - at, rules.max_power_w):
            return value
    return None


def suspect(rules: RegisterRules, known: Suspects | None, mark: Mark) -> Suspects:
    """The readings in doubt with one more."""
    if known is None:
        return Suspects(mark, mark, 1)
    elapsed = mark.at - known.newest.at
    if elapsed <= 0:
        return known
    if believable(mark.value - known.newest.value, elapsed, rules.max_power_w):
        return Suspects(known.first, mark, known.length + 1)
    return Suspects(mark, mark, 1)
