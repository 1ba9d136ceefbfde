"""The registry on a real broker: loaded, followed, written all or nothing."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from confluent_kafka import Producer

from stream_app.avro import load_codecs
from stream_app.records import RegistryEntry
from stream_app.registry.entries import Change, changes
from stream_app.registry.topic import RegistryError, RegistryTopic, RegistryWriter
from tests.kafka_broker import KafkaBroker, unique

pytestmark = pytest.mark.kafka

CODEC = load_codecs().registry


def site(name: str, zone: str = "UTC", at: int = 1) -> RegistryEntry:
    return RegistryEntry("site", name, f'{{"site":"{name}","timezone":"{zone}"}}', at)


def to_write(*entries: RegistryEntry) -> list[Change]:
    return [Change(f"{entry.kind}|{entry.id}", None, entry) for entry in entries]


class Place:
    """A topic on the broker, with what talks to it."""

    def __init__(self, kafka: KafkaBroker) -> None:
        self.topic = unique("registry")
        self.bootstrap = kafka.bootstrap
        kafka.make_topics({self.topic: 1}, {"cleanup.policy": "compact"})

    def reader(self) -> RegistryTopic:
        return RegistryTopic({"bootstrap_servers": self.bootstrap}, self.topic, CODEC)

    def writer(self, *, transactional: bool = True) -> RegistryWriter:
        name = f"test-{self.topic}" if transactional else None
        return RegistryWriter({"bootstrap.servers": self.bootstrap}, self.topic, name)


@pytest.fixture
def place(kafka: KafkaBroker) -> Place:
    return Place(kafka)


async def test_an_empty_registry_loads_as_an_empty_directory(place: Place) -> None:
    directory = await place.reader().load()

    assert ({}, {}) == (directory.sites, directory.meters)


@pytest.mark.parametrize("transactional", [True, False], ids=["transaction", "plain-sends"])
async def test_what_was_written_is_loaded_and_what_was_taken_away_is_not(place: Place, transactional: bool) -> None:
    place.writer(transactional=transactional).write(to_write(site("a"), site("b")), CODEC)
    reader = place.reader()
    await reader.load()
    place.writer(transactional=transactional).write(
        changes(reader.entries, {"site|b": site("b", "Europe/Wien")}), CODEC
    )

    directory = await place.reader().load()

    assert {"b": "Europe/Wien"} == {name: found.timezone for name, found in directory.sites.items()}


async def test_followers_get_one_snapshot_per_burst(place: Place) -> None:
    many = to_write(*(site(f"s{n}") for n in range(2_000)))
    snapshots = place.reader().follow()
    first = await anext(snapshots)
    await asyncio.to_thread(place.writer().write, many, CODEC)
    second = await asyncio.wait_for(anext(snapshots), 20)
    await asyncio.to_thread(place.writer().write, [Change("site|s0", None, None)], CODEC)
    third = await asyncio.wait_for(anext(snapshots), 20)
    await snapshots.aclose()

    assert [0, 2_000, 1_999] == [len(snapshot.sites) for snapshot in (first, second, third)]


async def test_a_write_that_fails_in_the_middle_leaves_nothing(place: Place) -> None:
    spoiled: list[Any] = [*to_write(site("a"), site("b")), Change("site|c", None, site("c", "x" * 2_000_000))]
    with pytest.raises(RegistryError):
        place.writer().write(spoiled, CODEC)
    place.writer().write(to_write(site("d")), CODEC)

    assert {"d"} == set((await place.reader().load()).sites)


async def test_who_comes_later_fences_who_was_about_to_write(place: Place) -> None:
    earlier, later = place.writer(), place.writer()
    later.write(to_write(site("later")), CODEC)
    with pytest.raises(RegistryError):
        earlier.write(to_write(site("earlier")), CODEC)

    assert {"later"} == set((await place.reader().load()).sites)


async def test_a_missing_topic_is_named_with_the_command_that_makes_it(kafka: KafkaBroker) -> None:
    with pytest.raises(RegistryError, match="nowhere is missing: `cipstream topics apply`"):
        await RegistryTopic({"bootstrap_servers": kafka.bootstrap}, "nowhere", CODEC).load()


async def test_an_unreadable_entry_stops_a_start_but_not_a_running_follower(
    place: Place, caplog: pytest.LogCaptureFixture
) -> None:
    place.writer().write(to_write(site("a")), CODEC)
    snapshots = place.reader().follow()
    await anext(snapshots)
    stranger = Producer({"bootstrap.servers": place.bootstrap})
    stranger.produce(place.topic, b"not avro", b"site|a")
    stranger.flush(10)
    await asyncio.to_thread(place.writer().write, to_write(site("b")), CODEC)
    snapshot = await asyncio.wait_for(anext(snapshots), 20)
    while "b" not in snapshot.sites:
        snapshot = await asyncio.wait_for(anext(snapshots), 20)
    await snapshots.aclose()

    assert {"a", "b"} == set(snapshot.sites)
    assert "cannot be read" in caplog.text
    with pytest.raises(RegistryError, match=f"{place.topic}/0/"):
        await place.reader().load()
