"""Plaintext in, push out: data-notifications (Green Book 9.3.15) and P1 telegrams.

    0F | long invoke id (4) | date-time: 00, or 0C + 12 octets, or 09 0C + 12 octets | body

The long invoke id is no sequence number (constant on some meters) and not read. Everything else that decrypts is no
push and refused as such: an event notification (C2), a request, the nonsense a wrong key makes.
"""

from __future__ import annotations

from collections import defaultdict
from typing import Final

from stream_app.dlms.axdr import OCTET_STRING, Cursor
from stream_app.dlms.body import read_body
from stream_app.dlms.cipher import DATA_NOTIFICATION
from stream_app.dlms.clock import DATE_TIME_OCTETS, MeterTime, date_time
from stream_app.dlms.definitions import Profile
from stream_app.dlms.errors import EncodingError, NoPushError
from stream_app.dlms.layout import OPEN_ZONE, Layouts, Push, Sketch, Template
from stream_app.dlms.p1_objects import read_text

P1_START: Final = b"/"
INVOKE_ID_END: Final = 5
MAX_TEMPLATES: Final = 512  # 2 KB each
MAX_SAME_SIZE: Final = 8  # templates of one length and profile, tried one after the other

MIDNIGHT: Final = bytes(4)
OTHER_APDUS: Final = {0xC0: "get-request", 0xC2: "event-notification-request", 0xC4: "get-response"}


class Reader:
    """Reads plaintexts; remembers the layouts it has met."""

    def __init__(self) -> None:
        self.layouts = Layouts()
        self._templates: defaultdict[Profile, dict[int, list[Template]]] = defaultdict(dict)
        self._count = 0

    def read(self, plaintext: bytes, profile: Profile) -> Push:
        """The push in a plaintext, a data-notification or P1 text.

        Raises ``NoPushError``, ``EncodingError`` or ``ProfileError``, offsets counted in the plaintext.
        """
        for known in self._templates[profile].get(len(plaintext), ()):
            try:
                push = known.fill(plaintext)
            except EncodingError:
                break  # a time that cannot be: the careful reader knows the right word
            if push is not None:
                return push
        if plaintext[:1] == P1_START:
            return read_text(plaintext, profile, self.layouts)
        template = self._template(plaintext, profile)
        push = template.fill(plaintext)
        if push is None:
            raise AssertionError("a template fits what it was made from")
        self._remember(template, len(plaintext), profile)
        return push

    def _template(self, plaintext: bytes, profile: Profile) -> Template:
        """Read carefully, from the first octet to the last."""
        sketch = Sketch()
        cursor = read_notification_header(plaintext, sketch)
        read_body(cursor, profile, sketch)
        check_times(plaintext, sketch)
        return Template(plaintext, sketch, sketch.layout(self.layouts), profile.zone)

    def _remember(self, template: Template, size: int, profile: Profile) -> None:
        if self._count >= MAX_TEMPLATES:
            self._templates.clear()
            self._count = 0
        same_size = self._templates[profile].setdefault(size, [])
        same_size.insert(0, template)
        self._count += 1
        if len(same_size) > MAX_SAME_SIZE:
            del same_size[MAX_SAME_SIZE:]
            self._count -= 1


def check_times(plaintext: bytes, sketch: Sketch) -> None:
    """Raises ``EncodingError`` with the place of a time in the body that cannot be; of one in two parts only where the
    template needs it.
    """
    octets = {what: plaintext[start:end] for what, (start, end) in sketch.times.items()}
    known = [_time(octets[what], sketch.times[what][0]) for what in ("header", "clock") if what in octets]
    if not any(known) and "date" in octets and "time" in octets:
        try:
            _time(octets["date"] + octets["time"] + OPEN_ZONE, sketch.times["time"][0])
        except EncodingError:
            _time(octets["date"] + MIDNIGHT + OPEN_ZONE, sketch.times["date"][0])
            raise


def _time(octets: bytes, at: int) -> MeterTime | None:
    try:
        return date_time(octets, None)
    except EncodingError as error:
        raise EncodingError(error.reason, offset=at) from error


def read_notification_header(plaintext: bytes, sketch: Sketch) -> Cursor:
    """A cursor at the body. Raises ``NoPushError`` for what is no data-notification with a time that can be."""
    if not plaintext or plaintext[0] != DATA_NOTIFICATION:
        what = OTHER_APDUS.get(plaintext[0], f"tag {plaintext[0]:02X}") if plaintext else "nothing"
        raise NoPushError(f"no push: {what}", offset=0)
    cursor = Cursor(plaintext, 1)
    try:
        sketch.skip(cursor.take(4), INVOKE_ID_END)
        length = cursor.octet()
        if length == OCTET_STRING:
            length = cursor.octet()
        if length not in (0, DATE_TIME_OCTETS):
            raise EncodingError(f"a date-time of {length} octets", offset=cursor.at - 1)
        start = cursor.take(length)
        if length:
            _time(plaintext[start : cursor.at], start)
            sketch.time("header", start, cursor.at)
    except EncodingError as error:
        raise NoPushError(f"no push: {error.reason}", offset=error.offset) from error
    return cursor
