"""Everything that can be set, read once: a TOML file, and over it the environment (``CIP_KAFKA__BOOTSTRAP=…``).

The environment reaches into lists by number, ``CIP_PORT__0__DEVICE=/dev/ttyUSB1``. Secrets are files: what is set here
is where they lie. Units are in the names, else in the descriptions.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import (
    AfterValidator,
    AwareDatetime,
    BaseModel,
    ConfigDict,
    Field,
    FilePath,
    ValidationError,
    field_validator,
    model_validator,
)
from pydantic_settings import (
    BaseSettings,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    TomlConfigSettingsSource,
)

from edge_agent.clock import Clock
from edge_agent.kafka import Kafka

Name = Annotated[str, Field(pattern=r"^[A-Za-z0-9._-]{1,64}$")]
Title = Annotated[str, Field(pattern=r"^[0-9A-Fa-f]{16}$"), AfterValidator(str.upper)]
TcpPortNumber = Annotated[int, Field(ge=0, le=65535)]


class Section(BaseModel):
    """A table of the file. Misspelt keys are problems, not ignored."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class SimulatedClock(Section):
    """For simulators only: received-at runs along a straight line instead of the machine's clock."""

    origin: AwareDatetime = Field(description="what the clock shows when the wall clock shows `started`")
    started: AwareDatetime
    speed: float = Field(1.0, gt=0, description="simulated seconds per real second")


class Edge(Section):
    """This agent and its spool."""

    id: Name
    spool: Path = Path("spool.db")
    spool_max_mb: int = Field(512, ge=1, description="10^6 bytes on disk")
    when_full: Literal["drop-oldest", "block"] = "drop-oldest"


class Health(Section):
    """The page for probes and Prometheus. It knows no meter, but it has no lock either: keep it on loopback."""

    host: str = "127.0.0.1"
    port: TcpPortNumber = 9464


class Port(Section):
    """What every kind of port has."""

    name: Name
    link: Literal["auto", "mbus", "hdlc", "p1", "wpdu", "apdu"] = "auto"
    title: Title | None = Field(None, description="key of telegrams that name no meter: 16 hex digits")
    accept_clear: bool = False
    idle_s: float = Field(1.0, gt=0, description="silence that ends a telegram; longer than any pause inside one")

    @model_validator(mode="after")
    def _clear_text_has_a_key(self) -> Self:
        if self.accept_clear and self.title is None:
            raise ValueError("accept_clear needs title: clear telegrams do not name their meter")
        return self


class SerialPort(Port):
    """A customer port on a UART. Wired M-Bus meters mostly speak 2400 8E1, infrared and P1 ones 9600 or 115200 8N1."""

    kind: Literal["serial"]
    device: str
    baudrate: int = Field(2400, gt=0)
    bytesize: Literal[7, 8] = 8
    parity: Literal["N", "E", "O"] = "E"
    stopbits: Literal[1, 2] = 1


class TcpPort(Port):
    """A gateway to connect to."""

    kind: Literal["tcp"]
    host: str
    port: TcpPortNumber


class ListenPort(Port):
    """A gateway, or several, that connect in."""

    kind: Literal["listen"]
    host: str = "0.0.0.0"
    port: TcpPortNumber
    connections: int = Field(16, ge=1, description="when one more comes, the oldest has to go")


class FilePort(Port):
    """A capture that is replayed once, from its first byte to its last."""

    kind: Literal["file"]
    path: FilePath


KINDS = ("serial", "tcp", "listen", "file")
AnyPort = Annotated[SerialPort | TcpPort | ListenPort | FilePort, Field(discriminator="kind")]


class NumberedToml(TomlConfigSettingsSource):
    """TOML whose ``[[port]]`` tables are numbered, so that the environment can be laid over single values of them."""

    def __call__(self) -> dict[str, Any]:
        """The file as one mapping, as pydantic-settings wants it."""
        values = super().__call__()
        ports = values.get("port")
        return {**values, "port": {str(n): port for n, port in enumerate(ports)}} if isinstance(ports, list) else values


class Settings(BaseSettings):
    """The whole file."""

    model_config = SettingsConfigDict(env_prefix="CIP_", env_nested_delimiter="__", extra="forbid", frozen=True)

    edge: Edge
    kafka: Kafka
    health: Health = Health()
    simulated_clock: SimulatedClock | None = None
    port: tuple[AnyPort, ...]

    def clock(self) -> Clock:
        """The clock that stamps what arrives."""
        simulated = self.simulated_clock
        if simulated is None:
            return Clock()
        return Clock(
            round(simulated.origin.timestamp() * 1000),
            simulated.started.timestamp(),
            simulated.speed,
            is_synchronised=lambda: True,
        )

    @field_validator("port", mode="before")
    @classmethod
    def _in_order(cls, ports: Any) -> Any:
        return [ports[n] for n in sorted(ports, key=int)] if isinstance(ports, dict) else ports

    @field_validator("port")
    @classmethod
    def _some_and_each_named_once(cls, ports: tuple[AnyPort, ...]) -> tuple[AnyPort, ...]:
        if not ports:
            raise ValueError("there is none")
        names = [port.name for port in ports]
        if twice := sorted({name for name in names if names.count(name) > 1}):
            raise ValueError(f"more than one port is called {', '.join(twice)}")
        return ports

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """The environment before the file, and nothing else."""
        return env_settings, NumberedToml(settings_cls)


def read_settings(path: Path) -> Settings:
    """The settings of a file and the environment. Raises pydantic's ``ValidationError`` with every problem at once."""

    class FromFile(Settings):
        model_config = SettingsConfigDict(toml_file=path)

    return FromFile()


def problems(error: ValueError, path: Path) -> list[str]:
    """What is wrong with a file, a line each. Never shows a value: it may have been meant to be a secret."""
    if not isinstance(error, ValidationError):
        return [f"{path}: {error}"]
    found = error.errors(include_url=False, include_input=False, include_context=False)
    return [f"{path}: {'.'.join(str(part) for part in one['loc'] if part not in KINDS)}: {one['msg']}" for one in found]


def as_toml(settings: Settings) -> str:
    """The settings as a file that ``read_settings`` reads back; values nobody set are left out."""
    values = settings.model_dump(mode="json", exclude_none=True)
    ports = values.pop("port")
    tables = [line for name, table in values.items() for line in _table(f"[{name}]", table)]
    return "\n".join(tables + [line for port in ports for line in _table("[[port]]", port)]) + "\n"


def _table(heading: str, table: Mapping[str, Any]) -> list[str]:
    # Strings, numbers and booleans of JSON are those of TOML, but for its pairs of escapes for one character.
    plain = [
        f"{name} = {json.dumps(value, ensure_ascii=False)}"
        for name, value in table.items()
        if not isinstance(value, dict)
    ]
    inner = [(name, value) for name, value in table.items() if isinstance(value, dict)]
    below = [line for name, value in inner for line in _table(f"{heading[:-1]}.{name}]", value)]
    return [heading, *plain, "", *below]
