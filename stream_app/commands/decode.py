"""``cipstream decode``: captured bytes in, one JSON line per telegram out."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from edge_agent.link.delimiter import Delimiter
from stream_app.commands.captures import STDIN, Link, WrongUseError, telegrams, title_option
from stream_app.dlms.definitions import Profile, load, packaged
from stream_app.dlms.errors import ProfileError
from stream_app.explain.telegrams import explanation
from stream_app.keys.key_rows import KeyRowsError, read_key_file
from stream_app.keys.ring import KeyRing
from stream_app.offline import Decoder


def decode(
    files: Annotated[
        list[Path] | None, typer.Argument(metavar="[FILE…|-]", help="Captures; - or none: standard input.")
    ] = None,
    keys: Annotated[Path | None, typer.Option(help="Key list, CSV or JSON.", exists=True, dir_okay=False)] = None,
    link: Annotated[Link, typer.Option(help="What is on the line.")] = Link.AUTO,
    hex_text: Annotated[bool, typer.Option("--hex", help="Input is hex text; blanks, 0x and : do not matter.")] = False,
    push_list: Annotated[str | None, typer.Option(help="List for pushes that hold values only.")] = None,
    scale_profile: Annotated[str | None, typer.Option(help="Scales for registers that come without.")] = None,
    definitions: Annotated[
        Path | None, typer.Option(help="Folder with more lists and profiles.", exists=True, file_okay=False)
    ] = None,
    timezone: Annotated[str | None, typer.Option(help="Zone of meters that send local time only.")] = None,
    title: Annotated[str | None, typer.Option(help="System title of meters that send none, hex.")] = None,
    require_encryption: Annotated[bool, typer.Option("--require-encryption", help="Refuse clear text.")] = False,
    explain: Annotated[bool, typer.Option("--explain", help="Every octet with its meaning, instead of JSON.")] = False,
) -> None:
    """Decode captured bytes: one JSON line per telegram. Exit 1 if some were refused, 2 if the call cannot be."""
    try:
        profile = _profile(definitions, push_list, scale_profile, timezone)
        decoder = Decoder(_key_ring(keys), profile, title=title_option(title), require_encryption=require_encryption)
        for source in files or [STDIN]:
            delimiter = Delimiter(link.value)
            for found in telegrams(source, delimiter, hex_text=hex_text):
                line = decoder.line(found)
                typer.echo(explanation(found, line, decoder) if explain else json.dumps(line, ensure_ascii=False))
            if delimiter.discarded:
                typer.echo(f"{source}: {delimiter.discarded} octets of noise", err=True)
    except WrongUseError as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(2) from None
    raise typer.Exit(1 if decoder.refused else 0)


def _key_ring(path: Path | None) -> KeyRing:
    if path is None:
        return KeyRing()
    try:
        rows = read_key_file(path)
    except KeyRowsError as error:
        raise WrongUseError("\n".join(f"{path}: {problem}" for problem in error.problems)) from None
    return KeyRing((row.system_title, row.keys()) for row in rows)


def _profile(folder: Path | None, push_list: str | None, scale_profile: str | None, timezone: str | None) -> Profile:
    try:
        known = packaged() if folder is None else load(folder)
        return known.profile(push_list=push_list, scale_profile=scale_profile, timezone=timezone)
    except ProfileError as error:
        raise WrongUseError(error.reason) from None
    except ValueError as error:
        raise WrongUseError(str(error)) from None
