from __future__ import annotations

import os
from pathlib import Path
from threading import Event, Thread

from edge_agent.link.delimiter import Delimiter
from edge_agent.link.frame import Telegram
from stream_app.commands.captures import telegrams
from tests.edge_agent.link import encoder


def test_a_line_that_is_read_live_tells_each_telegram_when_it_is_whole(tmp_path: Path) -> None:
    line, told = tmp_path / "line", Event()
    waited: list[bool] = []
    os.mkfifo(line)

    def meter() -> None:
        with line.open("wb", buffering=0) as cable:
            cable.write(encoder.hdlc(b"\x0f\0\0\0\1\0\2\0", llc=encoder.LLC) * 2)
            waited.append(told.wait(20))

    speaker = Thread(target=meter, daemon=True)
    speaker.start()
    found = telegrams(line, Delimiter("hdlc"), hex_text=False)
    first = next(found)
    told.set()
    speaker.join()

    assert isinstance(first, Telegram)
    assert [True] == waited
