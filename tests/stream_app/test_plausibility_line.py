"""A registry folder with validation.csv, sealed telegrams through both stages, and what an export tells of it."""

from __future__ import annotations

import csv
from collections.abc import Iterable
from datetime import date
from pathlib import Path
from zoneinfo import ZoneInfo

from stream_app.avro import load_codecs
from stream_app.export.files import Format, write
from stream_app.export.kinds import Kind, source_of
from stream_app.export.period import Period
from stream_app.export.store import Held, Store
from stream_app.export.tables import Table, completeness, long
from stream_app.lane.stage import Output
from stream_app.records import Event
from stream_app.registry.entries import directory_of, entries_of, parse
from stream_app.registry.files import read_folder
from stream_app.registry.model import Directory
from stream_app.registry.rules import judge
from stream_app.reprocess import Frame
from stream_app.settings import Settings
from stream_app.topology import build
from tests.stream_app.balance_world import T0, Q
from tests.stream_app.ingest_harness import Meter

MINUTE = 60_000
DAY = 96
METER = Meter("4C475A1030A1B2C3")
CODECS = load_codecs()
UTC_DAYS = Period(date(2026, 3, 28), date(2026, 3, 29), ZoneInfo("UTC"))
FOLDER = {
    "sites.csv": "site,timezone\nhouse,UTC\n",
    "meters.csv": f"system_title,push_seconds\n{METER.title},300\n",
    "points.csv": "metering_point,system_title,site,valid_from,role\n"
    f"P1,{METER.title},house,2026-03-01T00:00:00Z,consumer\n",
}
RULES = "metering_point,condition,limit,hours,action\nP1,zero,,1,distribute\nP1,above,1000,,previous-day\n"


def directory(folder: Path, rules: str) -> Directory:
    """A folder as a worker comes to know it: through check, publishing and reading."""
    for name, text in {**FOLDER, "validation.csv": rules}.items():
        (folder / name).write_text(text)
    rows, problems = read_folder(folder)
    assert [] == problems + judge(rows)
    entries = entries_of(rows, T0)
    return directory_of({key: parse(CODECS.registry.decode(CODECS.registry.encode(e))) for key, e in entries.items()})


class Line:
    """Both stages, one partition each; what is published goes into a store as ``cipstream export`` would read it."""

    def __init__(self, store: Store, known: Directory) -> None:
        self.settings = Settings.model_validate({"topics": {"partitions": 1, "meter_quarter_partitions": 1}})
        self.topics = self.settings.topic_names()
        self.stages = build(self.settings, CODECS, METER.ring(), known)
        self.meter = self.stages.ingest.new_state(0)
        self.site = self.stages.balance.new_state(0)
        self.store = store
        self.offset = 0
        self.register = 0
        self.events: list[Event] = []

    def count(self, *amounts: int, since: int) -> None:
        """Three telegrams a quarter-hour, the register risen by each amount in its quarter."""
        for n, amount in enumerate(amounts, since):
            for third in range(3):
                at = T0 + n * Q + third * 5 * MINUTE
                self.send(at, self.register + amount * third // 3)
            self.register += amount

    def send(self, at: int, register: int) -> None:
        self.offset += 1
        frame = METER.frame(self.offset, at, register)._replace(
            offset=self.offset, partition=0, topic=self.topics.frames
        )
        self.pass_on(self.stages.ingest.step(self.meter, [frame], at) + self.stages.ingest.sweep(self.meter, at), at)

    def pass_on(self, outputs: Iterable[Output], now: int) -> None:
        outputs = list(outputs)
        records = [
            Frame(o.topic, 0, self.offset * 1000 + n, o.timestamp, o.key, o.value)
            for n, o in enumerate(outputs)
            if o.topic == self.topics.meter_quarters
        ]
        self.publish(outputs)
        self.publish(self.stages.balance.step(self.site, records, now) + self.stages.balance.sweep(self.site, now))

    def publish(self, outputs: Iterable[Output]) -> None:
        for output in outputs:
            assert output.value is not None or output.topic == self.topics.meter_quarters
            if output.topic == self.topics.quarter_hours and output.value and output.key:
                record = CODECS.quarter_hours.decode(output.value)
                series = output.key.decode().rpartition("|")[0]
                self.store.put([Held(series, record.start, record.revision, output.value)])
            elif output.topic == self.topics.events and output.value:
                self.events.append(CODECS.events.decode(output.value))


def table(made: Table, folder: Path) -> list[dict[str, str]]:
    write(made, folder / "table.csv", Format.CSV)
    with (folder / "table.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def two_days(line: Line) -> None:
    """30 Wh a quarter-hour; a register stands still for 75 minutes, and the day after there is one of 5 kWh."""
    line.count(*[30] * 40, *[0] * 5, 180, *[30] * 50, since=0)
    line.count(*[30] * 10, 5000, *[30] * 85, since=DAY)
    line.count(0, since=2 * DAY)


def test_rules_of_a_folder_reach_the_bill_and_the_originals_still_make_the_register(tmp_path: Path) -> None:
    source = source_of(Kind.QUARTER_HOURS, Settings().topic_names(), CODECS)
    with Store(CODECS.quarter_hours) as store:
        line = Line(store, directory(tmp_path, RULES))
        two_days(line)
        bill = table(long(store, source, UTC_DAYS), tmp_path)
        report = {row["period"]: row for row in table(completeness(store, source, UTC_DAYS), tmp_path)}

    assert {"30"} == {row["amount"] for row in bill}
    assert [
        *[("zero distribute", "DISTRIBUTED", "ESTIMATED", "0")] * 5,
        ("zero distribute", "DISTRIBUTED", "ESTIMATED", "180"),
        ("above previous-day", "PREVIOUS_DAY", "ESTIMATED", "5000"),
    ] == [
        (row["rule"], row["substitute"], row["quality"], row["original_amount"])
        for row in bill
        if row["substitute"] != "NONE"
    ]
    assert {"2026-03-28": ("2880", "2880", "6"), "2026-03-29": ("2880", "7850", "1")} == {
        day: tuple(report[day][name] for name in ("amount", "original_amount", "substituted"))
        for day in ("2026-03-28", "2026-03-29")
    }
    assert str(line.register) == report["total"]["original_amount"]
    assert ["validation.above"] == [event.type for event in line.events if event.type.startswith("validation")]


def test_a_rule_that_goes_leaves_what_was_counted_in_a_higher_revision(tmp_path: Path) -> None:
    source = source_of(Kind.QUARTER_HOURS, Settings().topic_names(), CODECS)
    with Store(CODECS.quarter_hours) as store:
        line = Line(store, directory(tmp_path, RULES))
        two_days(line)
        line.stages.learn(directory=directory(tmp_path, RULES.partition("P1,above")[0]))
        line.publish(line.stages.balance.sweep(line.site, T0 + 193 * Q))
        bill = table(long(store, source, UTC_DAYS), tmp_path)
        total = table(completeness(store, source, UTC_DAYS), tmp_path)[-1]

    assert ("5000", "ADJUSTED", "", "NONE", "2", "registry") == tuple(
        bill[DAY + 10][name] for name in ("amount", "quality", "rule", "substitute", "revision", "reason")
    )
    assert (str(line.register), str(line.register), "6") == tuple(
        total[name] for name in ("amount", "original_amount", "substituted")
    )
