"""The allocations of a community's quarter-hour, from its members' records.

A member with a measured side that has no amount is left out of the sharing: its row has null amounts and quality
MISSING, and all rows of the quarter are provisional. A side that a member does not measure is null as well. A member
whose point is not valid in this quarter has no row.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from stream_app.energy.quality import EXPORT, IMPORT, QUARTER_MS, quality_of_sum
from stream_app.energy.sharing import Energy, Share, share
from stream_app.records import Allocation, Quality, QuarterHour
from stream_app.registry.model import Member, Sharing

NOTHING = Share(None, None, None, None, None, None, None)


def allocations_of(
    site: str,
    model: Sharing,
    start: int,
    members: Iterable[Member],
    records: Mapping[tuple[str, str], QuarterHour],
) -> dict[str, Allocation]:
    """One row, of revision 0, per member point; ``records`` by metering point and quantity. Raises ``SharingError``."""
    sides = {m: _sides(m, records) for m in members}
    measured = {m: side for m, side in sides.items() if side}
    missing = {m for m, side in measured.items() if any(record.amount is None for record in side.values())}
    present = [_energy(m, side) for m, side in measured.items() if m not in missing]
    shares = share(model, present)
    energies = {energy.metering_point: energy for energy in present}
    rows = {}
    for member, side in measured.items():
        point = member.metering_point
        quality: Quality = "MISSING" if member in missing else quality_of_sum(r.quality for r in side.values())
        rows[point] = _row(
            site, model, start, member, energies.get(point), shares.get(point, NOTHING), bool(missing), quality
        )
    return rows


def withdrawn(site: str, model: Sharing, start: int, metering_point: str) -> Allocation:
    """What replaces the row of a point that turned out to be no member."""
    member = Member(site, metering_point, start)
    return _row(site, model, start, member, None, NOTHING, False, "ADJUSTED")


def _sides(member: Member, records: Mapping[tuple[str, str], QuarterHour]) -> dict[str, QuarterHour]:
    keys = ((quantity, (member.metering_point, quantity)) for quantity in (IMPORT, EXPORT))
    return {quantity: records[key] for quantity, key in keys if key in records}


def _energy(member: Member, side: Mapping[str, QuarterHour]) -> Energy:
    return Energy(
        member.metering_point,
        side[IMPORT].amount if IMPORT in side else None,
        side[EXPORT].amount if EXPORT in side else None,
        member.factor_percent,
        member.share_permyriad,
    )


def _row(
    site: str,
    model: Sharing,
    start: int,
    member: Member,
    energy: Energy | None,
    got: Share,
    provisional: bool,
    quality: Quality,
) -> Allocation:
    return Allocation(
        site=site,
        metering_point=member.metering_point,
        start=start,
        end=start + QUARTER_MS,
        method=model,
        consumption_wh=energy.consumption if energy else None,
        participating_wh=got.participating,
        generation_wh=energy.generation if energy else None,
        participating_generation_wh=got.participating_generation,
        share_wh=got.share,
        allocated_wh=got.allocated,
        residual_wh=got.residual,
        delivered_wh=got.delivered,
        surplus_wh=got.surplus,
        factor_percent=member.factor_percent,
        provisional=provisional,
        quality=quality,
        revision=0,
    )
