"""Where atheris does not install: hypothesis, whose search climbs towards inputs that are read further."""

from __future__ import annotations

import time

from hypothesis import HealthCheck, Phase, given, seed, settings, target
from hypothesis import strategies as st

from stream_app.dlms.notification import Reader
from tests.fuzz.target import corpus, run_in_time

EXAMPLES = 500
FURTHEST = (
    "nothing",
    "link",
    "reassembly",
    "cipher_header",
    "unknown_key",
    "plaintext",
    "encoding",
    "profile",
    "valid",
)


@st.composite
def inputs(draw: st.DrawFn) -> bytes:
    """A vector with a few octets replaced, dropped or put in."""
    data = bytearray(draw(st.sampled_from(corpus())))
    for _ in range(draw(st.integers(0, 4))):
        at = draw(st.integers(3, max(3, len(data) - 1)))
        data[at : at + draw(st.integers(0, 3))] = draw(st.binary(max_size=3))
    return bytes(data)


def search(minutes: float) -> int:
    """Search for so long; print the count. Raises what breaks."""
    reader, count, start, round_number = Reader(), 0, time.perf_counter(), 0
    while time.perf_counter() - start < minutes * 60:
        round_number += 1

        @seed(round_number)
        @settings(
            max_examples=EXAMPLES, deadline=None, database=None, phases=(Phase.generate, Phase.target, Phase.shrink),
            suppress_health_check=list(HealthCheck),
        )  # fmt: skip
        @given(inputs())
        def one(data: bytes) -> None:
            nonlocal count
            count += 1
            kind = run_in_time(data, reader)
            target(float(FURTHEST.index(kind)) if kind in FURTHEST else 0.0)

        one()
    print(f"{count} telegrams in {time.perf_counter() - start:.0f} s, targeted (hypothesis)")
    return 0
