"""``cipstream-edge``: from the cable to Kafka."""

from __future__ import annotations

import json
import sqlite3
import sys
from pathlib import Path
from typing import Annotated, NoReturn

import typer
import uvloop

from edge_agent.agent import Agent
from edge_agent.clock import iso
from edge_agent.logs import configure_logs
from edge_agent.settings import Settings, as_toml, problems, read_settings
from edge_agent.spool import SpoolLockedError, read_kept

DONE, REFUSED, WRONG_USE = 0, 1, 2

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)


@app.command()
def edge(
    config: Annotated[Path, typer.Option(exists=True, dir_okay=False, help="Settings, a TOML file.")],
    check: Annotated[bool, typer.Option("--check", help="Validate the settings and exit.")] = False,
    print_config: Annotated[bool, typer.Option("--print-config", help="Show the settings that hold and exit.")] = False,
    refused: Annotated[bool, typer.Option("--refused", help="Show what was kept for a look, as JSON lines.")] = False,
    once: Annotated[bool, typer.Option("--once", help="End when every file is replayed and sent.")] = False,
) -> None:
    """Cut what meters send into telegrams, keep them safe, forward them to Kafka. Holds no keys."""
    try:
        settings = read_settings(config)
    except ValueError as error:  # pydantic's and TOML's
        give_up(*problems(error, config))
    if once and any(port.kind != "file" for port in settings.port):
        give_up("--once: ports that are no files never end")
    if print_config:
        typer.echo(as_toml(settings), nl=False)
    elif refused:
        show_refused(settings)
    elif not check:
        configure_logs()
        raise typer.Exit(uvloop.run(run(settings, once)))


async def run(settings: Settings, once: bool) -> int:
    """The exit code of an agent's life."""
    try:
        agent = Agent(settings)
    except (SpoolLockedError, sqlite3.Error, OSError) as error:
        give_up(f"spool {settings.edge.spool}: {error}")
    try:
        await agent.run(once=once)
    except OSError as error:  # what is not caught further in: the port of the health page
        give_up(f"health: {error}")
    return REFUSED if once and agent.spool.refused else DONE


def show_refused(settings: Settings) -> None:
    """One JSON object a line, oldest first."""
    try:
        for one in read_kept(settings.edge.spool) if settings.edge.spool.exists() else ():
            line = {**one._asdict(), "received_at": iso(one.received_at), "captured": one.captured.hex().upper()}
            typer.echo(json.dumps(line))
    except sqlite3.Error as error:
        give_up(f"spool {settings.edge.spool}: {error}")


def give_up(*reasons: str) -> NoReturn:
    """Say why, all of it, and exit."""
    for reason in reasons:
        print(reason, file=sys.stderr)
    raise typer.Exit(WRONG_USE)


def main() -> None:
    """The console script."""
    app()


if __name__ == "__main__":
    main()
