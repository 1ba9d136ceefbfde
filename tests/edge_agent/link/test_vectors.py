"""Every vector through the link layer: whole, octet by octet, in random chunks, amid noise, link given and detected."""

from __future__ import annotations

import random
from collections.abc import Iterator

import pytest

from edge_agent.link.delimiter import SOUND, Delimiter
from edge_agent.link.telegram import Refused, Telegram, reread
from tests.vectors.loader import Outcome, Vector, load_vectors

LINK_KINDS = {"link", "reassembly"}
CUT = {"fragment", "p1-clear-ident-envelope"}  # what stays open takes the noise for its own
SWAPPED = "neg-mbus-segments-swapped"  # two broken telegrams, strictly: a last segment alone, a first one alone
vectors = pytest.mark.parametrize("vector", load_vectors(), ids=lambda vector: vector.id)
links = pytest.mark.parametrize("detected", [False, True], ids=["given", "detected"])


def read(stream: bytes, link: str, sizes: Iterator[int] | None = None) -> tuple[list[Telegram | Refused], int]:
    delimiter = Delimiter(link)
    done: list[Telegram | Refused] = []
    at = 0
    while at < len(stream):
        size = next(sizes) if sizes else len(stream)
        done += delimiter.feed(stream[at : at + size])
        at += size
    return done + delimiter.idle(), delimiter.discarded


def kind(one: Telegram | Refused) -> str:
    return one.error.kind if isinstance(one, Refused) else "telegram"


def due(outcome: Outcome) -> str:
    return outcome.result if outcome.result in LINK_KINDS else "telegram"


def comparable(done: list[Telegram | Refused]) -> list[tuple[object, ...]]:
    return [(str(one.error), one.captured) if isinstance(one, Refused) else tuple(one) for one in done]


@links
@vectors
def test_the_outcome_is_the_expected_one(vector: Vector, detected: bool) -> None:
    done, _ = read(vector.stream, "auto" if detected else vector.link)

    kinds = [kind(one) for one in done]
    if kinds[-1] in {due(outcome) for outcome in vector.tolerated}:
        kinds[-1] = due(vector.expected)
    if vector.id == SWAPPED:
        del kinds[0]
    assert [due(outcome) for outcome in vector.sequence] == kinds


def own_title(vector: Vector) -> bytes | None:
    """The title in the vector, which has the whole field where one maker repeats the length in it."""
    title = vector.system_title
    return title if title is None or len(title) < 9 else title[1:]


@links
@vectors
def test_telegrams_name_their_title_link_and_length(vector: Vector, detected: bool) -> None:
    done, _ = read(vector.stream, "auto" if detected else vector.link)

    for one in done:
        if isinstance(one, Telegram):
            assert own_title(vector) == one.title
            assert one.link in ({"p1", "apdu"} if vector.link == "p1" and detected else {vector.link})
            assert vector.expected.reassembled_length in (None, len(one.apdu))


@links
@vectors
def test_chunks_do_not_matter(vector: Vector, detected: bool) -> None:
    link = "auto" if detected else vector.link
    chance = random.Random(vector.id)

    whole = read(vector.stream, link)
    for longest in (1, 7, 100):
        sizes = (chance.randint(1, longest) for _ in vector.stream)
        done, discarded = read(vector.stream, link, sizes)
        assert (comparable(whole[0]), whole[1]) == (comparable(done), discarded)


@vectors
def test_captured_bytes_give_the_same_telegram_again(vector: Vector) -> None:
    for one in read(vector.stream, vector.link)[0]:
        if isinstance(one, Telegram):
            assert one == reread(one.captured, one.link)


@pytest.mark.parametrize(
    ("vector", "detected"),
    [
        pytest.param(vector, detected, id=f"{vector.id}-{'detected' if detected else 'given'}")
        for vector in load_vectors()
        for detected in (False, True)
        if vector.link != "apdu" and not CUT & vector.flags
        if not detected or vector.stream[0] in SOUND
    ],
)
def test_noise_around_it_is_counted_and_changes_nothing(vector: Vector, detected: bool) -> None:
    """Noise as a line makes it, with octets in it that begin frames. What has no checksum needs a known link then."""
    link = "auto" if detected else vector.link
    quiet, quietly_discarded = read(vector.stream, link)

    noise = b"\x00\xff\x68\x05\x06\x68\x11\x7e\xa0\x2f\x41\x55\xaa"
    done, discarded = read(noise + vector.stream + noise[::-1], link)

    assert comparable(quiet) == comparable(done)
    assert discarded > quietly_discarded
