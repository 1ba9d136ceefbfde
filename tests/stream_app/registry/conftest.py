"""A registry folder that is right, for tests to spoil."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

GOOD = {
    "sites.csv": """site,name,timezone,kind,sharing
haus-1,Haus 1,Europe/Zurich,,
zev-1,,Europe/Zurich,community,at-static
""",
    "meters.csv": """system_title,serial,push_list,push_seconds
4C475A1030A1B2C3,30715075,,5
4b464d0005f5e101,,wiener-netze-9,
4B464D0005F5E102,,,
""",
    "points.csv": """metering_point,system_title,site,valid_from,valid_to,role,end_import_wh,start_import_wh,quantities
CH1,4C475A1030A1B2C3,haus-1,2026-01-01T00:00:00+01:00,,,,,1.8.0 5.8.0
AT1,4B464D0005F5E101,zev-1,2026-01-01T00:00:00+01:00,2026-03-01T12:07:00Z,consumer,5000,,
AT1,4B464D0005F5E102,zev-1,2026-03-01T12:07:00Z,,consumer,,17,
AT2,4B464D0005F5E102,zev-1,2026-03-01T12:07:00Z,,producer,,,
""",
    "members.csv": """site,metering_point,valid_from,valid_to,factor_percent,share_permyriad
zev-1,AT1,2026-01-01T00:00:00Z,,60,10000
zev-1,AT2,2026-03-01T12:07:00Z,,,
""",
    "validation.csv": """metering_point,quantity,condition,limit,percent,hours,action
CH1,1.8.0,zero,,,,distribute
CH1,,missing,,,,previous-week
CH1,,below,10,,,keep
CH1,1.8.0,below-median,,50,,flag
""",
    "push_lists.json": '{\n "own-2": {"items": [{"role": "clock"},\n  {"role": "register", "obis": "1-0:1.8.0"}]}\n}\n',
}

Write = Callable[..., Path]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Write the good folder, with files replaced by keyword: ``points="…"`` for points.csv, None to leave one out."""

    def folder(**replaced: str | None) -> Path:
        contents: dict[str, str | None] = {**GOOD}
        for name, text in replaced.items():
            file = next(file for file in [*GOOD, "scale_profiles.json"] if file.startswith(name))
            contents[file] = text
        for file, content in contents.items():
            if content is not None:
                (tmp_path / file).write_text(content, "utf-8")
        return tmp_path

    return folder
