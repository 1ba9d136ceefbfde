"""``cipstream export`` from the outside, on a real Kafka."""

from __future__ import annotations

import asyncio
import csv
from collections.abc import Iterable
from pathlib import Path

import pyarrow.parquet as pq
import pytest
import typer
from aiokafka import AIOKafkaProducer
from typer.testing import CliRunner

from stream_app.balance import BalanceStage
from stream_app.commands import registry, topics
from stream_app.commands.export import export
from stream_app.lane.batches import hash_of
from stream_app.lane.stage import Output
from stream_app.registry.model import Directory, ValidationRule
from stream_app.reprocess import Frame
from stream_app.topics import Topics
from tests.kafka_broker import KafkaBroker, unique
from tests.stream_app.balance_world import CODECS, HOUSE, T0, Q, meter_quarter, point, title

PARTITIONS = 3
QUARTERS = 96  # T0 is midnight UTC, the site's local day begins an hour earlier
app = typer.Typer()
app.command()(export)


def publish(bootstrap: str, names: Topics, outputs: Iterable[Output], *, abort: bool) -> None:
    async def run() -> None:
        producer = AIOKafkaProducer(bootstrap_servers=bootstrap, transactional_id=unique("export-test"))
        await producer.start()
        await producer.begin_transaction()
        for topic, key, value, at, owner, _ in outputs:
            assert isinstance(owner, bytes)
            await producer.send(topic, value, key, partition=hash_of(owner) % PARTITIONS, timestamp_ms=at)
        await (producer.abort_transaction() if abort else producer.commit_transaction())
        await producer.stop()

    asyncio.run(run())


def day_of(names: Topics, amount: int) -> list[Output]:
    """A day of P1 with ``amount`` + n in quarter n, P2 silent in the last hour, and revisions of the first quarters.

    X counts for three quarters only; what it lacks is to count as zero.
    """
    points = [point("P1", 1, role="consumer"), point("P2", 2, role="producer"), point("X", 3, site="other")]
    rules = [ValidationRule("X", "missing", "zero", place=1)]
    directory = Directory(points=points, sites=[HOUSE], validation_rules=rules)
    stage = BalanceStage(names, CODECS, directory, source_partitions=1, partitions=1)
    state = stage.new_state(0)
    parts = [meter_quarter(1, n, amount + n) for n in range(QUARTERS)]
    parts += [meter_quarter(2, n, 3, "2.8.0") for n in range(QUARTERS - 4)]
    parts += [meter_quarter(3, n, 1, site="other") for n in range(3)]
    outputs: list[Output] = []
    for offset, part in enumerate([*(p._replace(amount=1) for p in parts[:9]), *parts]):
        record = Frame(names.meter_quarters, 0, offset, T0, b"", CODECS.meter_quarters.encode(part))
        outputs += stage.step(state, [record], T0)
    outputs += stage.sweep(state, T0 + (QUARTERS + 2) * Q)
    return [output for output in outputs if output.topic != names.events]


