"""The remembered layout is a shortcut and nothing else: it says what the careful reader says, word for word."""

from __future__ import annotations

import random
from contextlib import suppress
from functools import cache

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_agent.link.errors import MeterDataError
from stream_app.dlms import notification
from stream_app.dlms.definitions import Definitions, Profile, packaged
from stream_app.dlms.layout import Push
from stream_app.dlms.notification import Reader
from tests.stream_app.dlms.encoder import LAYOUTS, Meter, date_time, integer, meters, octets, structure
from tests.stream_app.dlms.encoder import notification as encoded
from tests.stream_app.dlms.telegrams import plaintexts, profile_of

Answer = tuple[object, ...]


@cache
def corpus() -> list[tuple[bytes, Profile]]:
    return [(plaintext, profile_of(vector)) for vector, plaintext in plaintexts()]


def answer(reader: Reader, plaintext: bytes, profile: Profile) -> Answer:
    """What a reader says, without the identity of the layout."""
    try:
        push = reader.read(plaintext, profile)
    except MeterDataError as error:
        return (error.kind, error.reason, error.offset)
    layout = push.layout
    shape = (layout.name, layout.registers, layout.ids, layout.captures)
    return (*shape, push.values, push.id_octets, push.time, push.payload_clock, push.captured)


@pytest.mark.parametrize("place", range(len(corpus())))
def test_a_second_reading_says_what_the_first_said(place: int) -> None:
    plaintext, profile = corpus()[place]
    reader = Reader()
    first = answer(reader, plaintext, profile)

    assert first == answer(reader, plaintext, profile)


@given(st.data())
def test_mutated_telegrams_read_the_same_with_and_without_memory(data: st.DataObject) -> None:
    plaintext, profile = data.draw(st.sampled_from(corpus()))
    remembering = Reader()
    with suppress(MeterDataError):
        remembering.read(plaintext, profile)
    changes = data.draw(st.lists(st.tuples(st.integers(0, len(plaintext) - 1), st.integers(0, 255)), max_size=3))
    mutated = bytearray(plaintext)
    for at, octet in changes:
        mutated[at] = octet

    assert answer(Reader(), bytes(mutated), profile) == answer(remembering, bytes(mutated), profile)


def test_every_single_octet_matters_alike_with_and_without_memory() -> None:
    """Each octet of each plaintext turned once, by a number that hits tags, lengths and contents alike."""
    chance = random.Random(1)
    for plaintext, profile in corpus():
        remembering = Reader()
        with suppress(MeterDataError):
            remembering.read(plaintext, profile)
        for at in chance.sample(range(len(plaintext)), min(60, len(plaintext))):
            mutated = plaintext[:at] + bytes((plaintext[at] ^ chance.randrange(1, 256),)) + plaintext[at + 1 :]

            assert answer(Reader(), mutated, profile) == answer(remembering, mutated, profile), (at, mutated.hex())


@given(meters(), meters(), st.sampled_from(("a", "b", "c", "d")))
def test_meters_of_every_kind_may_share_a_reader(one: Meter, other: Meter, layout: str) -> None:
    shared, profile = Reader(), packaged().profile(timezone="Europe/Zurich")
    for meter in (one, other, one):
        plaintext = encoded(LAYOUTS[layout](meter), meter.time)

        assert answer(Reader(), plaintext, profile) == answer(shared, plaintext, profile)


@given(meters(), st.integers(0, 255))
def test_meters_that_differ_in_values_share_one_layout(meter: Meter, change: int) -> None:
    reader, profile = Reader(), packaged().profile()
    other = Meter(date_time(2024, 1, 1, 0, 0, 0), [(obis, name[::-1]) for obis, name in meter.ids], meter.registers)
    pushes = [reader.read(encoded(LAYOUTS["a"](one), one.time, invoke_id=change), profile) for one in (meter, other)]

    assert pushes[0].layout is pushes[1].layout


def test_a_code_that_appears_where_there_was_none_is_seen() -> None:
    """Whether a push names itself hangs on contents: those stay constants even in values that a list ignores."""
    items = [{"role": "ignore"}, {"role": "register", "obis": "1-0:1.8.0", "scale": "1", "unit": "Wh"}]
    profile = Definitions({"own": {"items": items}}, {}).profile(push_list="own")
    reader = Reader()
    for content in (b"text..", bytes((1, 0, 2, 8, 0, 255))):
        plaintext = encoded(structure(structure(octets(content), integer("u32", 5)), integer("u32", 7)))

        assert answer(Reader(), plaintext, profile) == answer(reader, plaintext, profile)


def test_the_memory_is_bounded() -> None:
    reader, profile = Reader(), packaged().profile()
    for size in range(notification.MAX_TEMPLATES + 10):
        meter = Meter(b"", [("0-0:96.1.0", b"x" * (size + 1))])
        reader.read(encoded(LAYOUTS["b"](meter)), profile)

    assert sum(map(len, reader._templates[profile].values())) <= notification.MAX_TEMPLATES


def test_pushes_of_one_size_do_not_fill_the_memory() -> None:
    reader, profile = Reader(), packaged().profile()
    for measure in range(1, 90):
        body = encoded(bytes((2, 2, 9, 6, 1, 0, measure, 8, 0, 255, 17, 0)))
        reader.read(body, profile)

    assert [notification.MAX_SAME_SIZE] == [*map(len, reader._templates[profile].values())]


def test_a_consumer_may_keep_a_plan_per_layout() -> None:
    """The same push with another invoke id each time: one plan serves them all."""
    plaintext, profile = max((e for e in corpus() if e[0][:1] == b"\x0f"), key=lambda e: len(e[0]))
    reader = Reader()
    plans: dict[object, int] = {}
    for invoke_id in range(5):
        push: Push = reader.read(plaintext[:1] + invoke_id.to_bytes(4, "big") + plaintext[5:], profile)
        plans[push.layout] = plans.get(push.layout, 0) + 1

    assert [5] == list(plans.values())
