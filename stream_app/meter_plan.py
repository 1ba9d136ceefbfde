"""What registry and keys say of a meter, made ready for use once per change of either."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from operator import itemgetter
from typing import Final, NamedTuple

from stream_app.dlms.cipher import ENCRYPTED
from stream_app.dlms.definitions import packaged
from stream_app.dlms.errors import ProfileError
from stream_app.dlms.layout import Layout
from stream_app.energy import supply
from stream_app.energy.meter_energy import MeterRules, rules_for
from stream_app.energy.quality import unit_of
from stream_app.keys.ring import KeyRing
from stream_app.reading_encoder import ReadingEncoder, reading_prefix
from stream_app.registry.model import NAMES_OCTETS, Directory, Meter, Point
from stream_app.trust import Opened, Policy

MAX_SHAPES: Final = 4096
NEVER: Final = 1 << 62
LITRES: Final = {"m3": 3, "l": 0}  # powers of ten

Step = tuple[int, int, int]  # place in the push (-1: nowhere), times, divided by
Sampler = Callable[[Sequence[int]], tuple[int | None, ...]]


class Limits(NamedTuple):
    """The settings of stage one, in milliseconds."""

    clock_tolerance_ms: int = 300_000
    rotation_grace_ms: int = 3_600_000
    grace_ms: int = 1_800_000


class Shape:
    """What is compiled once per layout and set of quantities, and shared by all meters of a kind.

    ``sample`` picks the registers that make quarters, one per quantity, in Wh, varh or litres; None where there is
    none. ``phases``: the voltages in it.
    """

    __slots__ = ("encoder", "phases", "sample")

    def __init__(self, layout: Layout, quantities: tuple[str, ...]) -> None:
        self.encoder = ReadingEncoder(layout.registers)
        self.sample = _sampler([_step(layout, quantity) for quantity in quantities])
        self.phases = tuple(_phases(layout))


class Form(NamedTuple):
    """What a meter's readings have in common while all it is ``made_of`` stays, and ``since`` ≤ time < ``until``."""

    made_of: tuple[object, ...]
    since: int
    until: int
    prefix: bytes
    shape: Shape


class MeterPlan:
    """One meter's plan; ``octets`` are those of its title."""

    __slots__ = ("_form", "made_from", "octets", "points", "policy", "rules", "supply", "title")

    def __init__(
        self,
        made_from: Knowledge,
        title: str,
        policy: Policy,
        rules: MeterRules,
        points: tuple[Point, ...],
        limits: supply.Limits,
    ) -> None:
        self.made_from = made_from
        self.title = title
        self.octets = bytes.fromhex(title)
        self.policy = policy
        self.rules = rules
        self.points = points
        self.supply = limits
        self._form: Form | None = None

    def point_at(self, at: int) -> Point | None:
        """The metering point served at ``at``; where there are two, the one with the import side."""
        if len(self.points) == 1:
            (point,) = self.points
            return point if point.valid_from <= at and (point.valid_to is None or at < point.valid_to) else None
        valid = [p for p in self.points if p.valid_from <= at and (p.valid_to is None or at < p.valid_to)]
        return min(valid, key=lambda point: point.role == "producer", default=None)

    def form(
        self, header: bytes, partition: int, edge: bytes | None, port: bytes | None, opened: Opened, at: int
    ) -> Form:
        """The form of the last reading, or another one where gateway, key, list, id or metering point have changed."""
        push, key, control = opened.push, opened.key, opened.security_control
        form = self._form
        made_of = (edge, port, control, key, push.layout, push.id_octets)
        if form is not None and form[0] == made_of and form[1] <= at < form[2]:
            return form
        point = self.point_at(at)
        changes = [time for point in self.points for time in (point.valid_from, point.valid_to) if time is not None]
        since = max((time for time in changes if time <= at), default=0)
        until = min((time for time in changes if time > at), default=NEVER)
        prefix = reading_prefix(
            header,
            system_title=self.title,
            device_id=push.device_id,
            metering_point=point.metering_point if point else None,
            site=point.site if point else None,
            encrypted=bool(control & ENCRYPTED),
            authenticated=opened.authenticated,
            key_version=key.keys.version if key else None,
            push_list=push.layout.name,
            edge_id=None if edge is None else edge.decode("utf-8", "replace"),
            port=None if port is None else port.decode("utf-8", "replace"),
            source_partition=partition,
        )
        form = self._form = Form(
            made_of, since, until, prefix, self.made_from.shape(push.layout, self.rules.quantities)
        )
        return form


