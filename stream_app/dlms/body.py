"""What the values of a push mean. Meters arrange them in four ways that tell, and one that does not:

    a  object list first, then one value per object     Landis+Gyr, Iskraemeco in Switzerland (Blue Book 4.4.8, IDIS)
    b  OBIS, value, OBIS, value …                       Kamstrup, E450 in Austria
    c  OBIS, value, {scaler, unit} …                    Kaifa, Sagemcom
    d  {OBIS, value, {scaler, unit}} …                  KSMW, Aidon (the object's attribute 0)
    e  value, value …                                   needs the operator's push list

b, c and d mix: KSMW puts the clock's code and value beside each other in front of its structures. Only what tells by
its types is read as a to d; contents never decide, for the remembered layout would not see them change. Whatever else
comes is refused: guessing names makes wrong bills.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from stream_app.dlms import axdr
from stream_app.dlms.axdr import ARRAY, FLOATS, INTEGERS, NULL, OCTET_STRING, STRINGS, STRUCTURE, Cursor, Node
from stream_app.dlms.clock import DATE_TIME_OCTETS
from stream_app.dlms.definitions import Item, Profile, PushList, Scale
from stream_app.dlms.errors import EncodingError, ProfileError
from stream_app.dlms.identity import NAMELESS, Form
from stream_app.dlms.layout import CODE_OCTETS, Register, Sketch
from stream_app.dlms.obis import PERIODS, Kind, Obis, obis
from stream_app.dlms.push_objects import PushObject, read_object_list
from stream_app.dlms.units import cosem_unit

VALUE, SCALER_UNIT, CAPTURE_TIME = 2, 3, 5  # attributes of register and extended register (Blue Book 4.3.2, 4.3.3)
DEMAND_SCALER_UNIT, DEMAND_CAPTURE_TIME = 4, 6  # of a demand register: 3 is the average of the last period (4.3.4)
DEMAND, PUSH_SETUP, MBUS_CLIENT = 5, 40, 72  # classes
REGISTER: Final = Kind.REGISTER

# How identification number and device type of an M-Bus client come (Blue Book 4.8.3): attribute and tag.
MBUS_FORMS: Final = {(6, axdr.DOUBLE_LONG_UNSIGNED): Form.IDENTIFICATION, (9, axdr.UNSIGNED): Form.DEVICE_TYPE}


def read_body(cursor: Cursor, profile: Profile, sketch: Sketch) -> None:
    """Read the body at ``cursor``, to the end of the data, and note in ``sketch`` what lies where.

    Raises ``EncodingError`` and ``ProfileError``.
    """
    at = cursor.at
    tag = cursor.octet()
    if tag not in (ARRAY, STRUCTURE):
        cursor.at = at
        (node,) = _rest(cursor, 1)
        raise ProfileError(f"the body is one opaque {node.type_name}", offset=at)
    count = cursor.count()
    objects = read_object_list(cursor) if count and tag == STRUCTURE else None
    nodes = _rest(cursor, count if objects is None else count - 1)
    reading = Reading(cursor.data, profile, sketch, at)
    if objects is not None:
        reading.by_objects(objects, nodes)
    elif profile.push_list is not None and not reading.names_itself(nodes):
        reading.by_list_or_codes(profile.push_list.of(count), nodes)
    else:
        reading.by_names(nodes)
    if not (sketch.registers or sketch.ids or "clock" in sketch.times):
        raise ProfileError("nothing in it has a name we know", offset=at)


def _rest(cursor: Cursor, count: int) -> list[Node]:
    """The last ``count`` values of the data."""
    nodes = [cursor.node(1) for _ in range(count)]
    if cursor.at != len(cursor.data):
        raise EncodingError(f"{len(cursor.data) - cursor.at} octets behind the last value", offset=cursor.at)
    return nodes


class Reading:
    """One body being read."""

    def __init__(self, data: bytes, profile: Profile, sketch: Sketch, at: int) -> None:
        self.data = data
        self.profile = profile
        self.sketch = sketch
        self.at = at

    def by_objects(self, objects: list[PushObject], nodes: list[Node]) -> None:
        """Layout a: ``objects`` is the first value and names itself and all others."""
        if len(objects) != 1 + len(nodes) or objects[0][0] != PUSH_SETUP:
            raise ProfileError(f"the object list names {len(objects)} values, {1 + len(nodes)} came", offset=self.at)
        objects = objects[1:]
        scales = {
            one[:2]: self.scaler_unit(nodes[index])
            for index, one in enumerate(objects)
            if one[2] == (DEMAND_SCALER_UNIT if one[0] == DEMAND else SCALER_UNIT) and is_scaler_unit(nodes[index])
        }
        for (class_id, one, attribute), node in zip(objects, nodes, strict=True):
            if attribute == VALUE and class_id != MBUS_CLIENT:
                self.value(one, node, scales.get((class_id, one)) if scales else None)
            elif attribute == 0 and node.tag == STRUCTURE:
                self.structure(node)
            elif class_id == MBUS_CLIENT:
                self.mbus_client(one, attribute, node)
            elif attribute == (DEMAND_CAPTURE_TIME if class_id == DEMAND else CAPTURE_TIME) and is_date_time(node):
                self.sketch.capture(node, one.name)
            elif not is_scaler_unit(node):
                self.sketch.ignore(node)

    def by_names(self, nodes: list[Node]) -> None:
        """Layouts b, c and d: codes among the values. Kamstrup sends null for code and value of a missing phase."""
        rest = iter(range(len(nodes)))
        last = len(nodes) - 1
        for index in rest:
            node = nodes[index]
            if node.tag == STRUCTURE:
                self.structure(node)
            elif index < last and self.is_code(node):
                scale = self.scaler_unit(nodes[index + 2]) if is_scaler_unit(*nodes[index + 2 : index + 3]) else None
                self.value(self.code(node), nodes[index + 1], scale)
                for _ in range(1 if scale is None else 2):
                    next(rest)
            elif index == last and node.tag in STRINGS and self.sketch.registers:
                self.sketch.id(node, NAMELESS)
            elif index == 0 and is_date_time(node):
                self.sketch.time("clock", node.start, node.end)
            elif node.tag != NULL and (index or node.tag not in STRINGS):  # a string in front is the list's version
                reason = f"value {index + 1} of {len(nodes)} ({node.type_name}) has no name: a push list is needed"
                raise ProfileError(reason, offset=node.at)

    def by_list_or_codes(self, push_list: PushList, nodes: list[Node]) -> None:
        """Layout e; or, where the list does not fit, another push of the line, with codes beside its values."""
        misfit = self.misfit(push_list, nodes)
        if misfit is None:
            self.by_list(push_list, nodes)
            return
        try:
            self.by_names(nodes)
        except ProfileError:
            raise misfit from None

    def misfit(self, push_list: PushList, nodes: list[Node]) -> ProfileError | None:
        """Why the values are not those of the list: number and types must be its own."""
        for number, (item, node) in enumerate(zip(push_list.items, nodes, strict=False), 1):
            if node.tag != NULL and not ROLES[item.role][0](node):
                what = (
                    f"item {number} ({item.obis.name}), a {item.role}, came as {node.type_name} of {node.size} octets"
                )
                return ProfileError(f"push list {push_list.name} does not fit: {what}", offset=node.at)
        if len(nodes) != len(push_list.items):
            sizes = " or ".join([str(len(one.items)) for one in push_list.lists or [push_list]])
            counts = f"{sizes} items, {len(nodes)} values came"
            return ProfileError(f"push list {push_list.name} does not fit: {counts}", offset=self.at)
        return None

    def by_list(self, push_list: PushList, nodes: list[Node]) -> None:
        """Layout e: the operator's list names the values."""
        self.sketch.name = push_list.name
        pairs = list(zip(push_list.items, nodes, strict=True))
        scales = {
            item.obis.name: self.scaler_unit(node)
            for item, node in pairs
            if item.role == "scaler_unit" and node.tag != NULL
        }
        for item, node in pairs:
            if node.tag != NULL:
                ROLES[item.role][1](self.sketch, self.scaled(item, scales.get(item.obis.name)), node)

    def scaled(self, item: Item, sent: Scale | None) -> Item:
        """The item with the scale its telegram sends, else the list's own, else the scale profile's."""
        if sent is not None:
            return item._replace(scale=sent.scale, unit=sent.unit)
        if item.scale is None and item.role == "register":
            _, scale, unit = self.profile.registers[item.obis.name]
            return item._replace(scale=scale, unit=unit or item.unit)
        return item

    def names_itself(self, nodes: list[Node]) -> bool:
        """Whether there are structures that begin with a code."""
        return any(node.tag == STRUCTURE and node.items and self.is_code(node.items[0]) for node in nodes)

    def structure(self, node: Node) -> None:
        """An object's attribute 0: logical name, value, scaler and unit, then status and capture time if extended.

        A demand register has a second value in front of scaler and unit, and behind the capture time when the period
        began.
        """
        if len(node.items) < 2 or not self.is_code(node.items[0]):
            raise ProfileError("a structure without a code and a value", offset=node.at)
        name, value, *more = node.items
        scale = next((self.scaler_unit(item) for item in more[:2] if is_scaler_unit(item)), None)
        one = self.code(name)
        self.value(one, value, scale)
        captured = next(filter(is_date_time, more), None) if one.kind is REGISTER else None
        for item in more:
            if item is captured:
                self.sketch.capture(item, one.name)
            elif not is_scaler_unit(item):
                self.sketch.ignore(item)

    def value(self, one: Obis, node: Node, scale: Scale | None) -> None:
        """The value of an object: a register, an id, the clock, or nothing that a push is read for."""
        kind, tag = one.kind, node.tag
        if kind is REGISTER and tag in INTEGERS:
            register = self.profile.registers[one.name] if scale is None else Register(one.name, *scale)
            self.sketch.register(node, register)
        elif kind is REGISTER and tag in FLOATS:
            raise ProfileError(f"register {one.name} came as {node.type_name}", offset=node.at)
        elif kind is Kind.ID and tag in STRINGS:
            self.sketch.id(node, one.name)
        elif kind is Kind.CLOCK and is_date_time(node):
            self.sketch.time("clock", node.start, node.end)
        else:
            self.sketch.ignore(node)

    def mbus_client(self, one: Obis, attribute: int, node: Node) -> None:
        """Identification number and device type of what hangs on an M-Bus channel."""
        form = MBUS_FORMS.get((attribute, node.tag))
        if form is None:
            self.sketch.ignore(node)
        else:
            self.sketch.id(node, one.name, form)

    def is_code(self, node: Node) -> bool:
        """Six octets, value group A a medium and F 255 or a billing period: no id in characters looks so.

        Codes are constants.
        """
        return (
            node.tag == OCTET_STRING
            and node.size == CODE_OCTETS
            and self.data[node.start] < 16
            and self.data[node.end - 1] in PERIODS
        )

    def code(self, node: Node) -> Obis:
        """The OBIS code in a node."""
        return obis(self.data[node.start : node.end])

    def scaler_unit(self, node: Node) -> Scale:
        """Scaler (power of ten) and unit."""
        scaler, unit = (self.data[item.start] for item in node.items)
        return Scale(scaler - 256 if scaler > 127 else scaler, cosem_unit(unit))


