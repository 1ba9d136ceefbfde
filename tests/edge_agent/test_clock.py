from __future__ import annotations

import doctest
import time

import edge_agent.clock
from edge_agent.clock import Clock, system_clock_is_synchronised


def test_the_examples_in_the_documentation_hold() -> None:
    assert 0 == doctest.testmod(edge_agent.clock).failed


def test_unless_simulated_it_is_the_systems_clock() -> None:
    before = time.time_ns() // 1_000_000
    now = Clock().now_ms()

    assert before - 1 <= now <= time.time_ns() // 1_000_000 + 1


def test_whether_the_clock_is_kept_right_is_asked_without_privileges() -> None:
    assert system_clock_is_synchronised() in (True, False)
