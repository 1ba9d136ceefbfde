"""A Kafka that lets nobody in without a certificate or a password, and everybody do no more than their part.

One authority, made for the test, signs the broker's certificate and those of clients; another one signs nothing of use.
The plaintext listener is for the test itself.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from confluent_kafka.admin import (
    AclBinding,
    AclOperation,
    AclPermissionType,
    AdminClient,
    ResourcePatternType,
    ResourceType,
    ScramCredentialInfo,
    ScramMechanism,
    UserScramCredentialUpsertion,
)

from deploy.kafka.broker import free_port
from tests.authority import Authority
from tests.kafka_broker import KafkaBroker, run_broker

PROPERTIES = """\
listener.security.protocol.map=CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT,SSL:SSL,SASL_SSL:SASL_SSL
authorizer.class.name=org.apache.kafka.metadata.authorizer.StandardAuthorizer
super.users=User:ANONYMOUS
ssl.keystore.type=PEM
ssl.keystore.location={folder}/broker.pem
ssl.truststore.type=PEM
ssl.truststore.location={folder}/ca.pem
listener.name.ssl.ssl.client.auth=required
sasl.enabled.mechanisms=SCRAM-SHA-256,SCRAM-SHA-512,PLAIN
listener.name.sasl_ssl.scram-sha-256.sasl.jaas.config=org.apache.kafka.common.security.scram.ScramLoginModule required;
listener.name.sasl_ssl.scram-sha-512.sasl.jaas.config=org.apache.kafka.common.security.scram.ScramLoginModule required;
listener.name.sasl_ssl.plain.sasl.jaas.config=org.apache.kafka.common.security.plain.PlainLoginModule required \
  user_plain="{password}";
"""
PASSWORD = "correct horse battery staple"
ITERATIONS = 4096

PREFIXED = ResourcePatternType.PREFIXED
Right = tuple[ResourceType, str, tuple[AclOperation, ...]]


class GuardedKafka(NamedTuple):
    """The broker and the ways to it. Files: ca.pem, other-ca.pem, client.pem, client.key, password, wrong-password."""

    broker: KafkaBroker
    folder: Path
    sasl_ssl: str
    ssl: str

    def login(self, user: str, **changes: str) -> str:
        """The lines of ``[kafka]`` of a user with the right password; changed to "" a line is left out."""
        values = {
            "bootstrap": self.sasl_ssl,
            "security": "SASL_SSL",
            "ca_file": self.file("ca.pem"),
            "username": user,
            "password_file": self.file("password"),
            **changes,
        }
        return _lines(values)

    def certificate(self, **changes: str) -> str:
        """The same with mutual TLS."""
        values = {
            "bootstrap": self.ssl,
            "security": "SSL",
            "ca_file": self.file("ca.pem"),
            "certificate_file": self.file("client.pem"),
            "key_file": self.file("client.key"),
            **changes,
        }
        return _lines(values)

    def file(self, name: str) -> str:
        """The path of one."""
        return str(self.folder / name)

    def admit(self, user: str, *rights: Right, prefix: str) -> None:
        """Make a user with a password for both SCRAM mechanisms and ``rights`` to all whose name begins with prefix."""
        admin = AdminClient({"bootstrap.servers": self.broker.bootstrap})
        pending: list[Any] = []
        for mechanism in (ScramMechanism.SCRAM_SHA_256, ScramMechanism.SCRAM_SHA_512):
            credential = UserScramCredentialUpsertion(
                user, ScramCredentialInfo(mechanism, ITERATIONS), PASSWORD.encode()
            )
            pending += admin.alter_user_scram_credentials([credential]).values()  # a request names a user once
        allowed = [
            AclBinding(kind, prefix + name, PREFIXED, f"User:{user}", "*", operation, AclPermissionType.ALLOW)
            for kind, name, operations in rights
            for operation in operations
        ]
        pending += admin.create_acls(allowed).values()
        for answer in pending:
            answer.result(15)


def _lines(values: Mapping[str, str]) -> str:
    return "\n".join(f'{name} = "{value}"' for name, value in values.items() if value)


def guarded_kafka(folder: Path) -> Iterator[GuardedKafka]:
    """Start one, as ``run_broker`` does."""
    authority = Authority(folder / "ca.pem")
    Authority(folder / "other-ca.pem")
    key, certificate = authority.sign("broker")
    (folder / "broker.pem").write_bytes(key + certificate)
    for name, part in zip(("client.key", "client.pem"), authority.sign("client"), strict=True):
        (folder / name).write_bytes(part)
    (folder / "password").write_text(PASSWORD + "\n")
    (folder / "wrong-password").write_text(PASSWORD[:-1] + "\n")
    ports = {"SASL_SSL": free_port(), "SSL": free_port()}
    properties = PROPERTIES.format(folder=folder, password=PASSWORD)
    addresses = [f"127.0.0.1:{port}" for port in ports.values()]
    for broker in run_broker(folder / "kafka", listeners=ports, properties=properties):
        yield GuardedKafka(broker, folder, *addresses)
