"""Stage one: captured telegrams of one partition in; readings, meter-quarters, events and rejects out. Pure.

Per record: re-read the link bytes, compare the record's key with the title, open the telegram (``trust``), decide its
time (``meter_time``), write the reading, settle the meter's quarters (``energy``), and only then move counter and
offset. What cannot be done is a reject and changes nothing.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from typing import Final

from edge_agent.link.errors import MeterDataError
from edge_agent.link.telegram import reread
from stream_app.avro import Codecs
from stream_app.dlms.cipher import TITLE_OCTETS
from stream_app.dlms.errors import MisroutedError
from stream_app.dlms.notification import Reader
from stream_app.energy import meter_energy, supply
from stream_app.energy.meter_energy import Sample
from stream_app.lane.batches import hash_of
from stream_app.lane.stage import Headers, Output, Record
from stream_app.meter import CLOCK_KEY, WIDE, IngestState, MeterState
from stream_app.meter_plan import Knowledge, MeterPlan, Shape
from stream_app.meter_time import NEW_TUPLE, Measured, decide
from stream_app.promotion import Promotion
from stream_app.records import Event, MeterQuarter, Severity
from stream_app.refusals import reject
from stream_app.replay import MAX_COUNTER, Verdict
from stream_app.topics import Topics
from stream_app.trust import NOTHING_ELSE, Moved, Opened, open_telegram

CLOCK_STEP_MS: Final = 60_000  # stage two learns of the passing of time at least this often
ROUND: Final = 60  # sweeps in which every meter is looked at once
NAME_OCTETS: Final = 64  # of an edge or port, as the edge's settings have it; a stranger's may have any number
CLOCKS_SET: Final = 946_684_800_000  # 2000: a gateway that stamps earlier has no clock
COUNTER_JUMP: Final = 100_000  # a week of telegrams every 6 s
COUNTER_NEAR_END: Final = MAX_COUNTER - 20_000_000  # three years of them

Found = MeterQuarter | Event


class IngestStage:
    """The stage on ``frames``. Put a new ``Knowledge`` into ``knowledge`` to change keys or registry.

    ``partitions`` are those of ``frames``, ``targets`` those of ``meter-quarters``. ``tally`` counts telegrams accepted
    and refused by kind, for the metrics page.
    """

    def __init__(self, topics: Topics, codecs: Codecs, knowledge: Knowledge, *, partitions: int, targets: int) -> None:
        self.topic = topics.frames
        self.changelog = topics.ingest_changelog
        self.knowledge = knowledge
        self.tally: Counter[str] = Counter()
        self._topics = topics
        self._codecs = codecs
        self._header = codecs.readings.header
        self._partitions = partitions
        self._targets = targets
        self._tolerance_ms = knowledge.limits.clock_tolerance_ms
        self.reader = Reader()

    def new_state(self, partition: int) -> IngestState:
        """A partition without meters."""
        return IngestState(partition)

    def restore(self, state: IngestState, entries: Mapping[bytes, bytes]) -> None:
        """Fill a new state from the changelog."""
        for key, value in entries.items():
            if key == CLOCK_KEY:
                state.clock = state.clock_told = int(value)
                continue
            meter = state.meters.get(title := key.removesuffix(WIDE))
            if meter is None:
                meter = state.meters[title] = MeterState()
            if title is key:
                meter.unpack_thin(value)
            else:
                meter.energy.unpack_wide(value)

    def changes(self, state: IngestState) -> list[tuple[bytes, bytes | None]]:
        """The changelog records of the meters that were heard, and of the clock."""
        changed: list[tuple[bytes, bytes | None]] = []
        for title, meter in state.dirty.items():
            changed.append((title, meter.pack_thin()))
            if meter.energy.wide_dirty:
                changed.append((title + WIDE, meter.energy.pack_wide()))
        state.dirty.clear()
        if state.clock is not None:
            changed.append((CLOCK_KEY, b"%d" % state.clock))
        return changed

    def step(self, state: IngestState, records: Sequence[Record], now: int) -> list[Output]:
        """Take a batch of telegrams."""
        outputs: list[Output] = []
        found: list[Found] = []
        accepted = 0
        for record in records:
            received_at = record.timestamp if CLOCKS_SET < record.timestamp < now else now
            try:
                if reading := self._telegram(state, record, received_at, now, found):
                    outputs.append(reading)
                    accepted += 1
            except MeterDataError as error:
                self.tally[error.kind] += 1
                outputs.append(reject(self._topics.rejects, record, error))
                if event := state.alarms.refused(_name(record), error, received_at):
                    found.append(event)
        self.tally["accepted"] += accepted
        return self._finish(state, outputs, found, now)

    def sweep(self, state: IngestState, now: int) -> list[Output]:
        """Let time pass: a share of the meters at a time, so that no sweep stalls the batches."""
        clock = state.carry_on(now)
        found: list[Found] = list(state.alarms.sweep(clock))
        state.tour = state.tour or list(state.meters)
        share = len(state.meters) // ROUND + 1
        for key in state.tour[-share:]:
            meter = state.meters[key]
            with suppress(MeterDataError):  # a plan that cannot be made is told by the meter's telegrams
                plan = meter.plan
                if plan is None or plan.made_from is not self.knowledge:
                    plan = self._new_plan(state, meter, key, clock, found)
                found += meter_energy.sweep(meter.energy, plan.rules, clock)
                if meter.energy.wide_dirty:
                    state.dirty[key] = meter
        del state.tour[-share:]
        return self._finish(state, [], found, now)

    def _telegram(
        self, state: IngestState, record: Record, received_at: int, now: int, found: list[Found]
    ) -> Output | None:
        """One telegram from link bytes to reading. Whatever is raised, of the telegram nothing has moved."""
        key = record.key or b""
        edge, port, link, synced = _gateway(record.headers)
        telegram = reread(record.value or b"", link.decode("ascii", "replace"))
        offset, meter = record.offset, state.meters.get(key)
        plan, title = None if meter is None else meter.plan, telegram.title
        if plan is None or title != plan.octets:
            title = _title(key, title)
        if meter is None:
            self._check_partition(key, record.partition)
            meter = MeterState()  # kept only if the telegram is accepted: invented titles cost no memory
        elif offset <= meter.offset:
            return None  # done before a crash, on a broker without transactions
        clock = state.reached(received_at)
        adopted: list[Found] = []
        if plan is None or plan.made_from is not self.knowledge:
            plan = self._new_plan(state, meter, key, clock, found if key in state.meters else adopted)
        opened = open_telegram(telegram.apdu, title, meter.trust, plan.policy, self.reader.read, clock)
        push, counter, newest = opened.push, opened.counter, opened.newest
        late = opened.verdict is Verdict.LATE
        until = received_at if synced else now
        measured = decide(push.time, received_at, until, self._tolerance_ms, meter.measured_at, late)
        at, from_gateway, status, drift_ms = measured
        _, _, _, prefix, shape = plan.form(self._header, record.partition, edge, port, opened, at)
        reading = shape.encoder.encode(prefix, offset, at, received_at, from_gateway, status, counter, push.values)
        found += adopted
        found += _settle(meter, plan, shape, opened, at, clock)
        moved = meter.trust.accept(opened, clock)
        odd = counter is not None and (counter > newest + COUNTER_JUMP or newest < COUNTER_NEAR_END <= counter)
        if odd or moved is not NOTHING_ELSE or drift_ms is not None:
            found += self._news(state, plan, opened, measured, moved)
        meter.offset = offset
        if not late:
            meter.measured_at = at
        state.meters[key] = meter
        state.dirty[key] = meter
        state.feed(clock)
        return NEW_TUPLE(Output, (self._topics.readings, key, reading, at, None, ()))

    def _new_plan(self, state: IngestState, meter: MeterState, key: bytes, clock: int, found: list[Found]) -> MeterPlan:
        """A plan from what is known now. It may change what the meter's quarters have to say."""
        plan = meter.plan = self.knowledge.plan(key.decode())
        found += meter_energy.adopt(meter.energy, plan.rules, clock)
        if key in state.meters:
            state.dirty[key] = meter
        return plan

    def _news(
        self, state: IngestState, plan: MeterPlan, opened: Opened, measured: Measured, moved: Moved
    ) -> Iterable[Event]:
        """What a person may want to know of a telegram's trust and time."""
        counter, newest = opened.counter or 0, opened.newest
        if newest < COUNTER_NEAR_END <= counter:
            yield _event(plan, measured, "security.counter_near_end", "ALARM", f"frame counter {counter}")
        if 0 <= newest < counter - COUNTER_JUMP:
            yield _event(plan, measured, "security.counter_jump", "WARNING", f"from {newest} to {counter}")
        if Moved.RESET in moved:
            detail = f"reset by an operator, the counters start afresh with {counter}"
            yield _event(plan, measured, "security.counter_reset", "WARNING", detail)
        if Moved.PROMOTED in moved and opened.key:
            yield Promotion(plan.title, opened.key.keys.version, measured.at, opened.authenticated).event()
        if measured.drift_ms is not None:
            detail = f"the meter's clock is {measured.drift_ms // 1000} s off the gateway's"
            if told := state.alarms.tell(_event(plan, measured, "clock.drift", "WARNING", detail)):
                yield told

    def _finish(self, state: IngestState, outputs: list[Output], found: list[Found], now: int) -> list[Output]:
        """Encode what was found, the newest revision of each part only, and tell stage two the time."""
        told = state.clock_told
        parts = {(f.site, f.system_title, f.quantity, f.start, f.end): f for f in found if isinstance(f, MeterQuarter)}
        for part in parts.values():
            site = part.site.encode()
            value = self._codecs.meter_quarters.encode(part)
            outputs.append(Output(self._topics.meter_quarters, site, value, part.start, site))
        for event in found:
            if isinstance(event, Event):
                value = self._codecs.events.encode(event)
                outputs.append(Output(self._topics.events, event.source.encode(), value, event.at))
        clocks = self._clocks(state, now)
        # Only when the first record comes does the clock step back: then stage two has to know it before any part.
        return clocks + outputs if clocks and clocks[0].timestamp < told else outputs + clocks

    def _clocks(self, state: IngestState, now: int) -> list[Output]:
        """The partition's clock for every partition of stage two, once a minute of it."""
        clock = state.time(now)
        if 0 <= clock - state.clock_told < CLOCK_STEP_MS:
            return []
        state.clock_told = clock
        source = b"clock|%d" % state.partition
        return [Output(self._topics.meter_quarters, source, None, clock, to) for to in range(self._targets)]

    def _check_partition(self, key: bytes, partition: int) -> None:
        """A record put into a partition by hand would meet an empty replay guard there."""
        home = hash_of(key) % self._partitions
        if home != partition:
            raise MisroutedError(f"in partition {partition}, but its key belongs to partition {home}")


