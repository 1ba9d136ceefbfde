from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from edge_agent import spool_thread
from edge_agent.clock import Clock
from edge_agent.line import Line, judge
from edge_agent.link.errors import LinkError
from edge_agent.link.frame import Refused, Telegram
from edge_agent.metrics import Metrics
from edge_agent.settings import Port
from edge_agent.spool import Kept, Record, Spool
from edge_agent.spool_thread import SpoolThread
from tests.edge_agent.meters import CLEAR, TITLE, sealed
from tests.edge_agent.patience import until

OWN = TITLE.hex().upper()
OTHER = "AAAAAAAAAAAAAAAA"


def port(**settings: object) -> Port:
    return Port.model_validate({"name": "attic", "idle_s": 0.05, **settings})


@pytest.mark.parametrize(
    ("title", "settings", "expected"),
    [
        pytest.param(TITLE, {}, OWN, id="the-telegrams-own-title"),
        pytest.param(TITLE, {"title": OTHER}, OWN, id="its-own-before-the-ports"),
        pytest.param(b"", {"title": OTHER}, OTHER, id="ciphered-without-title-on-a-port-that-has-one"),
        pytest.param(b"", {}, "no_title", id="ciphered-without-title"),
        pytest.param(b"\x01\x02", {}, "no_title", id="a-title-of-two-bytes-is-none"),
        pytest.param(None, {}, "clear_text_refused", id="clear-text"),
        pytest.param(None, {"title": OTHER}, "clear_text_refused", id="clear-text-even-where-the-port-has-a-title"),
        pytest.param(None, {"title": OTHER, "accept_clear": True}, OTHER, id="clear-text-where-it-is-allowed"),
    ],
)
def test_a_telegram_is_forwarded_under_its_meter_or_kept_with_a_reason(
    title: bytes | None, settings: dict[str, object], expected: str
) -> None:
    judged = judge(Telegram("hdlc", b"captured", b"apdu", title), port(**settings), 7, True)

    assert expected == (judged.key if isinstance(judged, Record) else judged.kind)
    assert ("attic", 7, b"captured") == (judged.port, judged.received_at, judged.captured)


def test_what_the_link_refuses_is_kept_with_the_links_reason() -> None:
    judged = judge(Refused(LinkError("checksum", offset=3, layer="mbus"), b"bytes"), port(), 7, True)

    assert Kept("attic", 7, "link", "mbus: checksum at byte 3", b"bytes") == judged


async def captured(spool: SpoolThread) -> list[bytes]:
    return [record.captured for _, record in await spool.first(100)]


async def test_telegrams_are_spooled_verbatim_with_their_time_and_noise_is_counted(
    spool: SpoolThread, metrics: Metrics
) -> None:
    source = asyncio.StreamReader()
    source.feed_data(b"\x01\x02\x03" + sealed(1) + sealed(2))
    source.feed_eof()
    clock = Clock(1_774_742_400_000, 0, 0, is_synchronised=lambda: True)
    await Line(port(), spool, clock, metrics, waits=False).run(source)

    assert [
        (1, Record("attic", OWN, 1_774_742_400_000, "mbus", True, sealed(1))),
        (2, Record("attic", OWN, 1_774_742_400_000, "mbus", True, sealed(2))),
    ] == await spool.first(10)
    assert 3 == metrics.registry.get_sample_value("cip_edge_noise_bytes_total", {"port": "attic"})
    assert 2 == metrics.registry.get_sample_value("cip_edge_telegrams_total", {"port": "attic"})


async def test_silence_ends_a_telegram_and_its_time_is_that_of_its_last_byte(
    spool: SpoolThread, metrics: Metrics
) -> None:
    now = iter(range(1, 100))
    clock = Clock(0, 0, 0.001, system=lambda: next(now) * 1000, is_synchronised=lambda: False)
    source = asyncio.StreamReader()
    settings = port(title=OTHER, accept_clear=True, link="apdu")
    reading = asyncio.create_task(Line(settings, spool, clock, metrics, waits=False).run(source))
    source.feed_data(CLEAR)
    frames = await spool.first(1)
    reading.cancel()

    assert [(1, Record("attic", OTHER, 1000, "apdu", False, CLEAR))] == frames


async def test_a_line_that_dies_of_a_timeout_is_lost_not_silent(spool: SpoolThread, metrics: Metrics) -> None:
    """The kernel reports a gateway without power as ETIMEDOUT, which Python calls TimeoutError too."""
    source = asyncio.StreamReader()
    source.feed_data(sealed(1))
    reading = asyncio.create_task(Line(port(idle_s=60), spool, Clock(), metrics, waits=False).run(source))
    await spool.first(1)
    source.set_exception(TimeoutError(110, "Connection timed out"))

    with pytest.raises(TimeoutError):
        await reading


async def test_what_is_whole_when_a_line_is_closed_is_saved(spool: SpoolThread, metrics: Metrics) -> None:
    source = asyncio.StreamReader()
    settings = port(title=OTHER, accept_clear=True, idle_s=60)
    reading = asyncio.create_task(Line(settings, spool, Clock(), metrics, waits=False).run(source))
    source.feed_data(sealed(1) + CLEAR)  # that the first is there tells that the second has been read
    await spool.first(1)
    reading.cancel()
    await asyncio.wait([reading])
    await spool.flushed()

    assert [sealed(1), CLEAR] == await captured(spool)


async def test_a_line_that_is_closed_ends_even_while_the_disk_cannot_follow(
    tmp_path: Path, metrics: Metrics, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What it still had is handed over; nothing may wait for a disk that perhaps never comes back."""
    monkeypatch.setattr(spool_thread, "MOST_PENDING", 0)
    nobody_writes = SpoolThread(Spool(tmp_path / "spool.db", 1_000_000), 1_000_000, metrics)
    source = asyncio.StreamReader()
    settings = port(title=OTHER, accept_clear=True, idle_s=60)
    reading = asyncio.create_task(Line(settings, nobody_writes, Clock(), metrics, waits=False).run(source))

    def telegrams() -> float | None:
        return metrics.registry.get_sample_value("cip_edge_telegrams_total", {"port": "attic"})

    source.feed_data(sealed(1) + CLEAR)
    await until(lambda: telegrams() == 1)
    reading.cancel()
    ended, _ = await asyncio.wait([reading], timeout=2)
    nobody_writes.close()

    assert ({reading}, 2) == (ended, telegrams())
