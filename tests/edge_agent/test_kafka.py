"""The table [kafka] without a broker; ``tests/integration/line/test_security.py`` has one that asks for passwords."""

from __future__ import annotations

import ssl
from pathlib import Path

import pytest
from pydantic import ValidationError

from edge_agent.kafka import Kafka, NoWayInError, knock
from tests.simulator.embedded_broker import EmbeddedBroker


@pytest.fixture
def password(tmp_path: Path) -> Path:
    file = tmp_path / "password"
    file.write_text("open sesame\n")
    return file


def test_secrets_are_read_from_their_files_and_tls_verifies_the_broker(password: Path) -> None:
    kafka = Kafka(bootstrap="b:1", security="SASL_SSL", username="edge", password_file=password)
    way_in = kafka.aiokafka()

    assert ("edge", "open sesame", "SCRAM-SHA-512") == (
        way_in["sasl_plain_username"],
        way_in["sasl_plain_password"],
        way_in["sasl_mechanism"],
    )
    assert (ssl.CERT_REQUIRED, True) == (way_in["ssl_context"].verify_mode, way_in["ssl_context"].check_hostname)
    assert "open sesame" not in repr(kafka)


@pytest.mark.parametrize(
    ("values", "reason"),
    [
        pytest.param({"security": "SASL_SSL"}, "SASL_SSL needs username and password_file", id="no-user"),
        pytest.param(
            {"username": "me"}, "username: without effect where security is PLAINTEXT", id="user-in-the-clear"
        ),
        pytest.param({"ca_file": __file__}, "ca_file: without effect where security is PLAINTEXT", id="no-tls"),
        pytest.param({"security": "SSL", "ca_file": __file__}, "ca_file cannot be used", id="no-certificates-in-there"),
        pytest.param({"security": "SSL", "key_file": __file__}, "go together", id="key-without-certificate"),
        pytest.param(
            {"security": "SSL", "key_file": __file__, "certificate_file": __file__},
            "certificate_file and key_file cannot be used",
            id="neither-key-nor-certificate",
        ),
        pytest.param({"bootstrap": "kafka:9092,"}, "wanted host:port", id="half-a-list"),
        pytest.param({"bootstrap": "me:secret@kafka:9092"}, "wanted host:port", id="credentials-in-the-address"),
        pytest.param({"bootstrap": "kafka:port"}, "wanted host:port", id="no-number"),
    ],
)
def test_what_cannot_let_anybody_in_is_a_problem_of_the_settings(values: dict[str, str], reason: str) -> None:
    with pytest.raises(ValidationError) as refused:
        Kafka.model_validate({"bootstrap": "kafka:9092", **values})

    [problem] = refused.value.errors(include_input=False)
    assert reason in problem["msg"]
    assert "secret" not in problem["msg"]


@pytest.mark.parametrize("bootstrap", ["kafka", "kafka:9092", "a.b-c:1, 10.0.0.1:2", "[::1]:9092"])
def test_addresses_are_names_and_numbers_with_or_without_a_port(bootstrap: str) -> None:
    assert bootstrap == Kafka(bootstrap=bootstrap).bootstrap


async def test_of_several_brokers_one_that_answers_is_enough() -> None:
    with EmbeddedBroker({"frames": 1}) as broker:
        await knock(Kafka(bootstrap=f"127.0.0.1:9,{broker.bootstrap}"))


async def test_every_address_says_why_nobody_gets_in() -> None:
    with pytest.raises(NoWayInError) as refused:
        await knock(Kafka(bootstrap="127.0.0.1:9, nowhere.invalid:1"))

    first, second = str(refused.value).split("; ")
    assert "127.0.0.1:9: no connection: Connection refused" == first
    assert second.startswith("nowhere.invalid:1: no such host: ")
