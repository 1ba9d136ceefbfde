from __future__ import annotations

from pathlib import Path

from edge_agent.ports import file
from edge_agent.ports.port import Source
from edge_agent.settings import FilePort


async def test_a_capture_is_read_to_its_end_and_then_the_port_has_ended(tmp_path: Path) -> None:
    (tmp_path / "capture.bin").write_bytes(bytes(range(250)))
    heard = []

    async def read(source: Source) -> None:
        while data := await source.read(100):
            heard.append(data)

    await file.serve(FilePort(name="capture", kind="file", path=tmp_path / "capture.bin"), read)

    assert [bytes(range(100)), bytes(range(100, 200)), bytes(range(200, 250))] == heard
