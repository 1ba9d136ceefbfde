"""Properties of the whole link layer; telegrams come from an encoder that shares no code with it."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise

import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from edge_agent.link.delimiter import STARTS, Delimiter
from edge_agent.link.errors import MeterDataError
from edge_agent.link.frame import MAX_TELEGRAM
from edge_agent.link.telegram import Refused, Telegram
from tests.edge_agent.link import encoder
from tests.vectors.loader import Vector, load_vectors

Line = tuple[str, list[tuple[list[bytes], bytes]]]  # a link, and its telegrams as frames and APDU
LONGEST_IDENT = 66  # so far behind a telegram's end may lie what shows that the next has begun inside it
FALSE_STARTS = (
    b"\x68",
    b"\x68\xff\xff\x68",
    b"\x7e",
    b"\x7e\xa7\xff\x03\x21\x13",
    b"/",
    b"/ABC5x\r\n",
    b"\xdb\x08",
    b"\0\x01",
)

apdus = st.builds(encoder.sealed, st.binary(min_size=1, max_size=500), counter=st.integers(0, 2**32 - 1))
sizes = st.integers(20, 240)


def _p1(apdu: bytes, _: int) -> tuple[list[bytes], bytes]:
    text = encoder.p1([f"0-0:96.1.0({apdu.hex()})"])
    return [text], text


SHAPES: dict[str, Callable[[bytes, int], tuple[list[bytes], bytes]]] = {
    "hdlc frame": lambda apdu, _: ([encoder.hdlc(apdu, llc=encoder.LLC)], apdu),
    "hdlc segments": lambda apdu, size: (encoder.hdlc_segments(apdu, size), apdu),
    "hdlc blocks": lambda apdu, size: (encoder.hdlc_blocks(apdu, size), apdu),
    "mbus segments": lambda apdu, size: (encoder.mbus_segments(apdu, size), apdu),
    "p1 text": _p1,
    "wpdu frame": lambda apdu, _: ([encoder.wrapper(apdu)], apdu),
    "apdu frame": lambda apdu, _: ([apdu], apdu),
}


@st.composite
def lines(draw: st.DrawFn, shapes: tuple[str, ...] = tuple(SHAPES)) -> Line:
    """A link and what a meter sends over it."""
    shape = draw(st.sampled_from(shapes))
    sent = [SHAPES[shape](apdu, draw(sizes)) for apdu in draw(st.lists(apdus, min_size=1, max_size=4))]
    return shape.split()[0], sent


def read(stream: bytes, link: str, cuts: list[int] | None = None) -> tuple[list[Telegram | Refused], int]:
    delimiter = Delimiter(link)
    done: list[Telegram | Refused] = []
    edges = sorted({0, *(cut % (len(stream) + 1) for cut in cuts or []), len(stream)})
    for start, end in pairwise(edges):
        done += delimiter.feed(stream[start:end])
    return done + delimiter.idle(), delimiter.discarded


def comparable(done: list[Telegram | Refused]) -> list[tuple[object, ...]]:
    return [(str(one.error), one.captured) if isinstance(one, Refused) else tuple(one) for one in done]


@given(lines(), st.booleans(), st.lists(st.integers(0, 10_000), max_size=40))
def test_what_was_sent_comes_out_whatever_the_chunks(line: Line, detected: bool, cuts: list[int]) -> None:
    link, sent = line
    stream = b"".join(b"".join(frames) for frames, _ in sent)

    done, discarded = read(stream, "auto" if detected else link, cuts)

    assert [(link, b"".join(frames), apdu) for frames, apdu in sent] == [one[:3] for one in done]
    assert discarded == 0


@given(lines(), st.lists(st.integers(0, 10_000), max_size=40), st.data())
def test_chunking_never_changes_the_outcome_of_damaged_lines(line: Line, cuts: list[int], data: st.DataObject) -> None:
    stream = bytearray(b"".join(b"".join(frames) for frames, _ in line[1]))
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(stream)))
        stream[at : at + data.draw(st.sampled_from((0, 1, 1, 30)))] = data.draw(st.binary(max_size=3))
    link = data.draw(st.sampled_from(("auto", line[0])))

    whole, sliced = read(bytes(stream), link), read(bytes(stream), link, cuts)

    assert (comparable(whole[0]), whole[1]) == (comparable(sliced[0]), sliced[1])


@given(
    lines(("hdlc frame", "hdlc blocks", "mbus segments")), st.integers(0, 10_000), st.integers(1, 255), st.booleans()
)
def test_a_damaged_octet_never_makes_another_apdu(line: Line, at: int, change: int, detected: bool) -> None:
    """What carries checksums comes out as it was sent or is refused; what follows comes out in any case."""
    link, sent = line
    stream = bytearray(b"".join(b"".join(frames) for frames, _ in sent))
    first = len(b"".join(sent[0][0]))
    stream[at % first] ^= change

    done, _ = read(bytes(stream), "auto" if detected else link)

    came = [one.apdu for one in done if isinstance(one, Telegram)]
    unharmed = [apdu for _, apdu in sent[1:]]
    assert unharmed == came[len(came) - len(unharmed) :]
    assert {apdu for _, apdu in sent} >= set(came)


@given(lines(("hdlc frame", "hdlc segments", "hdlc blocks", "mbus segments")), st.data())
def test_a_lost_frame_is_noticed(line: Line, data: st.DataObject) -> None:
    link, sent = line
    frames = [(number, frame) for number, (some, _) in enumerate(sent) for frame in some]
    lost = data.draw(st.integers(0, len(frames) - 1))

    done, _ = read(b"".join(frame for index, (_, frame) in enumerate(frames) if index != lost), link)

    whole = [apdu for number, (_, apdu) in enumerate(sent) if number != frames[lost][0]]
    assert whole == [one.apdu for one in done if isinstance(one, Telegram)]


@pytest.mark.parametrize(
    ("link", "form"),
    [
        pytest.param("apdu", encoder.sealed, id="apdu"),
        pytest.param("apdu", lambda body: encoder.LLC + encoder.sealed(body), id="apdu-with-llc"),
        pytest.param("p1", encoder.sealed, id="p1"),
        pytest.param("p1", encoder.p1_sealed, id="p1-with-ident"),
        pytest.param("wpdu", lambda body: encoder.wrapper(encoder.sealed(body)), id="wrapper"),
        pytest.param("wpdu", lambda body: encoder.wrapper(b"\x0f\0\0\0\1\0\x09" + body), id="wrapper-clear"),
    ],
)
@given(st.integers(1, 90), st.integers(0, 90), st.lists(st.integers(0, 10_000), max_size=20))
def test_lost_octets_are_not_filled_from_the_next_telegram(
    link: str, form: Callable[[bytes], bytes], lost: int, kept: int, cuts: list[int]
) -> None:
    """Nothing but the announced length says where these end."""
    whole = form(bytes(range(100, 200)))
    end = len(whole) - min(kept, 90 - lost)
    damaged = whole[: end - lost] + whole[end:]

    done, _ = read(whole + damaged + whole * 2, link, cuts)

    refused = [one for one in done if isinstance(one, Refused)]
    assert [whole] * 3 == [one.captured for one in done if isinstance(one, Telegram)]
    assert [damaged] == [one.captured for one in refused]
    assert "cut short: the next telegram begins inside this one" == refused[0].error.reason


@pytest.mark.parametrize("form", [bytes, encoder.wrapper], ids=["bare", "wrapper"])
@given(
    st.lists(apdus, min_size=1, max_size=4),
    st.binary(max_size=40).map(lambda noise: b"\xff" + noise.translate(None, b"h~/\xaf")),  # no frame begins in it
    st.integers(1, 60),
    st.sampled_from((b"", b"\r\n", b"\x55")),
    st.lists(st.integers(0, 10_000), max_size=40),
)
@example([encoder.sealed(b"x")], b"\xff\xdb\x08", 20, b"", [])
def test_whoever_joins_amid_noise_finds_the_ciphered_telegrams_of_a_line_without_checksums(
    form: Callable[[bytes], bytes], sent: list[bytes], noise: bytes, joined: int, between: bytes, cuts: list[int]
) -> None:
    telegrams = [form(apdu) for apdu in sent]
    tail = telegrams[0][-joined:][1:]
    assume(not set(tail) & set(b"h~/\xaf"))

    done, _ = read(noise + between.join([tail, *telegrams]), "auto", cuts)

    came = [one.captured for one in done]
    assert telegrams == came[len(came) - len(telegrams) :]
    assert set(telegrams) == set(came)


@given(lines(tuple(SHAPES)[:5]), st.integers(0, 600), st.lists(st.tuples(st.integers(0, 600), st.integers(1, 255))))
def test_the_inside_of_frames_that_cannot_be_read_is_never_a_telegram(
    line: Line, joined: int, damage: list[tuple[int, int]]
) -> None:
    link, sent = line
    whole = b"".join(b"".join(frames) for frames, _ in sent)
    damaged = bytearray(whole[joined % len(whole) :])
    for at, change in damage:
        damaged[at % len(damaged)] ^= change

    done, _ = read(b"\xff" + damaged + whole, "auto")

    assert {link} >= {one.link for one in done if isinstance(one, Telegram)}
    assert [apdu for _, apdu in sent] == [one.apdu for one in done if isinstance(one, Telegram)][-len(sent) :]


@pytest.mark.parametrize("start", FALSE_STARTS, ids=bytes.hex)
@given(lines(("hdlc frame", "hdlc blocks", "mbus segments", "p1 text")), st.booleans())
@settings(max_examples=20)
def test_a_false_start_does_not_swallow_the_telegram_behind_it(start: bytes, line: Line, detected: bool) -> None:
    link, sent = line
    stream = start + b"".join(b"".join(frames) for frames, _ in sent)

    done, _ = read(stream, "auto" if detected else link)

    assert [apdu for _, apdu in sent] == [one.apdu for one in done if isinstance(one, Telegram)]


@given(st.sampled_from([vector for vector in load_vectors() if vector.link in ("hdlc", "mbus")]), st.data())
def test_joining_in_the_middle_costs_the_telegram_that_was_under_way_only(vector: Vector, data: st.DataObject) -> None:
    whole = [one for one in read(vector.stream, vector.link)[0] if isinstance(one, Telegram)]
    start = data.draw(st.integers(1, len(vector.stream)))

    done, _ = read(vector.stream[start:] + vector.stream, vector.link)

    came = [one for one in done if isinstance(one, Telegram)]
    assert whole == came[len(came) - len(whole) :]


@given(st.sampled_from(sorted(STARTS)), st.lists(st.one_of(st.binary(max_size=200), st.sampled_from(FALSE_STARTS))))
@example("apdu", [b"\x0f" + bytes(20_000), b"\x0f"])
@example("p1", [b"/ABC5x\r\n" + b"x" * 40_000])
@example("hdlc", [encoder.hdlc(bytes(200), more=True, llc=encoder.LLC)] * 200)
@example("mbus", [encoder.mbus(number % 16, bytes(240)) for number in range(200)])
def test_anything_goes_in_and_only_telegrams_and_the_error_family_come_out(link: str, pieces: list[bytes]) -> None:
    delimiter = Delimiter(link)
    done = []
    for piece in pieces:
        done += delimiter.feed(piece)
        assert len(delimiter._buffer) <= MAX_TELEGRAM + LONGEST_IDENT
    done += delimiter.idle()

    for one in done:
        assert len(one.captured) <= MAX_TELEGRAM
        if isinstance(one, Refused):
            assert isinstance(one.error, MeterDataError)
            assert one.error.kind in ("link", "reassembly")
            assert 0 <= (one.error.offset or 0) <= len(one.captured)
    assert [] == delimiter.idle()


def test_a_link_nobody_knows_is_a_mistake_of_the_configuration() -> None:
    with pytest.raises(ValueError, match="mbus, hdlc, p1, wpdu, apdu, auto"):
        Delimiter("m-bus")


def test_silence_ends_what_is_open() -> None:
    first, second = encoder.mbus_segments(encoder.sealed(bytes(300)), 200)
    delimiter = Delimiter("mbus")

    assert [] == delimiter.feed(first)
    (refused,) = delimiter.idle()
    assert isinstance(refused, Refused)
    assert ("reassembly", first) == (refused.error.kind, refused.captured)
    (orphan,) = delimiter.feed(second)
    assert isinstance(orphan, Refused)


def test_idle_flags_are_no_noise() -> None:
    apdu = encoder.sealed(b"x")
    delimiter = Delimiter()

    done = delimiter.feed(b"~~~" + encoder.hdlc(apdu, llc=encoder.LLC) + b"~~") + delimiter.idle()

    assert [apdu] == [one.apdu for one in done if isinstance(one, Telegram)]
    assert 0 == delimiter.discarded


def test_the_inside_of_a_broken_frame_is_not_a_bare_apdu() -> None:
    """Its length octets differ, so the frame is noise; the envelope in it was not checked by anything."""
    frame = bytearray(encoder.mbus(0x10, encoder.sealed(bytes(50))))
    frame[2] ^= 1

    assert ([], len(frame)) == read(bytes(frame), "auto")
