"""Settings from file and environment."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from stream_app.settings import Settings, SettingsError, load_settings, show_settings
from tests.authority import Authority

EXAMPLE = Path(__file__).resolve().parents[2] / "deploy" / "stream.toml"


def file_with(folder: Path, text: str) -> Path:
    file = folder / "stream.toml"
    file.write_text(text, "utf-8")
    return file


def test_the_example_says_the_defaults() -> None:
    assert Settings() == load_settings(EXAMPLE)


def test_every_commented_key_of_the_example_exists(tmp_path: Path) -> None:
    text = re.sub(r"^# (\[|\w+ = )", r"\1", EXAMPLE.read_text("utf-8"), flags=re.MULTILINE)
    text = text.replace('"PLAINTEXT"', '"SASL_SSL"', 1)
    pem = tmp_path / "whatever.pem"
    pem.write_bytes(b"".join(Authority(tmp_path / "ca.pem").sign("me")))
    values = load_settings(file_with(tmp_path, re.sub(r'"/[^"]+"', f'"{pem}"', text)))

    assert values.simulated_clock is not None
    assert (3, 0) == (values.topics.replication, values.topics.retention_days)


def test_the_environment_wins_over_the_file_key_by_key(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CIP_KAFKA__BOOTSTRAP", "kafka:9093")
    settings = load_settings(file_with(tmp_path, '[kafka]\nbootstrap = "file:1"\nprefix = "zev"\n'))

    assert ("kafka:9093", "zev") == (settings.kafka.bootstrap, settings.kafka.prefix)


def test_all_problems_are_reported_at_once(tmp_path: Path) -> None:
    text = '[kafka]\nbootstap = "x"\nca_file = "/nowhere/ca.pem"\n[topics]\npartitions = 0\n[wroker]\n'
    with pytest.raises(SettingsError) as refused:
        load_settings(file_with(tmp_path, text))

    assert ["kafka.ca_file", "kafka.bootstap", "topics.partitions", "wroker"] == [
        problem.partition(":")[0] for problem in refused.value.problems
    ]


def test_a_variable_that_is_no_setting_is_a_problem(monkeypatch: pytest.MonkeyPatch) -> None:
    """A slip in the name of a section, or one underscore for two, must not pass as a default."""
    for name in ("CIP_KAFFKA__BOOTSTRAP", "CIP_KAFKA_BOOTSTRAP", "CIP_KAFKA__BOOTSTAP"):
        monkeypatch.setenv(name, "geheim")
    with pytest.raises(SettingsError) as refused:
        load_settings()

    assert {"CIP_KAFFKA__BOOTSTRAP", "CIP_KAFKA_BOOTSTRAP", "kafka.bootstap"} == {
        problem.partition(":")[0] for problem in refused.value.problems
    }
    assert "geheim" not in str(refused.value)


def test_variables_of_others_are_none_of_our_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    """The file's name, the key-encryption key, the edge's settings, and what Kubernetes tells of a service cip-web."""
    ours = ("CIP_CONFIG", "CIP_KEK", "CIP_EDGE__ID", "CIP_PORT__0__DEVICE")
    services = ("CIP_WEB_SERVICE_HOST", "CIP_WEB_SERVICE_PORT_HTTP", "CIP_WEB_PORT", "CIP_WEB_PORT_80_TCP_ADDR")
    for name in ours + services:
        monkeypatch.setenv(name, "x")

    assert Settings() == load_settings()


@pytest.mark.parametrize("section", ["KAFKA", "KEYS", "SIMULATED_CLOCK"])
def test_text_for_a_whole_section_is_a_problem_that_does_not_show_it(
    monkeypatch: pytest.MonkeyPatch, section: str
) -> None:
    monkeypatch.setenv(f"CIP_{section}", "geheim")
    with pytest.raises(SettingsError, match=section.lower()) as refused:
        load_settings()

    assert "geheim" not in str(refused.value)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        pytest.param("[worker]\nweb_port = 0", "worker.web_port: Input should be greater", id="no-web-port"),
        pytest.param('[schema_registry]\nurl = "http://me:secret@host"', "credentials go into", id="password-in-url"),
        pytest.param("[simulated_clock]\norigin = 2026-01-01T00:00:00", "timezone", id="time-without-zone"),
        pytest.param("[kafka", "stream.toml", id="no-toml"),
    ],
)
def test_what_cannot_work_is_refused_with_its_reason(tmp_path: Path, text: str, problem: str) -> None:
    with pytest.raises(SettingsError) as refused:
        load_settings(file_with(tmp_path, text))

    assert any(problem in said for said in refused.value.problems)
    assert "secret" not in str(refused.value)


def test_a_file_that_is_not_there_is_a_problem(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"none\.toml"):
        load_settings(tmp_path / "none.toml")


def test_what_is_shown_can_be_loaded_again_and_holds_no_secret(tmp_path: Path) -> None:
    (tmp_path / "password").write_text("hunter2\n")
    text = f"""
[kafka]
security = "SASL_PLAINTEXT"
username = "me 🔌"
password_file = "{tmp_path}/password"
[simulated_clock]
origin = 2026-03-29T00:00:00Z
started = 2026-11-02T08:00:00Z
speed = 60
"""
    settings = load_settings(file_with(tmp_path, text))
    shown = show_settings(settings)

    assert settings == load_settings(file_with(tmp_path, shown))
    assert "hunter2" not in shown


def test_librdkafka_gets_what_aiokafka_gets(tmp_path: Path) -> None:
    (tmp_path / "password").write_text("hunter2\n")
    text = f'[kafka]\nsecurity = "SASL_SSL"\nusername = "me"\npassword_file = "{tmp_path}/password"\n'
    kafka = load_settings(file_with(tmp_path, text)).kafka

    assert ("hunter2", "SASL_SSL", "me", "SCRAM-SHA-512") == tuple(
        kafka.aiokafka()[name]
        for name in ("sasl_plain_password", "security_protocol", "sasl_plain_username", "sasl_mechanism")
    )
    assert {
        "bootstrap.servers": "localhost:9092",
        "security.protocol": "SASL_SSL",
        "sasl.mechanism": "SCRAM-SHA-512",
        "sasl.username": "me",
        "sasl.password": "hunter2",
    } == kafka.librdkafka()


def test_settings_do_not_change_after_loading() -> None:
    with pytest.raises(ValueError, match="frozen"):
        Settings().kafka.bootstrap = "elsewhere:1"  # type: ignore[misc]


def test_simulated_time_starts_at_its_origin_and_runs_at_its_speed(tmp_path: Path) -> None:
    text = "[simulated_clock]\norigin = 1970-01-02T00:00:00Z\nstarted = 2026-11-02T08:00:00Z\nspeed = 900\n"
    simulated = load_settings(file_with(tmp_path, text)).simulated_clock
    started = 1_793_606_400_000

    assert simulated is not None
    assert [86_400_000, 86_400_000 + 900_000] == [simulated.at(started), simulated.at(started + 1000)]