@pytest.fixture(scope="module")
def environment(kafka: KafkaBroker, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Topics, a registry, a day of data, and an aborted transaction with other amounts."""
    names = Topics(unique("export"))
    environment = {
        "CIP_KAFKA__BOOTSTRAP": kafka.bootstrap,
        "CIP_KAFKA__PREFIX": names.prefix,
        "CIP_TOPICS__PARTITIONS": "1",
        "CIP_TOPICS__METER_QUARTER_PARTITIONS": str(PARTITIONS),
    }
    folder = tmp_path_factory.mktemp("registry")
    (folder / "sites.csv").write_text("site,timezone\nhouse,Europe/Zurich\nother,UTC\n")
    (folder / "meters.csv").write_text("system_title\n" + "".join(f"{title(n)}\n" for n in (1, 2, 3, 4)))
    (folder / "points.csv").write_text(
        "metering_point,system_title,site,valid_from,role\n"
        f"P1,{title(1)},house,2026-03-01T00:00:00Z,consumer\n"
        f"P2,{title(2)},house,2026-03-01T00:00:00Z,producer\n"
        f"P3,{title(4)},house,2026-03-01T00:00:00Z,consumer\n"
        f"X,{title(3)},other,2026-03-01T00:00:00Z,\n"
    )
    for command in (topics.app, ["apply"]), (registry.app, ["apply", str(folder)]):
        result = CliRunner().invoke(*command, env=environment)
        assert result.exit_code == 0, result.output
    publish(kafka.bootstrap, names, day_of(names, 500), abort=True)
    publish(kafka.bootstrap, names, day_of(names, 10), abort=False)
    return environment


def run(environment: dict[str, str], out: Path, *arguments: str) -> tuple[int, str]:
    result = CliRunner().invoke(app, [*arguments, "--out", str(out)], env=environment, catch_exceptions=False)
    return result.exit_code, result.output


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


@pytest.mark.kafka
def test_a_month_of_quarter_hours_is_what_was_committed_last(environment: dict[str, str], tmp_path: Path) -> None:
    code, said = run(environment, tmp_path, "--site", "house", "--from", "2026-03", "--to", "2026-03")
    long = rows(tmp_path / "house_2026-03_2026-03_quarter-hours_long.csv")
    report = {
        (row["series"], row["period"]): row
        for row in rows(tmp_path / "house_2026-03_2026-03_quarter-hours_completeness.csv")
    }

    assert 0 == code, said
    assert [str(10 + n) for n in range(QUARTERS)] == [r["amount"] for r in long if r["metering_point"] == "P1"]
    assert ["3"] * 92 + [""] * 4 == [row["amount"] for row in long if row["metering_point"] == "P2"]
    assert {"P1", "P2"} == {row["metering_point"] for row in long}
    total = sum(10 + n for n in range(QUARTERS))
    assert ("96", str(31 * 96 - 4), str(total)) == tuple(
        report["P1|1.8.0", "total"][name] for name in ("present", "expected", "amount")
    )
    assert ("92", "96") == tuple(report["P1|1.8.0", "2026-03-28"][name] for name in ("present", "expected"))
    assert f"P1|1.8.0: 96 of 2972 quarter-hours, amount {total}" in said.splitlines()
    assert "P3|1.8.0: 0 of 2972 quarter-hours, amount None" in said.splitlines()  # never heard of


@pytest.mark.kafka
def test_local_days_cut_where_the_site_says_and_wide_tables_are_typed(
    environment: dict[str, str], tmp_path: Path
) -> None:
    asked = ("--site", "house", "--from", "2026-03-29", "--to", "2026-03-29", "--layout", "wide", "--format", "parquet")
    code, said = run(environment, tmp_path, *asked)
    table = pq.read_table(tmp_path / "house_2026-03-29_2026-03-29_quarter-hours_wide.parquet")

    assert 0 == code, said
    assert [102, 103, 104, 105, *[None] * 88] == table["P1|1.8.0 amount"].to_pylist()
    assert ["MISSING"] * 4 + [None] * 88 == table["P2|2.8.0 quality"].to_pylist()


@pytest.mark.kafka
def test_balances_are_exported_too(environment: dict[str, str], tmp_path: Path) -> None:
    asked = ("--site", "house", "--from", "2026-03-28", "--to", "2026-03-29", "--records", "balances")
    code, said = run(environment, tmp_path, *asked)
    long = rows(tmp_path / "house_2026-03-28_2026-03-29_balances_long.csv")

    assert 0 == code, said
    assert [str(7 + n) for n in range(92)] == [row["net_wh"] for row in long][:92]
    assert ["INCOMPLETE"] * 4 == [row["quality"] for row in long][92:]


@pytest.mark.kafka
def test_substitutes_are_counted_and_told_beside_the_sum_of_the_originals(
    environment: dict[str, str], tmp_path: Path
) -> None:
    code, said = run(environment, tmp_path, "--site", "other", "--from", "2026-03-28", "--to", "2026-03-28")
    long = rows(tmp_path / "other_2026-03-28_2026-03-28_quarter-hours_long.csv")
    imported = [row for row in long if row["quantity"] == "1.8.0"]
    total = rows(tmp_path / "other_2026-03-28_2026-03-28_quarter-hours_completeness.csv")[2]

    assert 0 == code, said
    assert "X|1.8.0: 96 of 96 quarter-hours, amount 3 with 93 substituted, 3 counted" in said.splitlines()
    assert ("", "NONE", "") == tuple(imported[0][name] for name in ("rule", "substitute", "original_amount"))
    assert ("0", "ESTIMATED", "missing zero", "ZERO", "") == tuple(
        imported[3][name] for name in ("amount", "quality", "rule", "substitute", "original_amount")
    )
    assert ("total", "3", "93") == tuple(total[name] for name in ("period", "original_amount", "substituted"))


@pytest.mark.kafka
def test_a_site_nobody_knows_is_wrong_use(environment: dict[str, str], tmp_path: Path) -> None:
    code, said = run(environment, tmp_path, "--site", "barn", "--from", "2026-03", "--to", "2026-03")

    assert (2, "barn is no site of the registry\n") == (code, said)


def test_a_period_that_ends_before_it_begins_is_wrong_use(tmp_path: Path) -> None:
    code, said = run({}, tmp_path, "--site", "house", "--from", "2026-03", "--to", "2026-02")

    assert (2, "2026-02 ends before 2026-03 begins\n") == (code, said)


@pytest.mark.parametrize(("option", "days"), [("--from", ("2026-13", "2026-12")), ("--to", ("2026-01", "2026-02-30"))])
def test_a_day_that_is_none_is_refused_with_its_option(tmp_path: Path, option: str, days: tuple[str, str]) -> None:
    code, said = run({}, tmp_path, "--site", "house", "--from", days[0], "--to", days[1])

    assert (2, True) == (code, f"Invalid value for '{option}': " in said)
