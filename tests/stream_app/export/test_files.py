"""Tables into files that cannot be written."""

from __future__ import annotations

import resource
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from stream_app.export.files import Format, write
from stream_app.export.kinds import Column
from stream_app.export.tables import Table

ROWS = 20_000


def table() -> Table:
    return Table([Column("n", "whole")], ([n * 2_654_435_761 % 2**32] for n in range(ROWS)))


@contextmanager
def little_room() -> Iterator[None]:
    """No file may become larger than a page, that of the test's own output included: as a full disk, but for the reason
    that is given."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (4096, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


@pytest.mark.parametrize("form", Format)
def test_a_file_that_has_no_room_is_named_and_nothing_of_it_is_left(tmp_path: Path, form: Format) -> None:
    path = tmp_path / f"long.{form.value}"
    path.write_text("of yesterday")
    with pytest.raises(OSError, match="File too large") as refused, little_room():
        write(table(), path, form)

    assert str(path) == refused.value.filename
    assert {path: "of yesterday"} == {file: file.read_text() for file in tmp_path.iterdir()}


@pytest.mark.parametrize("form", Format)
def test_a_folder_that_takes_no_file_is_named(form: Format) -> None:
    with pytest.raises(OSError, match=r"/proc/self/long\."):
        write(table(), Path(f"/proc/self/long.{form.value}"), form)