def is_date_time(node: Node) -> bool:
    """Twelve octets of date-time, as octet-string or under its own tag."""
    return node.tag in (OCTET_STRING, axdr.DATE_TIME) and node.size == DATE_TIME_OCTETS


def is_scaler_unit(node: Node | None = None) -> bool:
    """A structure of integer and enum."""
    return (
        node is not None
        and node.tag == STRUCTURE
        and tuple(item.tag for item in node.items) == (axdr.INTEGER, axdr.ENUM)
    )


# Role of an item: which values fit it, and what is noted of them.
ROLES: Final[dict[str, tuple[Callable[[Node], bool], Callable[[Sketch, Item, Node], None]]]] = {
    "register": (
        lambda n: n.tag in INTEGERS,
        lambda s, item, n: s.register(n, Register(item.obis.name, item.scale, item.unit)),
    ),
    "scaler_unit": (is_scaler_unit, lambda s, item, n: None),
    "capture_time": (is_date_time, lambda s, item, n: s.capture(n, item.obis.name)),
    "id": (lambda n: n.tag in STRINGS, lambda s, item, n: s.id(n, item.obis.name)),
    "identification": (
        lambda n: n.tag == axdr.DOUBLE_LONG_UNSIGNED,
        lambda s, item, n: s.id(n, item.obis.name, Form.IDENTIFICATION),
    ),
    "device_type": (lambda n: n.tag == axdr.UNSIGNED, lambda s, item, n: s.id(n, item.obis.name, Form.DEVICE_TYPE)),
    "clock": (is_date_time, lambda s, item, n: s.time("clock", n.start, n.end)),
    "time": (
        lambda n: n.tag in (OCTET_STRING, axdr.TIME) and n.size == 4,
        lambda s, item, n: s.time("time", n.start, n.end),
    ),
    "date": (
        lambda n: n.tag in (OCTET_STRING, axdr.DATE) and n.size == 5,
        lambda s, item, n: s.time("date", n.start, n.end),
    ),
    "text": (lambda n: n.tag in STRINGS, lambda s, item, n: s.ignore(n)),
    "ignore": (lambda n: True, lambda s, item, n: s.ignore(n)),
}
