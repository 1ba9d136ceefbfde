"""``reread``: the short way and the delimiter must agree on everything, also on captures that try to divide them."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge_agent.link import telegram as under_test
from edge_agent.link.errors import MeterDataError
from edge_agent.link.telegram import Telegram, reread
from tests.edge_agent.link import encoder
from tests.vectors.loader import Vector, load_vectors

LLC = st.sampled_from((b"", b"\xe6\xe7\x00", b"\xe6\xe6\x00"))
sealed = st.builds(encoder.sealed, st.binary(min_size=1, max_size=60))
pieces = st.one_of(
    sealed,
    st.builds(lambda apdu, cut: apdu[:cut], sealed, st.integers(1, 20)),
    st.builds(encoder.block, st.integers(0, 4), st.binary(max_size=40), last=st.booleans()),
    st.builds(
        lambda a, b: a + b,
        st.sampled_from((b"\x0f\0\0\0\1\0\x02", b"\xe0", b"\xe6\xe7\x00\x0f", b"")),
        st.binary(max_size=9),
    ),
)
hdlc_frames = st.builds(
    encoder.hdlc,
    pieces,
    more=st.booleans(),
    llc=LLC,
    addresses=st.sampled_from((b"\xce\xff\x03", b"\xcf\x02\x23")),
    control=st.sampled_from((0x03, 0x13)),
)
mbus_frames = st.builds(encoder.mbus, st.sampled_from((0, 1, 2, 0x10, 0x11, 0x12, 0x13, 0x7D)), pieces)


@st.composite
def nearly_right(draw: st.DrawFn) -> bytes:
    """A telegram of several frames with sound checksums, and one thing about it that may be wrong."""
    twofold = st.builds(lambda head, apdu: b"\x0f" + head + encoder.LLC + apdu, st.binary(max_size=9), sealed)
    apdu = draw(st.one_of(sealed, twofold, st.just(b"\x0f" + bytes(60))))
    apdu = draw(st.sampled_from((apdu, apdu + b"\0", apdu[:-1], encoder.blocks(apdu, 20)[0])))
    shape = draw(st.sampled_from((encoder.hdlc_segments, encoder.hdlc_blocks, encoder.mbus_segments)))
    frames = shape(apdu, draw(st.sampled_from((15, 40, 200))))
    at = draw(st.integers(0, len(frames) - 1))
    endless = encoder.hdlc(apdu[:15], addresses=b"\xce\xfe\x02", more=at < len(frames) - 1)
    strangers = st.sampled_from((frames[at], b"", frames[at][:-1] + b"\0", endless))
    begun_again = st.builds(encoder.hdlc, st.sampled_from((apdu, encoder.LLC + b"x")), more=st.booleans())
    frames[at] = draw(st.one_of(strangers, begun_again, hdlc_frames, mbus_frames))
    return b"".join(frames)


def outcome(capture: bytes, link: str, way: str) -> Telegram | str:
    try:
        return {"short": reread, "careful": under_test._careful}[way](capture, link)
    except MeterDataError as error:
        return str(error)


@given(
    st.one_of(st.lists(hdlc_frames, max_size=4), st.lists(mbus_frames, max_size=4)),
    st.booleans(),
    st.sampled_from(("auto", "hdlc", "mbus")),
)
@settings(max_examples=500)
def test_both_ways_agree_on_sound_frames_in_every_order(frames: list[bytes], shared: bool, link: str) -> None:
    capture = b"".join(frames).replace(b"~~", b"~") if shared else b"".join(frames)

    assert outcome(capture, link, "careful") == outcome(capture, link, "short")


@given(nearly_right(), st.sampled_from(("auto", "hdlc", "mbus")))
@settings(max_examples=500)
def test_both_ways_agree_on_telegrams_that_are_nearly_right(capture: bytes, link: str) -> None:
    assert outcome(capture, link, "careful") == outcome(capture, link, "short")


APDU = encoder.sealed(bytes(range(90)))
FIRST, SECOND, THIRD = encoder.hdlc_segments(b"\x0f" + bytes(86), 30)


@pytest.mark.parametrize(
    "frames",
    [
        pytest.param(encoder.hdlc_segments(APDU + b"\0", 30), id="hdlc-longer-than-its-apdu"),
        pytest.param(encoder.mbus_segments(APDU[:-1], 30), id="mbus-shorter-than-its-apdu"),
        pytest.param([FIRST, encoder.hdlc(b"x", llc=encoder.LLC, more=True), THIRD], id="begins-again-with-llc"),
        pytest.param([FIRST, encoder.hdlc(APDU[:30], more=True), THIRD], id="begins-again-with-envelope"),
        pytest.param([FIRST, encoder.hdlc(b"x" * 30, more=True, addresses=b"\xce\xfe\x02"), THIRD], id="no-addresses"),
        pytest.param([FIRST, SECOND, THIRD[:-1] + b"\0"], id="not-closed"),
        pytest.param([FIRST, SECOND], id="not-finished"),
    ],
)
def test_the_short_way_does_not_take_what_is_refused(frames: list[bytes]) -> None:
    refusal = outcome(b"".join(frames), "auto", "careful")

    assert isinstance(refusal, str)
    assert refusal == outcome(b"".join(frames), "auto", "short")


WRAPPED = encoder.wrapper(APDU)


@pytest.mark.parametrize("lost", [1, 9, 10, 11, 18, 19, 40])
@pytest.mark.parametrize(
    ("link", "whole"), [("apdu", APDU), ("p1", APDU), ("wpdu", WRAPPED)], ids=["apdu", "p1", "wpdu"]
)
def test_both_ways_agree_on_what_was_filled_from_the_next_telegram(link: str, whole: bytes, lost: int) -> None:
    capture = (whole[:-lost] + whole)[: len(whole)]

    assert outcome(capture, link, "careful") == outcome(capture, link, "short")
    assert isinstance(outcome(capture, link, "short"), str) == (lost >= 10 or (lost >= 6 and link == "wpdu"))


@given(st.sampled_from(load_vectors()), st.data())
@settings(max_examples=300)
def test_both_ways_agree_on_vectors_and_mutated_ones(vector: Vector, data: st.DataObject) -> None:
    capture = bytearray(vector.stream)
    for _ in range(data.draw(st.integers(0, 2))):
        at = data.draw(st.integers(0, len(capture)))
        capture[at : at + data.draw(st.integers(0, 2))] = data.draw(st.binary(max_size=2))
    link = data.draw(st.sampled_from(("auto", vector.link)))

    assert outcome(bytes(capture), link, "careful") == outcome(bytes(capture), link, "short")


@pytest.mark.interpreted
@pytest.mark.parametrize(
    "name",
    [
        "lg-e450-at-values14-a",
        "lg-e570-ch-18obj-gbt5-sc20",
        "iskra-am550-ch-28obj-segmented5",
        "kaifa-ma309-at-flat35-a",
    ],
)
def test_well_formed_captures_take_the_short_way(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    (vector,) = (vector for vector in load_vectors() if vector.id == name)
    monkeypatch.setattr(under_test, "_careful", None)

    assert vector.stream == reread(vector.stream).captured


def test_a_record_holds_one_telegram() -> None:
    frame = encoder.mbus(0x10, encoder.sealed(b"x"))

    with pytest.raises(MeterDataError, match="2 telegrams in one record"):
        reread(frame + frame)


def test_a_record_beyond_any_telegram_is_refused_unread() -> None:
    with pytest.raises(MeterDataError, match="1000000 bytes are no single telegram"):
        reread(b"/ABC5x\r\n" * 125_000, "p1")


@pytest.mark.parametrize("link", ["auto", "hdlc", "m-bus"])
def test_what_is_no_telegram_raises_the_error_family(link: str) -> None:
    with pytest.raises(MeterDataError):
        reread(b"\x12\x34\x56\xff", link)


def test_seven_data_bits_are_named_as_a_reason() -> None:
    stripped = bytes(octet & 0x7F for octet in encoder.hdlc(encoder.sealed(bytes(30)), llc=encoder.LLC))

    with pytest.raises(MeterDataError, match="seven data bits"):
        reread(stripped)


def test_a_block_where_a_segment_was_remembered_is_still_a_block() -> None:
    """Two captures with the same flags, lengths and headers; only the contents tell segments from blocks."""
    segments = b"".join(encoder.hdlc_segments(b"\x0f" + bytes(40), 24))
    block = encoder.hdlc(encoder.LLC + encoder.block(1, bytes(14), last=False), more=True)
    blocks = block + b"".join(encoder.hdlc_segments(b"\x0f" + bytes(40), 24)[1:])
    remembered = [reread(segments, "hdlc") for _ in range(2)]

    assert len(segments) == len(blocks)
    assert remembered[0] == remembered[1]
    assert outcome(blocks, "hdlc", "careful") == outcome(blocks, "hdlc", "short")
