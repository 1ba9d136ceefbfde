"""Rules of the house that no linter knows."""

from __future__ import annotations

from pathlib import Path

HOUSE = Path(__file__).resolve().parent.parent
MODULES = sorted(p for room in ("edge_agent", "stream_app", "tests") for p in (HOUSE / room).rglob("*.py"))


def test_no_module_is_longer_than_300_lines() -> None:
    long = {str(p.relative_to(HOUSE)): n for p in MODULES if (n := len(p.read_text().splitlines())) > 300}

    assert long == {}


def test_every_init_file_is_empty() -> None:
    """One re-export would pull cryptography onto the edge."""
    filled = [str(p.relative_to(HOUSE)) for p in MODULES if p.name == "__init__.py" and p.read_text()]

    assert filled == []
