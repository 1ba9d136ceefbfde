"""The line, drawn and built. Start reading here.

    [frames] ─ ingest ─┬─▶ [readings]         every telegram, decoded
                       ├─▶ [events]           replay, wrong key, clock, gap, outage …
                       ├─▶ [rejects]          reason and original bytes
                       └─▶ [meter-quarters] ─ balance ─┬─▶ [quarter-hours]   15-minute energy per metering point
                                                       ├─▶ [balances]        per site
                                                       ├─▶ [allocations]     per member of a community
                                                       └─▶ [events]

Square brackets are topics (``topics``), ``ingest`` and ``balance`` pure stages over partition batches. A lane carries
each of them exactly once: outputs, state and input offset in one transaction (``lane``). Stage one knows meters and
works per system title; stage two knows metering points and sites and works per site, so that the two meters of an
exchange and the members of a community meet in one partition.
"""

from __future__ import annotations

from typing import NamedTuple

from stream_app.avro import Codecs
from stream_app.balance import BalanceStage
from stream_app.ingest import IngestStage
from stream_app.keys.ring import KeyRing
from stream_app.meter_plan import Knowledge, Limits
from stream_app.registry.model import Directory
from stream_app.settings import Settings


class Stages(NamedTuple):
    """Both stages, and the one way to tell them that registry or keys have changed."""

    ingest: IngestStage
    balance: BalanceStage

    def learn(self, ring: KeyRing | None = None, directory: Directory | None = None) -> None:
        """Put new keys, a new registry or both into force, from the next batch on."""
        known = self.ingest.knowledge
        self.ingest.knowledge = Knowledge(ring or known.ring, directory or known.directory, known.limits)
        self.balance.directory = self.ingest.knowledge.directory


def build(settings: Settings, codecs: Codecs, ring: KeyRing, directory: Directory) -> Stages:
    """The stages of the line, by hand."""
    topics, layout = settings.topic_names(), settings.topics
    grace_ms = settings.energy.grace_minutes * 60_000
    limits = Limits(clock_tolerance_ms=settings.energy.clock_tolerance_s * 1000, grace_ms=grace_ms)
    ingest = IngestStage(
        topics,
        codecs,
        Knowledge(ring, directory, limits),
        partitions=layout.partitions,
        targets=layout.meter_quarter_partitions,
    )
    balance = BalanceStage(
        topics,
        codecs,
        directory,
        source_partitions=layout.partitions,
        partitions=layout.meter_quarter_partitions,
        grace_ms=grace_ms,
    )
    return Stages(ingest, balance)