def _sampler(steps: list[Step]) -> Sampler:
    """Registers that count as they are kept need only be picked."""
    if all(step == (step[0], 1, 1) and step[0] >= 0 for step in steps):
        places = [at for at, _, _ in steps]
        return itemgetter(*places) if len(places) > 1 else lambda values: tuple([values[at] for at in places])
    return lambda values: tuple([None if at < 0 else values[at] * up // down for at, up, down in steps])


def _step(layout: Layout, quantity: str) -> Step:
    """Nowhere, too, if what is there has another unit, or if two channels have it and ``quantity`` names none."""
    unit = unit_of(quantity)
    powers = LITRES if unit == "litre" else {unit: 0, "": 0}
    found = [
        (at, register.scale + powers[register.unit])
        for at, register in enumerate(layout.registers)
        if register.scale is not None
        and quantity in (register.obis, register.obis.partition(":")[2])
        and (register.unit in powers or not unit)
    ]
    if not found or (powers is LITRES and len(found) > 1):
        return -1, 1, 1
    at, exponent = found[0]
    return at, 10 ** max(exponent, 0), 10 ** max(-exponent, 0)


def _phases(layout: Layout) -> Iterator[supply.Phase]:
    for at, register in enumerate(layout.registers):
        quantity = register.obis.partition(":")[2]
        if register.scale is not None and register.unit == "V" and quantity in supply.PHASES:
            yield supply.phase(supply.PHASES.index(quantity), at, register.scale)


class Knowledge:
    """One consistent snapshot of keys and registry; a change of either makes a new one."""

    def __init__(self, ring: KeyRing, directory: Directory, limits: Limits) -> None:
        self.ring = ring
        self.directory = directory
        self.limits = limits
        self._definitions = packaged().with_own(directory.push_lists, directory.scale_profiles)
        self._shapes: dict[tuple[Layout, tuple[str, ...]], Shape] = {}

    def plan(self, title: str) -> MeterPlan:
        """The plan of a meter. Raises ``ProfileError`` for an unknown list, scale or zone, and too many quantities."""
        directory, limits = self.directory, self.limits
        meter = directory.meters.get(title, Meter(title))
        points = directory.points_of_title.get(title, ())
        profile = self._definitions.profile(
            push_list=meter.push_list, scale_profile=meter.scale_profile, timezone=directory.timezone_of(title)
        )
        strict = meter.replay == "strict"
        policy = Policy(meter.security, strict, self.ring.of(title), limits.rotation_grace_ms, profile)
        rules = rules_for(meter, points, grace_ms=limits.grace_ms)
        if len(" ".join(rules.quantities)) > NAMES_OCTETS:  # folders that name so many have been applied
            raise ProfileError("its points name more quantities than the state of a meter has room for")
        watched = supply.Limits(title, meter.push_seconds * 1000, meter.max_power_w)
        return MeterPlan(self, title, policy, rules, points, watched)

    def shape(self, layout: Layout, quantities: tuple[str, ...]) -> Shape:
        """The compiled shape of a layout."""
        key = (layout, quantities)
        shape = self._shapes.get(key)
        if shape is None:
            if len(self._shapes) >= MAX_SHAPES:
                self._shapes.clear()
            shape = self._shapes[key] = Shape(*key)
        return shape
