"""What a worker and the commands need to know, from one TOML file and the environment.

``CIP_KAFKA__BOOTSTRAP`` stands for ``bootstrap`` in ``[kafka]`` and wins over the file. Secrets are never values, only
paths to files, so that printing the settings shows none. These classes are the reference of every key and default.
"""

from __future__ import annotations

import json
import os
import re
import tomllib
from collections.abc import Callable, Iterable
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any, Final, Literal

from pydantic import (
    AfterValidator,
    AwareDatetime,
    BaseModel,
    ConfigDict,
    Field,
    FilePath,
    ValidationError,
)
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict
from pydantic_settings import SettingsError as UnreadableError

from edge_agent.kafka import Kafka as Door
from stream_app.lane.options import wall_clock
from stream_app.topics import Topic, Topics

PREFIX: Final = "CIP_"
NO_SETTINGS: Final = frozenset({"CONFIG", "KEK"})  # the file's name, and a secret that is never among the settings
OF_THE_EDGE: Final = frozenset({"EDGE", "HEALTH", "PORT"})  # whose agent may share our environment


class SettingsError(Exception):
    """The settings cannot be used; ``problems`` names each key and what is wrong with it."""

    def __init__(self, problems: list[str]) -> None:
        super().__init__("; ".join(problems))
        self.problems = problems


def _without_credentials(url: str) -> str:
    if not re.fullmatch(r"https?://[^\s@]+", url):
        raise ValueError("wanted http(s)://host[:port][/path]; credentials go into username and password_file")
    return url


Url = Annotated[str, AfterValidator(_without_credentials)]


class Section(BaseModel):
    """A table of the TOML file: unknown keys are refused, nothing changes after loading."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Kafka(Door):
    """``[kafka]``: as at the edge, and for commands on the broker's own machine nothing to set."""

    bootstrap: str = Field("localhost:9092", description="host:port, several separated by commas")

    def librdkafka(self) -> dict[str, Any]:
        """Configuration of every confluent-kafka client. Reads the password's file."""
        wanted = {
            "bootstrap.servers": self.bootstrap,
            "security.protocol": self.security,
            "ssl.ca.location": self.ca_file and str(self.ca_file),
            "ssl.certificate.location": self.certificate_file and str(self.certificate_file),
            "ssl.key.location": self.key_file and str(self.key_file),
        }
        if self.security.startswith("SASL"):
            wanted |= {
                "sasl.mechanism": self.mechanism,
                "sasl.username": self.username,
                "sasl.password": self.password(),
            }
        return {key: value for key, value in wanted.items() if value is not None}


class TopicLayout(Section):
    """``[topics]``: how many partitions, how safe, how long. Partition counts must never change afterwards."""

    partitions: int = Field(12, ge=1, description="of frames and all that is per meter: the most workers there can be")
    meter_quarter_partitions: int = Field(12, ge=1, description="of meter-quarters and all that is per site")
    replication: int | None = Field(None, ge=1, description="None: the broker's default")
    retention_days: int | None = Field(None, ge=0, description="None: each topic's own; 0: for ever (simulated runs)")


class Worker(Section):
    """``[worker]``: the stream worker's process."""

    application: str = Field("cipstream", pattern=r"^[A-Za-z0-9._-]+$", description="consumer group, transactional ids")
    processing_guarantee: Literal["exactly_once", "at_least_once"] = "exactly_once"
    commit_interval_s: float = Field(0.5, gt=0, le=10)
    web_bind: str = Field("127.0.0.1", description="address of health and metrics")
    web_port: int = Field(6066, ge=1, le=65535)
    session_timeout_s: float = Field(8, gt=0, description="silence after which another worker takes over")
    heartbeat_s: float = Field(2, gt=0)
    rebalance_timeout_s: float = Field(12, gt=0)


class Energy(Section):
    """``[energy]``: the rules' parameters."""

    grace_minutes: int = Field(30, ge=1, description="after this, no data is MISSING and a boundary settled")
    clock_tolerance_s: int = Field(300, ge=1, description="a meter's clock further off than this is not used")


