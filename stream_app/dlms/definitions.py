"""What the wire does not say, by name: the operators' push lists, the makers' scales, the zone of the meter's clock.

Format of the two JSON files: ``push_lists/README.md``. The packaged ones are read once, an operator's own laid over.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from decimal import Decimal
from functools import cache
from importlib.resources import files
from pathlib import Path
from reprlib import repr as brief
from typing import Any, Final, NamedTuple
from zoneinfo import ZoneInfoNotFoundError

from stream_app.dlms.clock import Zone
from stream_app.dlms.errors import ProfileError
from stream_app.dlms.layout import Register
from stream_app.dlms.obis import NO_CODE, Obis, parse

ROLES: Final = frozenset({
    "register", "id", "clock", "text", "time", "date", "ignore", "scaler_unit", "identification", "device_type",
    "capture_time",
})  # fmt: skip
NAMED_ROLES: Final = frozenset({
    "register", "id", "scaler_unit", "identification", "device_type", "capture_time",
})  # fmt: skip
MAX_REGISTERS: Final = 1024  # remembered per profile; a push has some dozens
SCALERS: Final = range(-128, 128)  # an integer of one octet on the wire; a value is written out with all its zeros
FILES: Final = ("push_lists.json", "scale_profiles.json")


class Item(NamedTuple):
    """One value of a push list. ``scale`` is a power of ten, None: ask the scale profile."""

    role: str
    obis: Obis
    scale: int | None
    unit: str


class PushList(NamedTuple):
    """The values of a push in order; or, for a line that carries several pushes, the names of their lists."""

    name: str
    items: tuple[Item, ...]
    names: tuple[str, ...] = ()
    lists: tuple[PushList, ...] = ()  # those named, told apart by their number of values

    def of(self, count: int) -> PushList:
        """The list of a push of ``count`` values; this one where none of several has as many."""
        return next((one for one in self.lists if len(one.items) == count), self)


class Scale(NamedTuple):
    """Power of ten and unit of a quantity; None and empty where nobody knows."""

    scale: int | None
    unit: str


UNKNOWN: Final = Scale(None, "")


class ScaleProfile(NamedTuple):
    """A maker's scales by ``C.D.E``, or ``C.D.*`` for every E."""

    name: str
    rules: dict[str, Scale]

    def of(self, quantity: str) -> Scale:
        """The scale of ``C.D.E``."""
        return self.rules.get(quantity) or self.rules.get(quantity[: quantity.rindex(".")] + ".*", UNKNOWN)


class Registers(dict[str, Register]):
    """The register of a code ``A-B:C.D.E``, scaled as the profile says where the wire does not; those met are kept."""

    def __init__(self, scales: ScaleProfile | None) -> None:
        self.scales = scales

    def __missing__(self, name: str) -> Register:
        if len(self) >= MAX_REGISTERS:
            self.clear()
        scale = UNKNOWN if self.scales is None else self.scales.of(name.partition(":")[2])
        register = self[name] = Register(name, *scale)
        return register


class Profile:
    """How one meter's pushes are to be read. Compared by identity; ``Definitions.profile`` makes each only once."""

    __slots__ = ("push_list", "registers", "zone")

    def __init__(self, push_list: PushList | None, scales: ScaleProfile | None, zone: Zone | None) -> None:
        self.push_list = push_list
        self.registers = Registers(scales)
        self.zone = zone


class Definitions:
    """Push lists and scale profiles by name."""

    def __init__(self, push_lists: Mapping[str, Any], scale_profiles: Mapping[str, Any]) -> None:
        """Take parsed JSON. Raises ``ValueError`` with everything that is wrong, one problem a line."""
        problems: list[str] = []
        self.push_lists = {name: _push_list(name, raw, problems) for name, raw in push_lists.items()}
        self.scale_profiles = {name: _scale_profile(name, raw, problems) for name, raw in scale_profiles.items()}
        if problems:
            raise ValueError("\n".join(problems))
        self._profiles: dict[tuple[str | None, str | None, str | None], Profile] = {}

    def with_own(self, push_lists: Mapping[str, Any], scale_profiles: Mapping[str, Any]) -> Definitions:
        """These and an operator's own, which win over the packaged ones of the same name."""
        own = Definitions(push_lists, scale_profiles)
        own.push_lists = self.push_lists | own.push_lists
        own.scale_profiles = self.scale_profiles | own.scale_profiles
        return own

    def profile(
        self, *, push_list: str | None = None, scale_profile: str | None = None, timezone: str | None = None
    ) -> Profile:
        """The profile of these names, one object for the same names. Raises ``ProfileError`` for an unknown one."""
        names = (push_list or None, scale_profile or None, timezone or None)
        profile = self._profiles.get(names)
        if profile is None:
            profile = Profile(
                self._push_list(names[0]),
                _named(self.scale_profiles, names[1], "scale profile"),
                None if names[2] is None else _zone(names[2]),
            )
            self._profiles[names] = profile
        return profile

    def _push_list(self, name: str | None) -> PushList | None:
        """The list of this name, with its lists where it names several."""
        push_list: PushList | None = _named(self.push_lists, name, "push list")
        if push_list is None or not push_list.names:
            return push_list
        lists: tuple[PushList, ...] = tuple([_named(self.push_lists, one, "push list") for one in push_list.names])
        counts = {len(one.items) for one in lists}
        if 0 in counts or len(counts) < len(lists):
            raise ProfileError(
                f"the lists that push list {name!r} names cannot be told apart by their number of values"
            )
        return push_list._replace(lists=lists)


