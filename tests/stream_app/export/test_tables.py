"""Long, wide and completeness tables, in files."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from datetime import UTC, date, datetime
from itertools import pairwise
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pyarrow.parquet as pq
import pytest

from stream_app.export.files import Format, write
from stream_app.export.kinds import Kind, Source, series_of, source_of
from stream_app.export.period import Period
from stream_app.export.store import Held, Store
from stream_app.export.tables import Table, completeness, long, wide
from stream_app.records import Quality, QuarterHour
from stream_app.registry.model import Point
from tests.stream_app.balance_world import CODECS, TOPICS, Q, title

SPRING = Period(date(2026, 3, 28), date(2026, 3, 29), ZoneInfo("Europe/Zurich"))
SOURCE = source_of(Kind.QUARTER_HOURS, TOPICS, CODECS)


def held(
    n: int, amount: int | None, quality: Quality = "MEASURED", point: str = "P1", revision: int = 1, **fields: Any
) -> Held:
    """The quarter ``n`` of the period."""
    start = SPRING.start + n * Q
    part = (amount, "MISSING" if amount is None else quality, "INTERPOLATED", 900, 15, 60_000, True, "NON_VALIDATED")
    record = QuarterHour(point, "house", title(1), "1.8.0", "Wh", start, start + Q, *part, revision, "")  # type: ignore[arg-type]
    return Held(f"{point}|1.8.0", start, revision, CODECS.quarter_hours.encode(record._replace(**fields)))


@pytest.fixture
def store() -> Iterator[Store]:
    with Store(SOURCE.codec) as made:
        yield made


def csv_of(table: Table, folder: Path) -> list[dict[str, str]]:
    write(table, folder / "table.csv", Format.CSV)
    with (folder / "table.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_only_the_newest_revision_is_told_whatever_comes_first(store: Store, tmp_path: Path) -> None:
    store.put([held(0, 5, revision=2), held(0, 4, revision=1), held(1, 7, revision=1), held(1, 8, revision=3)])

    assert ["5", "8"] == [row["amount"] for row in csv_of(long(store, SOURCE, SPRING), tmp_path)]


def test_the_long_layout_has_every_field_and_the_local_time(store: Store, tmp_path: Path) -> None:
    store.put([held(96 + 8, 5), held(0, None)])
    first, second = csv_of(long(store, SOURCE, SPRING), tmp_path)

    assert {"local_date", "local_start", *QuarterHour._fields} == first.keys()
    assert ("", "MISSING", "2026-03-27T23:00:00Z", "true") == (
        first["amount"],
        first["quality"],
        first["start"],
        first["authenticated"],
    )
    assert ("2026-03-29", "2026-03-29T03:00:00+02:00") == (second["local_date"], second["local_start"])


def test_the_wide_layout_has_a_row_for_every_quarter_hour_and_two_columns_per_series(
    store: Store, tmp_path: Path
) -> None:
    store.put([held(0, 5), held(187, 9), held(187, 3, "ESTIMATED", "P2")])
    rows = csv_of(wide(store, SOURCE, SPRING), tmp_path)

    assert 96 + 92 == len(rows)
    assert ["5", "MEASURED", "", ""] == list(rows[0].values())[3:]
    assert ["", "", "", ""] == list(rows[1].values())[3:]
    assert ["9", "MEASURED", "3", "ESTIMATED"] == list(rows[187].values())[3:]
    assert "P2|1.8.0 amount" in rows[0]


def test_the_completeness_report_counts_against_the_length_of_the_day(store: Store, tmp_path: Path) -> None:
    store.put(held(n, n) for n in range(96 + 90))
    store.put([held(3, 3, "ESTIMATED", revision=2), held(96, None, revision=2)])
    found = {row["period"]: row for row in csv_of(completeness(store, SOURCE, SPRING), tmp_path)}

    assert ["2026-03", "2026-03-28", "2026-03-29", "total"] == list(found)
    assert {
        "2026-03-28": ("96", "96", str(sum(range(96))), "ESTIMATED", "0"),
        "2026-03-29": ("89", "92", str(sum(range(97, 186))), "INCOMPLETE", "3"),
        "total": ("185", "188", str(sum(range(186)) - 96), "INCOMPLETE", "3"),
    } == {
        period: tuple(found[period][name] for name in ("present", "expected", "amount", "quality", "missing"))
        for period in ("2026-03-28", "2026-03-29", "total")
    }


def test_the_report_tells_of_what_was_expected_and_has_no_record(store: Store, tmp_path: Path) -> None:
    store.put(held(n, n, point="P3") for n in range(96))
    points = [
        Point("P1", title(1), "house", SPRING.end),
        Point("P2", title(2), "house", SPRING.start - Q, SPRING.start + Q, "consumer"),
        Point("P3", title(3), "house", SPRING.start - Q, quantities=("1.8.0",)),
        Point("P4", title(4), "house", SPRING.end - 1),
        Point("P5", title(5), "house", SPRING.start - Q, SPRING.start),
    ]
    rows = csv_of(completeness(store, SOURCE, SPRING, series_of(points, SPRING)), tmp_path)
    found = {row["series"]: row for row in rows if row["period"] == "total"}

    assert ["P2|1.8.0", "P3|1.8.0", "P4|1.8.0", "P4|2.8.0"] == list(found)
    assert [("0", "188", "", "188"), ("96", "188", str(sum(range(96))), "92")] == [
        tuple(found[name][column] for column in ("present", "expected", "amount", "missing"))
        for name in ("P2|1.8.0", "P3|1.8.0")
    ]
    assert "MISSING" == found["P2|1.8.0"]["quality"]


def test_a_complete_total_is_the_difference_of_the_register(store: Store, tmp_path: Path) -> None:
    register = [n * n for n in range(96 + 92 + 1)]
    store.put(held(n, after - before) for n, (before, after) in enumerate(pairwise(register)))
    total = csv_of(completeness(store, SOURCE, SPRING), tmp_path)[-1]

    assert (total["expected"], str(register[-1] - register[0])) == (total["present"], total["amount"])


def test_with_substitutes_the_report_has_both_sums_and_how_many_there_are(store: Store, tmp_path: Path) -> None:
    register = [10 * n for n in range(96 + 92 + 1)]
    store.put(held(n, after - before) for n, (before, after) in enumerate(pairwise(register)))
    substitute: dict[str, Any] = {"quality": "ESTIMATED", "revision": 2, "substitute": "PREVIOUS_DAY"}
    store.put([held(3, 60, **substitute, original_amount=10), held(4, 7, **substitute)])
    found = {row["period"]: row for row in csv_of(completeness(store, SOURCE, SPRING), tmp_path)}

    assert {
        "2026-03-28": ("96", "1007", "950", "2"),
        "2026-03-29": ("92", "920", "920", "0"),
        "total": ("188", "1927", "1870", "2"),
    } == {
        period: tuple(found[period][name] for name in ("present", "amount", "original_amount", "substituted"))
        for period in ("2026-03-28", "2026-03-29", "total")
    }


def test_kinds_without_substitutes_report_one_sum(store: Store, tmp_path: Path) -> None:
    balances = source_of(Kind.BALANCES, TOPICS, CODECS)
    names = [column.name for column in completeness(store, balances, SPRING).columns]

    assert ["net_wh", "missing"] == [names[4], names[-1]]


def test_parquet_holds_the_same_with_types(store: Store, tmp_path: Path) -> None:
    store.put([held(0, 5), held(1, None)])
    write(long(store, SOURCE, SPRING), tmp_path / "long.parquet", Format.PARQUET)
    write(wide(store, SOURCE, SPRING), tmp_path / "wide.parquet", Format.PARQUET)
    first, second = pq.read_table(tmp_path / "long.parquet").to_pylist()

    assert (5, None, True) == (first["amount"], second["amount"], first["authenticated"])
    assert datetime.fromtimestamp(SPRING.start / 1000, UTC) == first["start"]
    assert 188 == pq.read_metadata(tmp_path / "wide.parquet").num_rows


@pytest.mark.parametrize("form", list(Format))
def test_an_export_that_fails_leaves_the_earlier_file_alone(store: Store, tmp_path: Path, form: Format) -> None:
    path = tmp_path / f"table.{form.value}"
    path.write_text("earlier")
    store.put([held(0, 5)])
    table = long(store, SOURCE, SPRING)

    def broken() -> Iterator[list[object]]:
        yield from table.rows
        raise OSError("disk full")

    with pytest.raises(OSError, match="disk full"):
        write(table._replace(rows=broken()), path, form)
    assert ("earlier", [path]) == (path.read_text(), list(tmp_path.iterdir()))


@pytest.mark.parametrize("form", list(Format))
def test_a_period_without_records_is_a_table_without_rows(store: Store, tmp_path: Path, form: Format) -> None:
    write(long(store, SOURCE, SPRING), tmp_path / "empty", form)

    assert (tmp_path / "empty").stat().st_size


@pytest.mark.parametrize("kind", list(Kind))
def test_every_kind_has_the_columns_of_its_record(kind: Kind) -> None:
    source: Source = source_of(kind, TOPICS, CODECS)

    assert source.measure in [column.name for column in source.columns()]
    assert {"time"} == {column.type for column in source.columns() if column.name in ("start", "end")}
