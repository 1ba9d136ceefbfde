"""Every vector through link, cipher and reader. ``decode`` and the worker have their own runs."""

from __future__ import annotations

import pytest

from stream_app.dlms.notification import Reader
from tests.stream_app.dlms.telegrams import asserted, read, telegrams, told
from tests.vectors.loader import Vector, load_vectors

TRUST = {"clear_text_refused", "replay"}  # refused above the decode core


@pytest.mark.parametrize("vector", [pytest.param(v, id=v.id) for v in load_vectors()])
def test_a_vector_comes_to_one_of_its_outcomes(vector: Vector) -> None:
    reader = Reader()
    found = [read(vector, telegram, reader) for telegram in telegrams(vector)]
    outcomes = vector.sequence if len(vector.sequence) > 1 else (vector.expected,)  # that of the last

    for push, outcome in zip(found[-len(outcomes) :], outcomes, strict=True):
        allowed = [outcome, *vector.tolerated] if outcome.result not in TRUST else []
        assert not allowed or any(asserted(one) == told(push, one) for one in allowed), told(push, outcome)
