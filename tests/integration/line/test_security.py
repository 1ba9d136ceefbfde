"""A Kafka with TLS, passwords and access rights: who has the right ones gets through, who has not is told why."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest
from confluent_kafka.admin import AclOperation, ResourceType
from typer.testing import CliRunner

from stream_app.__main__ import app
from tests.integration.line.guarded_kafka import PASSWORD, GuardedKafka, Right, guarded_kafka
from tests.integration.line.meters import Meters
from tests.integration.line.outcome import readings
from tests.integration.line.stack import Running, Stack, stack, wait_until
from tests.simulator.clock import SimulatedClock
from tests.simulator.faults import Faults, disturbed
from tests.simulator.fleet import build
from tests.simulator.oracle import QUARTER_MS

pytestmark = pytest.mark.kafka

NOON = 1_782_036_000_000  # 2026-06-21T10:00:00Z
DAY_MS = 86_400_000
SPEED = 900
SETTINGS = "[energy]\nclock_tolerance_s = 36000\n"

TOPIC, GROUP, TRANSACTION = ResourceType.TOPIC, ResourceType.GROUP, ResourceType.TRANSACTIONAL_ID
READ, WRITE, CONFIGS = AclOperation.READ, AclOperation.WRITE, AclOperation.DESCRIBE_CONFIGS
CREATE, ALTER = AclOperation.CREATE, AclOperation.ALTER_CONFIGS
RIGHTS: dict[str, tuple[Right, ...]] = {  # to what begins with the prefix, which here is the application's name too
    "edge": ((TOPIC, ".frames.v1", (WRITE,)),),
    "worker": ((TOPIC, ".", (READ, WRITE, CONFIGS)), (GROUP, "", (READ,)), (TRANSACTION, "", (WRITE,))),
    "operator": ((TOPIC, "", (READ, WRITE, CONFIGS, CREATE, ALTER)), (GROUP, "", (READ,)), (TRANSACTION, "", (WRITE,))),
    "billing": ((TOPIC, ".readings.v1", (READ,)), (TOPIC, ".quarter-hours.v1", (READ,)), (GROUP, "", (READ,))),
}


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[GuardedKafka]:
    for guarded in guarded_kafka(tmp_path_factory.mktemp("guarded")):
        guarded.admit("somebody", (TOPIC, "", (READ,)), prefix="elsewhere")
        yield guarded


@pytest.fixture
def line(guarded: GuardedKafka, tmp_path: Path) -> Iterator[Stack]:
    """Everybody with a login of their own, and no more rights than needed."""
    with stack(tmp_path, guarded.sasl_ssl, partitions=2, settings=SETTINGS) as line:
        for user, rights in RIGHTS.items():
            guarded.admit(f"{line.prefix}-{user}", *rights, prefix=line.prefix)
        line.logins = {
            "commands": guarded.login(f"{line.prefix}-operator"),
            "worker": guarded.login(f"{line.prefix}-worker", mechanism="SCRAM-SHA-256"),
            "edge": guarded.login(f"{line.prefix}-edge"),
        }
        line.client = {
            "bootstrap.servers": guarded.sasl_ssl,
            "group.id": f"{line.prefix}-billing",
            "security.protocol": "SASL_SSL",
            "ssl.ca.location": guarded.file("ca.pem"),
            "sasl.mechanism": "SCRAM-SHA-512",
            "sasl.username": f"{line.prefix}-billing",
            "sasl.password": PASSWORD,
        }
        yield line


def cipstream(config: Path, *arguments: str) -> tuple[int, str]:
    """Exit code and all that was said."""
    result = CliRunner().invoke(app, [*arguments, "--config", str(config)])
    return result.exit_code, result.output


def measured(line: Stack) -> bool:
    rows = line.newest(line.topics.quarter_hours, line.codecs.quarter_hours).values()
    return "MEASURED" in {row.quality for row in rows}


def test_from_the_cable_to_the_quarter_hour_nobody_needs_more_than_their_rights(
    guarded: GuardedKafka, line: Stack
) -> None:
    """The edge's password is wrong at first: it collects, says so, and delivers once the file is right."""
    fleet = build(NOON - QUARTER_MS, sites=1, meters=2, push_seconds=(30,))
    line.introduce(fleet)
    commands = line.stream_toml("commands")
    prepared = [cipstream(commands, "topics", "apply"), cipstream(commands, "registry", "apply", str(line.registry))]
    password = line.folder / "password"
    password.write_text("not " + PASSWORD)
    line.logins["edge"] = guarded.login(f"{line.prefix}-edge", password_file=str(password))
    line.clock = SimulatedClock(fleet.start_ms, time.time() + 3, SPEED)
    with closing(Meters(fleet)) as meters:
        meters.speak(disturbed(fleet.telegrams(fleet.start_ms, NOON + DAY_MS), Faults()), line.clock)
        worker, edge = line.start_worker(), line.start_edge(meters.ports)
        wait_until(lambda: edge.metric("cip_edge_spool_frames") > 0, "frames that wait")
        refused = problem(edge)
        [no_session, *_] = edge.events("no session with Kafka")
        password.write_text(PASSWORD + "\n")
        wait_until(lambda: edge.ready() and worker.ready(), "both at work")
        wait_until(lambda: measured(line), "a quarter-hour")
        read = readings(line)
        assert 0 == edge.end()
        assert 0 == worker.end()
    day = f"--site {fleet.sites[0].site} --from 2026-06-21 --to 2026-06-21 --out {line.folder}"
    span = f"--from 2026-06-21T09:45 --to 2026-06-21T10:00 --into {line.prefix}-again"
    told = {
        words: cipstream(commands, *words.split()) for words in ("rejects list", f"export {day}", f"reprocess {span}")
    }

    assert [0, 0] == [code for code, _ in prepared]
    assert refused.startswith(f"{guarded.sasl_ssl}: user {line.prefix}-edge is refused: Authentication failed")
    assert refused == no_session["reason"]
    assert {meter.title for meter in fleet.meters} == {reading.system_title for reading in read}
    assert [] == [log for log in (worker.log, edge.log) if re.search(f"{PASSWORD}|Traceback", log.read_text())]
    assert {name: (0, said) for name, (_, said) in told.items()} == told


