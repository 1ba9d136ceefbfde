"""What a power cut may leave of a memory card."""

from __future__ import annotations

from pathlib import Path

PAGE = 4096  # SQLite's


def erase(path: Path, pages: range) -> None:
    """Take the content of some pages, numbered from 0."""
    content = bytearray(path.read_bytes())
    content[pages.start * PAGE : pages.stop * PAGE] = bytes(len(pages) * PAGE)
    path.write_bytes(content)
