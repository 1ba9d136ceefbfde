from __future__ import annotations

from pathlib import Path

import pytest

from stream_app.keys.store import open_store
from stream_app.settings import Keys


@pytest.mark.parametrize(("mode", "warnings"), [(0o644, 1), (0o604, 1), (0o640, 0), (0o600, 0)])
def test_a_kek_file_that_everybody_may_read_is_named_and_used(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, mode: int, warnings: int
) -> None:
    file = tmp_path / "kek"
    file.write_text("2026 " + "5A" * 32)
    file.chmod(mode)
    store = open_store(Keys(sqlite=tmp_path / "keys.db", kek_file=file), {})

    told = [f"{file}: everybody on this machine may read this key-encryption key: chmod 600"]
    assert told * warnings == caplog.messages
    assert 0 == len(store.load())
