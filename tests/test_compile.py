"""The copy with the compiled core: ``python -m deploy.compile``."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

import pytest

from deploy import compile as under_test


def test_without_a_compiler_the_copy_is_complete_and_interpreted_and_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(shutil, "which", lambda _: None)
    monkeypatch.setattr(sys, "argv", ["compile", str(tmp_path / "copy"), "--if-possible"])

    assert 0 == under_test.main()
    assert "stays interpreted" in capsys.readouterr().err
    for package in under_test.PACKAGES:
        source = {p.relative_to(under_test.HOUSE) for p in (under_test.HOUSE / package).rglob("*.py")}
        assert source == {p.relative_to(tmp_path / "copy") for p in (tmp_path / "copy" / package).rglob("*.py")}
    assert [] == list(tmp_path.rglob("*.so"))


def test_every_module_to_be_compiled_is_there() -> None:
    assert [] == [name for name in under_test.modules(under_test.HOUSE) if not (under_test.HOUSE / name).is_file()]