class Keys(Section):
    """``[keys]``: where the keys of the meters come from; one of ``file``, ``sqlite`` and ``postgres_dsn_file``.

    The latter two are sealed, under the key-encryption keys of ``kek_file``, of the variable ``CIP_KEK``, or of the
    transit engine; with several, the newest is the one named first here: transit, then the file, then the variable.
    """

    file: FilePath | None = Field(None, description="keys.csv, watched for changes: for first steps")
    sqlite: Path | None = Field(None, description="one file beside the worker, made where there is none")
    postgres_dsn_file: FilePath | None = Field(None, description="for workers on several machines")
    kek_file: FilePath | None = Field(None, description="lines of an id and 32 octets in hex or base64, newest first")
    transit_url: Url | None = Field(None, description="Vault or OpenBao")
    transit_mount: str = "transit"
    transit_key: str = "cipstream"
    transit_token_file: FilePath | None = None
    transit_ca_file: FilePath | None = None


class SchemaRegistry(Section):
    """``[schema_registry]``: where schema ids are looked up; without url, those of schemas/schema-ids.json hold."""

    url: Url | None = None
    username: str | None = None
    password_file: FilePath | None = None
    ca_file: FilePath | None = None


class SimulatedClock(Section):
    """``[simulated_clock]``: a run whose time is not ours, the same table as in the edge's file.

    When the wall clock shows ``started``, it is ``origin``; from then on time passes ``speed`` times as fast.
    """

    origin: AwareDatetime
    started: AwareDatetime
    speed: float = Field(1.0, gt=0, le=900)

    def at(self, wall_ms: int) -> int:
        """Simulated epoch milliseconds when the wall clock shows ``wall_ms``."""
        return _epoch_ms(self.origin) + round((wall_ms - _epoch_ms(self.started)) * self.speed)


class Settings(BaseSettings):
    """All of it. ``load_settings`` makes one."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, env_nested_delimiter="__", frozen=True, extra="forbid")

    kafka: Kafka = Kafka()
    topics: TopicLayout = TopicLayout()
    worker: Worker = Worker()
    energy: Energy = Energy()
    keys: Keys = Keys()
    schema_registry: SchemaRegistry = SchemaRegistry()
    simulated_clock: SimulatedClock | None = None

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """The environment, then the file: what ``load_settings`` hands over as arguments."""
        return env_settings, init_settings

    def topic_names(self) -> Topics:
        """The topics under the configured prefix."""
        return Topics(self.kafka.prefix)

    def topic_specs(self) -> tuple[Topic, ...]:
        """The topics as they shall be laid out."""
        return self.topic_names().specs(**self.topics.model_dump())

    def clock(self) -> Callable[[], int]:
        """What tells the time, epoch milliseconds: the wall clock, or the simulated one."""
        simulated = self.simulated_clock
        return wall_clock if simulated is None else lambda: simulated.at(wall_clock())


def load_settings(file: Path | None = None) -> Settings:
    """The settings of ``file`` and the environment. Raises ``SettingsError`` with every problem there is."""
    try:
        values = tomllib.loads(file.read_text("utf-8")) if file else {}
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise SettingsError([f"{file}: {error}"]) from error
    problems = [f"{name}: there is no such setting" for name in _unread(os.environ)]
    try:
        settings = Settings(**values)
    except ValidationError as error:
        problems += [f"{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in error.errors()]
    except UnreadableError as error:  # a whole section in one variable; says which, never the value
        problems.append(str(error))
    if problems:
        raise SettingsError(problems)
    return settings


def _unread(environment: Iterable[str]) -> list[str]:
    """Variables with our prefix that are no setting. One inside a section is left to the section."""
    names = [name for name in map(str.upper, environment) if name.startswith(PREFIX)]
    read = NO_SETTINGS | OF_THE_EDGE | {section.upper() for section in Settings.model_fields}
    # Kubernetes tells every container of every service, also of one that is called cip-…
    services = [name.removesuffix("SERVICE_HOST") for name in names if name.endswith("_SERVICE_HOST")]
    told = tuple(service + end for service in services for end in ("SERVICE_", "PORT"))
    return [
        name for name in names if name.removeprefix(PREFIX).partition("__")[0] not in read and not name.startswith(told)
    ]


def show_settings(settings: Settings) -> str:
    """The settings in force, as TOML; what is unset is a comment."""
    lines = []
    for name, section in settings.model_dump(mode="json").items():
        lines += ["", f"[{name}]" if section is not None else f"# [{name}]"]
        for key, value in (section or {}).items():
            lines.append(f"# {key} =" if value is None else f"{key} = {json.dumps(value, ensure_ascii=False)}")
    return "\n".join(lines[1:]) + "\n"


def _epoch_ms(at: datetime) -> int:
    return round(at.timestamp() * 1000)
