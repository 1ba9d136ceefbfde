"""Names and layouts of the topics."""

from __future__ import annotations

from stream_app.topics import Topic, Topics


def laid_out(**settings: int) -> dict[str, Topic]:
    return {topic.name: topic for topic in Topics().specs(**settings)}


def test_every_name_has_exactly_one_layout() -> None:
    names = {name for attribute, name in vars(Topics("x")).items() if attribute != "prefix"}

    assert names == {topic.name for topic in Topics("x").specs()}
    assert len(names) == len(Topics("x").specs()) == 11


def test_what_stage_one_reads_and_writes_per_meter_has_one_number_of_partitions() -> None:
    topics = Topics()
    layout = laid_out(partitions=48, meter_quarter_partitions=6)
    per_meter = [topics.frames, topics.readings, topics.events, topics.rejects, topics.ingest_changelog]

    assert {48} == {layout[name].partitions for name in per_meter}


def test_what_stage_two_reads_and_writes_per_site_has_one_number_of_partitions() -> None:
    topics = Topics()
    layout = laid_out(partitions=48, meter_quarter_partitions=6)
    per_site = [
        topics.meter_quarters,
        topics.quarter_hours,
        topics.balances,
        topics.allocations,
        topics.balance_changelog,
    ]

    assert {6} == {layout[name].partitions for name in per_site}


def test_zero_retention_days_keep_what_would_be_deleted_for_ever() -> None:
    kept = {topic.config.get("retention.ms") for topic in Topics().specs(retention_days=0)}

    assert {"-1", None} == kept


def test_upserts_and_changelogs_are_compacted_and_streams_are_not() -> None:
    topics = Topics()
    deleting = {topic.name for topic in topics.specs() if topic.config["cleanup.policy"] == "delete"}

    assert {topics.frames, topics.readings, topics.events, topics.rejects, topics.meter_quarters} == deleting


def test_three_replicas_ask_for_two_in_sync_and_none_leaves_both_to_the_broker() -> None:
    three, unsaid = laid_out(replication=3)["cip.frames.v1"], laid_out()["cip.frames.v1"]

    assert (3, "2") == (three.replication, three.config["min.insync.replicas"])
    assert (None, None) == (unsaid.replication, unsaid.config.get("min.insync.replicas"))
