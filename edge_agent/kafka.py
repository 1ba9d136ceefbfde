"""The way into Kafka, for edge and backend alike: the table ``[kafka]``, and why a broker does not let us in.

Client libraries keep trying and tell the reason to a log at best. So whoever needs a broker knocks first: one plain
connection, which ends within seconds and says what is wrong.
"""

from __future__ import annotations

import os
import re
import socket
import ssl
from pathlib import Path
from typing import Any, Final, Literal, Self

from aiokafka.conn import collect_hosts, create_conn
from aiokafka.errors import (
    IllegalSaslStateError,
    KafkaConnectionError,
    KafkaError,
    SaslAuthenticationFailed,
    TopicAuthorizationFailedError,
    UnknownTopicOrPartitionError,
    for_code,
)
from aiokafka.protocol.metadata import MetadataRequest
from pydantic import BaseModel, ConfigDict, Field, FilePath, field_validator, model_validator

KNOCK_MS: Final = 5_000
ADDRESS: Final = re.compile(r"(\[[0-9A-Fa-f:]+\]|[\w.-]+)(:\d{1,5})?")

Security = Literal["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"]
OF_TLS: Final = ("ca_file", "certificate_file", "key_file")
OF_SASL: Final = ("username", "password_file")


class Kafka(BaseModel):
    """``[kafka]``: where the brokers are, and how to be let in."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    bootstrap: str = Field(description="host:port, several separated by commas")
    prefix: str = Field("cip", pattern=r"^[A-Za-z0-9_-]+$", description="first part of every topic's name")
    security: Security = "PLAINTEXT"
    ca_file: FilePath | None = Field(None, description="PEM; without one, the system's authorities")
    certificate_file: FilePath | None = Field(None, description="PEM of the client, for mutual TLS")
    key_file: FilePath | None = Field(None, description="PEM of the client's private key, not encrypted")
    mechanism: Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"] = "SCRAM-SHA-512"
    username: str | None = None
    password_file: FilePath | None = None

    @field_validator("bootstrap")
    @classmethod
    def _are_addresses(cls, value: str) -> str:
        if not all(ADDRESS.fullmatch(one.strip()) for one in value.split(",")):
            raise ValueError("wanted host:port, several separated by commas")
        return value

    @field_validator("password_file")
    @classmethod
    def _password_is_not_empty(cls, path: Path | None) -> Path | None:
        try:
            if path and not _secret(path):
                raise ValueError("the file is empty")
        except OSError as error:
            raise ValueError(f"the file cannot be read: {error.strerror}") from None
        return path

    @model_validator(mode="after")
    def _belongs_together(self) -> Self:
        sasl, tls = self.security.startswith("SASL"), self.security.endswith("SSL")
        if sasl and not (self.username and self.password_file):
            raise ValueError(f"{self.security} needs username and password_file")
        if (self.certificate_file is None) != (self.key_file is None):
            raise ValueError("certificate_file and key_file go together")
        without_effect = (() if tls else OF_TLS) + (() if sasl else OF_SASL)
        if found := [name for name in without_effect if getattr(self, name) is not None]:
            # Most likely security was forgotten, and what was to be protected would travel in the clear.
            raise ValueError(f"{', '.join(found)}: without effect where security is {self.security}")
        if tls:
            self._tls()
        return self

    def aiokafka(self) -> dict[str, Any]:
        """Arguments for every aiokafka client. Reads the files anew, so that a rotated secret holds from then on."""
        arguments: dict[str, Any] = {"bootstrap_servers": self.bootstrap, "security_protocol": self.security}
        if self.security.endswith("SSL"):
            arguments["ssl_context"] = self._tls()
        if self.security.startswith("SASL"):
            arguments |= {
                "sasl_mechanism": self.mechanism,
                "sasl_plain_username": self.username,
                "sasl_plain_password": self.password(),
            }
        return arguments

    def password(self) -> str | None:
        """What is in its file."""
        return _secret(self.password_file) if self.password_file else None

    def _tls(self) -> ssl.SSLContext:
        try:
            context = ssl.create_default_context(cafile=self.ca_file)
        except OSError as error:
            raise ValueError(f"ca_file cannot be used: {error}") from None
        if self.certificate_file:
            try:
                # Some password, or OpenSSL would ask the terminal for that of an encrypted key.
                context.load_cert_chain(self.certificate_file, self.key_file, password="-")
            except OSError as error:
                raise ValueError(f"certificate_file and key_file cannot be used: {error}") from None
        return context


class NoWayInError(KafkaConnectionError):  # type: ignore[misc]
    """No address lets us in; says of each why."""

    def __str__(self) -> str:
        return str(self.args[0])


STRANGER: Final = "hangs up; it seems that this port does not speak {kafka.security}"

# What opening a connection raised, or what had closed it; the first that fits.
REASONS: Final[tuple[tuple[type[Exception], str], ...]] = (
    (ssl.SSLCertVerificationError, "its certificate is not trusted: {error.verify_message} (authorities: {trusted})"),
    (ssl.SSLError, "TLS failed: {error.reason} (an ALERT is the broker's: perhaps it wants another certificate_file)"),
    (socket.gaierror, "no such host: {error.strerror}"),
    (TimeoutError, "no answer"),
    (SaslAuthenticationFailed, "user {kafka.username} is refused: {error.args[0]}"),
    (UnknownTopicOrPartitionError, "{error.args[0]} is missing: `cipstream topics apply` creates it"),
    (TopicAuthorizationFailedError, "no right to {error.args[0]}"),
    (IllegalSaslStateError, STRANGER),
    (ConnectionResetError, STRANGER),
    (EOFError, STRANGER),
    (OSError, "no connection: {system}"),
    (Exception, "{error}"),
)


async def knock(kafka: Kafka, topic: str | None = None) -> None:
    """Return when one of the addresses lets us in, and to ``topic``. Raises ``NoWayInError``, of aiokafka's family."""
    arguments = kafka.aiokafka()
    said = []
    for host, port, _ in collect_hosts(arguments.pop("bootstrap_servers"), randomize=False):
        try:
            connection = await create_conn(host, port, request_timeout_ms=KNOCK_MS, **arguments)
            try:
                # The first request that a broker wants no stranger to make. It makes no topic: layouts are ours.
                answer = await connection.send(MetadataRequest([topic] if topic else [], False))
                for code, name, *_ in answer.topics:
                    if (kind := for_code(code)) in (UnknownTopicOrPartitionError, TopicAuthorizationFailedError):
                        raise kind(name)
            finally:
                connection.close()
            return
        except (KafkaError, OSError) as error:
            said.append(f"{host}:{port}: {_reason(error, kafka)}")
    raise NoWayInError("; ".join(said))


def _reason(error: BaseException, kafka: Kafka) -> str:
    known = error.__cause__ if isinstance(error, KafkaConnectionError) and error.__cause__ else error
    sentence = next(sentence for kind, sentence in REASONS if isinstance(known, kind))
    number = known.errno if isinstance(known, OSError) else None
    return sentence.format(
        error=known,
        kafka=kafka,
        system=os.strerror(number) if number else known,
        trusted=kafka.ca_file or "the system's",
    )


def _secret(file: Path) -> str:
    return file.read_text("utf-8").rstrip("\r\n")