def _gateway(headers: Headers) -> tuple[bytes | None, bytes | None, bytes, bool]:
    """Edge id, port, link kind and whether its clock is right. A loop over six headers takes half a ``dict``'s time."""
    edge = port = link = None
    synced = True
    for name, value in headers:
        if name == "edge-id":
            edge = value and value[:NAME_OCTETS]
        elif name == "port":
            port = value and value[:NAME_OCTETS]
        elif name == "link":
            link = value
        elif name == "clock-synced":
            synced = value != b"false"
    return edge, port, link or b"auto", synced


def _settle(meter: MeterState, plan: MeterPlan, shape: Shape, opened: Opened, at: int, clock: int) -> Sequence[Found]:
    """The energy of a telegram, and the supply's events where it is newer than all before."""
    values, counter, newest = opened.push.values, opened.counter, opened.newest
    sample = Sample(at, shape.sample(values), opened.authenticated)
    if opened.verdict is Verdict.LATE or at < meter.measured_at:
        return meter_energy.advance(meter.energy, sample, plan.rules, clock)
    events = supply.watch(meter.supply, shape.phases, values, at, plan.supply)
    if at - meter.measured_at > supply.OUTAGE_MS and counter is not None and newest >= 0:
        sent = counter - newest
        events = events + supply.silence(meter.supply, meter.energy, sample, meter.measured_at, sent, plan.supply)
    quarters = meter_energy.advance(meter.energy, sample, plan.rules, clock)
    if not quarters:
        return events
    return [*events, *quarters, *supply.demand(quarters, at, plan.supply)]


def _event(plan: MeterPlan, measured: Measured, kind: str, severity: Severity, detail: str) -> Event:
    return Event(plan.title, measured.at, kind, severity, detail, plan.title)


def _name(record: Record) -> str:
    """A record's key as text, whatever its bytes."""
    return (record.key or b"")[:64].decode("ascii", "replace")


def _title(key: bytes, title: bytes | None) -> bytes:
    """The system title as octets; the record's key has to be the same, and stands in where the meter sends none."""
    if title:
        if title.hex().upper().encode() != key:
            raise MisroutedError(f"the record's key is not the telegram's title {title.hex().upper()}")
        return title
    try:
        octets = bytes.fromhex(key.decode("ascii"))
    except ValueError:
        octets = b""
    if len(octets) != TITLE_OCTETS or octets.hex().upper().encode() != key:
        raise MisroutedError("the record's key is no system title of 16 upper-case hex digits")
    return octets