@cache
def packaged() -> Definitions:
    """The push lists and scale profiles that come with cipstream."""
    folder = files("stream_app.dlms") / "push_lists"
    return Definitions(*(json.loads((folder / name).read_text(encoding="utf-8")) for name in FILES))


def load(folder: Path) -> Definitions:
    """The packaged definitions and those of a folder, either file of which may be missing.

    Raises ``ValueError`` with everything that is wrong, one problem a line, its file in front.
    """
    known = packaged()
    problems: list[str] = []
    for path in [folder / name for name in FILES]:
        try:
            known = known.with_own(*[_entries(path) if path.name == name else {} for name in FILES])
        except ValueError as error:
            problems += [f"{path}: {problem}" for problem in str(error).splitlines()]
    if problems:
        raise ValueError("\n".join(problems))
    return known


def _entries(path: Path) -> dict[str, Any]:
    try:
        entries = json.loads(path.read_text(encoding="utf-8-sig"))
    except FileNotFoundError:
        return {}
    except OSError as error:
        raise ValueError(error.strerror) from error
    except (ValueError, RecursionError) as error:
        raise ValueError(f"is no JSON in UTF-8: {error}") from error
    if not isinstance(entries, dict):
        raise ValueError("is no JSON object of names")
    return entries


def _named(known: Mapping[str, Any], name: str | None, what: str) -> Any:
    if name is None:
        return None
    if name not in known:
        raise ProfileError(f"there is no {what} {name!r}")
    return known[name]


def _zone(name: str) -> Zone:
    try:
        return Zone(name)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise ProfileError(f"there is no time zone {name!r}") from error


def _push_list(name: str, raw: Any, problems: list[str]) -> PushList:
    raw = raw if isinstance(raw, dict) else {}
    items, names = raw.get("items"), raw.get("lists")
    if isinstance(names, list) and names and items is None and all(isinstance(one, str) for one in names):
        return PushList(name, (), tuple(names))
    if not isinstance(items, list):
        problems.append(f"push list {name!r}: has no list of items")
        return PushList(name, ())
    return PushList(
        name, tuple([_item(f"push list {name!r}, item {n}", one, problems) for n, one in enumerate(items, 1)])
    )


def _item(where: str, raw: Any, problems: list[str]) -> Item:
    if not isinstance(raw, dict):
        problems.append(f"{where}: {brief(raw)} is no object with role, obis, scale and unit")
        return Item("ignore", NO_CODE, *UNKNOWN)
    role, code = raw.get("role"), raw.get("obis")
    if not isinstance(role, str) or role not in ROLES:
        problems.append(f"{where}: role {brief(role)} is none of {', '.join(sorted(ROLES))}")
        role = "ignore"
    if role in NAMED_ROLES and not code:
        problems.append(f"{where}: a {role} needs an OBIS code")
    try:
        obis = parse(code) if code else NO_CODE
    except (TypeError, ValueError):
        problems.append(f"{where}: {brief(code)} is no OBIS code")
        obis = NO_CODE
    return Item(role, obis, *_scale(where, raw, problems))


def _scale_profile(name: str, raw: Any, problems: list[str]) -> ScaleProfile:
    rules = raw.get("rules") if isinstance(raw, dict) else None
    if not isinstance(rules, dict):
        problems.append(f"scale profile {name!r}: has no rules")
        return ScaleProfile(name, {})
    where = f"scale profile {name!r}"
    return ScaleProfile(name, {code: _scale(f"{where}, {code}", rule, problems) for code, rule in rules.items()})


def _scale(where: str, raw: Any, problems: list[str]) -> Scale:
    if not isinstance(raw, dict):
        problems.append(f"{where}: {brief(raw)} is no object with scale and unit")
        return UNKNOWN
    factor, unit = raw.get("scale"), raw.get("unit") or ""
    if not isinstance(unit, str) or not unit.isprintable():
        problems.append(f"{where}: unit {brief(unit)} is no text")
        unit = ""
    scale = None if factor is None else _power_of_ten(factor)
    if scale is None and factor is not None:
        problems.append(f"{where}: scale {brief(factor)} is no power of ten")
    return Scale(scale, unit)


def _power_of_ten(factor: Any) -> int | None:
    """``"0.01"`` is -2; None where it is none, or none that a scaler could be."""
    try:
        sign, digits, exponent = Decimal(str(factor)).normalize().as_tuple()
    except ArithmeticError:
        return None
    known = not sign and digits == (1,) and isinstance(exponent, int) and exponent in SCALERS
    return int(exponent) if known else None
