"""Sharing a community's generation among its members, per quarter-hour, in whole watt-hours.

``C′ = ⌊C·f/100⌋`` and ``P′ = ⌊P·f/100⌋`` take part (f: participation factor in percent); P = ΣP′ is there to be shared.

=================  ==============================================================================================
at-static          A = min(⌊k·P/10000⌋, C′): a share that is not used goes to the grid, not to the others
at-dynamic         min(P, ΣC′) split in proportion to C′
ch-proportional    the same
ch-equal           min(P, ΣC′) filled up like water: everybody gets the same until his C′ is reached
=================  ==============================================================================================

Proportional splits go by largest remainder, ties by metering point; the watt-hours that water-filling leaves over go to
the first metering points that still want one. What was taken, ΣA, is split over the producers by P′ in the same way.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Final, NamedTuple

from stream_app.registry.model import Sharing

Amounts = Mapping[str, int]  # Wh by metering point


class SharingError(Exception):
    """The shares do not add up: a defect of ours, or a registry that was never checked. Nothing may be published."""


class Energy(NamedTuple):
    """One member's quarter-hour: import and export in Wh (None: that side is not measured), factor and static share."""

    metering_point: str
    consumption: int | None
    generation: int | None
    factor_percent: int = 100
    share_permyriad: int | None = None


class Share(NamedTuple):
    """What a member got and gave, Wh. The first four are None for a member without a meter for its import, the last
    three for one without a meter for its export.
    """

    participating: int | None
    share: int | None
    allocated: int | None
    residual: int | None
    participating_generation: int | None
    delivered: int | None
    surplus: int | None


def share(model: Sharing, members: Iterable[Energy]) -> dict[str, Share]:
    """Everybody's share of one quarter-hour, by metering point. Raises ``SharingError`` rather than a wrong amount."""
    by_point = {member.metering_point: member for member in sorted(members)}
    wanted = {p: m.consumption * m.factor_percent // 100 for p, m in by_point.items() if m.consumption is not None}
    offered = {p: m.generation * m.factor_percent // 100 for p, m in by_point.items() if m.generation is not None}
    total = sum(offered.values())
    keys = {point: by_point[point].share_permyriad or 0 for point in wanted}
    shares, allocated = MODELS[model](total, wanted, keys)
    delivered = by_largest_remainder(sum(allocated.values()), offered)
    _check(wanted, allocated, offered, delivered)
    return {
        point: Share(
            participating=wanted.get(point),
            share=shares.get(point),
            allocated=allocated.get(point),
            residual=None if member.consumption is None else member.consumption - allocated[point],
            participating_generation=offered.get(point),
            delivered=delivered.get(point),
            surplus=None if member.generation is None else member.generation - delivered[point],
        )
        for point, member in by_point.items()
    }


def by_largest_remainder(total: int, weights: Amounts) -> dict[str, int]:
    """``total`` split in proportion to ``weights``, exactly; whole weights of 0 get nothing, so Σ is 0 if all are."""
    whole = sum(weights.values())
    if not whole:
        return dict.fromkeys(weights, 0)
    parts = {point: total * weight // whole for point, weight in weights.items()}
    by_remainder = sorted(weights, key=lambda point: (-(total * weights[point] % whole), point))
    for point in by_remainder[: total - sum(parts.values())]:
        parts[point] += 1
    return parts


def by_water_filling(total: int, caps: Amounts) -> dict[str, int]:
    """``total`` (at most Σ ``caps``) so that everybody has the same, or his cap where that is less."""
    parts: dict[str, int] = {}
    thirsty = sorted(caps, key=lambda point: (-caps[point], point))
    while thirsty and caps[thirsty[-1]] * len(thirsty) <= total:
        point = thirsty.pop()
        parts[point] = caps[point]
        total -= caps[point]
    for place, point in enumerate(sorted(thirsty)):
        parts[point] = total // len(thirsty) + (place < total % len(thirsty))
    return parts


Shares = tuple[dict[str, int], dict[str, int]]  # what the model offers each, and what each takes


def _static(total: int, wanted: Amounts, keys: Amounts) -> Shares:
    shares = {point: key * total // 10_000 for point, key in keys.items()}
    return shares, {point: min(shares[point], want) for point, want in wanted.items()}


def _proportional(total: int, wanted: Amounts, _: Amounts) -> Shares:
    taken = by_largest_remainder(min(total, sum(wanted.values())), wanted)
    return taken, taken


def _equal(total: int, wanted: Amounts, _: Amounts) -> Shares:
    taken = by_water_filling(min(total, sum(wanted.values())), wanted)
    return taken, taken


MODELS: Final[dict[str, Callable[[int, Amounts, Amounts], Shares]]] = {
    "at-static": _static,
    "at-dynamic": _proportional,
    "ch-proportional": _proportional,
    "ch-equal": _equal,
}


def _check(wanted: Amounts, allocated: Amounts, offered: Amounts, delivered: Amounts) -> None:
    """0 ≤ A ≤ C′, 0 ≤ D ≤ P′, ΣA = ΣD; with S = P − D it follows that ΣD + ΣS = ΣP."""
    for what, amounts, caps in (("allocated", allocated, wanted), ("delivered", delivered, offered)):
        for point, cap in caps.items():
            if not 0 <= amounts[point] <= cap:
                raise SharingError(f"{what} {amounts[point]} Wh of {cap} Wh at {point}")
    if sum(allocated.values()) != sum(delivered.values()):
        raise SharingError(f"allocated {sum(allocated.values())} Wh, delivered {sum(delivered.values())} Wh")