def test_edges_that_are_not_let_in_say_why_on_their_pages(guarded: GuardedKafka, line: Stack) -> None:
    edge = f"{line.prefix}-edge"
    ways = {
        "a-strange-authority": (guarded.login(edge, ca_file=guarded.file("other-ca.pem")), "is not trusted"),
        "no-security": (f'bootstrap = "{guarded.sasl_ssl}"', "hangs up"),
        "no-topic-yet": (guarded.login(edge), f"{line.topics.frames} is missing: `cipstream topics apply` creates it"),
        "somebody-else": (guarded.login("somebody"), f"no right to {line.topics.frames}"),
    }
    line.logins |= {name: login for name, (login, _) in ways.items()}
    edges = {name: line.start_edge('[[port]]\nname = "x"\nkind = "listen"\nport = 0', name) for name in ways}
    told = {name: problem(edge) for name, edge in edges.items()}

    assert [] == [name for name, (_, reason) in ways.items() if reason not in told[name]]


def problem(edge: Running) -> str:
    """What its page says after the first attempt."""
    wait_until(lambda: edge.events("no session with Kafka"), "a refusal")
    status, page = edge.page("/ready")
    assert 503 == status
    return str(json.loads(page)["uplink_problem"])


@pytest.mark.parametrize(
    "way",
    [
        pytest.param(lambda kafka: kafka.login("somebody"), id="scram-sha-512"),
        pytest.param(lambda kafka: kafka.login("somebody", mechanism="SCRAM-SHA-256"), id="scram-sha-256"),
        pytest.param(lambda kafka: kafka.login("plain", mechanism="PLAIN"), id="plain"),
        pytest.param(lambda kafka: kafka.certificate(), id="mutual-tls"),
    ],
)
def test_both_client_libraries_get_in_by_every_way_there_is(
    guarded: GuardedKafka, tmp_path: Path, way: Callable[[GuardedKafka], str]
) -> None:
    config = tmp_path / "stream.toml"
    config.write_text(f"[kafka]\n{way(guarded)}")
    code, said = cipstream(config, "topics", "check")

    assert (1, 11) == (code, said.count("is missing"))


WRONG: dict[str, tuple[Callable[[GuardedKafka], str], str]] = {
    "password": (
        lambda kafka: kafka.login("somebody", password_file=kafka.file("wrong-password")),
        "user somebody is refused: .*invalid credentials",
    ),
    "authority": (
        lambda kafka: kafka.login("somebody", ca_file=kafka.file("other-ca.pem")),
        "certificate is not trusted: unable to get local issuer certificate .*other-ca.pem",
    ),
    "address": (
        lambda kafka: kafka.login("somebody", bootstrap=kafka.sasl_ssl.replace("127.0.0.1", "localhost")),
        "certificate is not trusted: Hostname mismatch",
    ),
    "no-security": (lambda kafka: f'bootstrap = "{kafka.sasl_ssl}"', "hangs up; .* not speak PLAINTEXT"),
    "no-password": (
        lambda kafka: kafka.login("", password_file="", security="SSL"),
        "hangs up; .* not speak SSL",
    ),
    "no-certificate": (
        lambda kafka: kafka.certificate(certificate_file="", key_file=""),
        "TLS failed: .*ALERT.*CERTIFICATE",
    ),
    "nobody-there": (lambda kafka: 'bootstrap = "127.0.0.1:9"', "no connection: Connection refused"),
    "too-much-security": (
        lambda kafka: kafka.login("somebody", bootstrap=kafka.broker.bootstrap),
        "hangs up; .* not speak SASL_SSL",
    ),
}


@pytest.mark.parametrize(("way", "reason"), WRONG.values(), ids=WRONG)
@pytest.mark.parametrize("arguments", [["topics", "check"], ["worker"]], ids=" ".join)
def test_who_is_not_let_in_ends_with_2_and_one_line_that_says_why(
    guarded: GuardedKafka, tmp_path: Path, arguments: list[str], way: Callable[[GuardedKafka], str], reason: str
) -> None:
    config = tmp_path / "stream.toml"
    config.write_text(f"[kafka]\n{way(guarded)}")
    code, said = cipstream(config, *arguments)

    assert (2, 1) == (code, said.count("\n"))
    assert re.search(f"^no way into Kafka: (127.0.0.1|localhost):[0-9]+: .*{reason}", said)
    assert PASSWORD[:-1] not in said
