"""``cipstream keys``: the meters' keys, from the operator's list to the worker. Only ``reveal`` shows one."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Annotated, Final

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from edge_agent.link.delimiter import Delimiter
from stream_app.commands.captures import Link, WrongUseError, telegrams, title_option
from stream_app.commands.configuration import Config, settings_or_exit
from stream_app.dlms.cipher import TITLE_OCTETS
from stream_app.dlms.definitions import packaged
from stream_app.dlms.notification import Reader
from stream_app.energy.site import instant
from stream_app.keys.key_rows import KeyRowsError, read_key_file
from stream_app.keys.probe import probe
from stream_app.keys.ring import KeyStoreError
from stream_app.keys.sealed import SealedKeyStore
from stream_app.keys.store import open_store
from stream_app.lane.options import wall_clock
from stream_app.settings import Settings

HOUR_MS: Final = 3_600_000
TITLE: Final = re.compile(f"[0-9A-Fa-f]{{{2 * TITLE_OCTETS}}}")

app = typer.Typer(help="The keys of the meters: sealed at rest, shown by check values only.", no_args_is_help=True)


def _title(text: str) -> str:
    if not TITLE.fullmatch(text):  # it may be a key in the wrong place, and is not repeated
        raise typer.BadParameter("no system title, which has 16 hex digits")
    return text.upper()


Title = Annotated[str, typer.Argument(help="System title, 16 hex digits.", parser=_title)]
Version = Annotated[int, typer.Argument(help="Key version.", min=0)]


@app.command("import")
def import_(
    file: Annotated[Path, typer.Argument(help="Key list, CSV or JSON.", exists=True, dir_okay=False)],
    config: Config = None,
) -> None:
    """Take an operator's key list: all of it or nothing, exit 1 with every line that is wrong. Workers follow."""
    with _sealed_store(config) as store, _progress("sealing") as progress:
        try:
            rows = read_key_file(file)
            added = store.add(rows, file.name, progress(len(rows)))
        except KeyRowsError as error:
            raise _refused(*(f"{file}: {problem}" for problem in error.problems)) from None
    there = len(rows) - added.new - added.expired
    told = f", {added.expired} expired and out of force for good" if added.expired else ""
    typer.echo(f"{added.new} keys imported, {there} were there already{told}")


@app.command("list")
def list_(
    title: Annotated[str, typer.Argument(metavar="[TITLE]", help="Only titles that begin so.")] = "",
    config: Config = None,
) -> None:
    """Every key by its check value (KCV) and status, never the key itself."""
    with _sealed_store(config) as store:
        rows = store.listed(title.upper())
    typer.echo(f"{'title':16} version status  kcv    auth-kcv kek        valid-from           comment")
    for row in rows:
        authentication = row.authentication_kcv.hex().upper() if row.authentication_kcv else "-"
        valid_from = "-" if row.valid_from is None else instant(row.valid_from)
        shown = f"{row.title:16} {row.version:7} {row.status:7} {row.encryption_kcv.hex().upper()} {authentication:8}"
        typer.echo(f"{shown} {row.kek:10} {valid_from:20} {row.comment}".rstrip())


@app.command("test")
def try_capture(
    capture: Annotated[Path, typer.Argument(help="Captured bytes; - for standard input.", allow_dash=True)],
    link: Annotated[Link, typer.Option(help="What is on the line.")] = Link.AUTO,
    hex_text: Annotated[bool, typer.Option("--hex", help="Input is hex text; blanks, 0x and : do not matter.")] = False,
    title: Annotated[str | None, typer.Option(help="System title of meters that send none, hex.")] = None,
    config: Config = None,
) -> None:
    """Does this capture open with the keys at hand? One line per telegram; exit 1 if one fails, naming the check, or
    if there is none."""
    passed: list[bool] = []
    with _errors():
        ring = open_store(settings_or_exit(config).keys).load()
        decode = partial(Reader().read, profile=packaged().profile())
        stand_in = title_option(title)
        for found in telegrams(capture, Delimiter(link.value), hex_text=hex_text):
            answer = probe(found, ring, decode, stand_in)
            typer.echo(f"{answer.title or '-':16} {answer.check}: {answer.detail}")
            passed.append(answer.passed)
    if not passed:
        raise _refused(f"{capture}: no telegram in it")
    raise typer.Exit(0 if all(passed) else 1)


@app.command()
def expire(
    title: Annotated[str | None, typer.Argument(help="System title, 16 hex digits.", parser=_title)] = None,
    version: Annotated[int | None, typer.Argument(help="Key version.", min=0)] = None,
    replaced_for: Annotated[
        float | None, typer.Option(metavar="HOURS", help="Instead: all versions replaced for so long.", min=1)
    ] = None,
    config: Config = None,
) -> None:
    """Take a key version out of force, for good, also one that does not open; or all that newer ones have replaced."""
    if (title is None or version is None) == (replaced_for is None):
        raise typer.BadParameter("either TITLE and VERSION, or --replaced-for HOURS")
    with _sealed_store(config) as store:
        if replaced_for is not None:
            typer.echo(f"{store.expire_replaced(wall_clock() - round(replaced_for * HOUR_MS))} expired")
        elif title is not None and version is not None and not store.expire(title, version):
            raise _refused(f"{title} version {version}: no such key in force")


@app.command()
def reveal(
    title: Title,
    version: Version,
    show: Annotated[bool, typer.Option("--show-key", help="Yes, print key material.")] = False,
    config: Config = None,
) -> None:
    """Print a key itself. The journal keeps who asked for it."""
    if not show:
        raise typer.BadParameter("prints key material to this terminal: say --show-key if that is meant")
    with _sealed_store(config) as store:
        keys = store.reveal(title, version)
    if keys is None:
        raise _refused(f"{title} version {version}: no such key")
    typer.echo(f"encryption_key {keys.encryption.hex().upper()}")
    if keys.authentication is not None:
        typer.echo(f"authentication_key {keys.authentication.hex().upper()}")


@app.command()
def rewrap(config: Config = None) -> None:
    """Seal every key anew under the newest key-encryption key; the older ones can then go."""
    with _sealed_store(config) as store, _progress("sealing anew") as progress:
        sealed, left = store.rewrap(progress(None))
    typer.echo(
        f"{sealed} keys sealed anew" + (f", {left} left as found: expired, and nothing opens them" if left else "")
    )


@app.command("reset-counter")
def reset_counter(
    title: Title,
    reason: Annotated[str, typer.Option(help="Why; it stands in the journal.")],
    config: Config = None,
) -> None:
    """Let the counters of a serviced meter start afresh: telegrams older than this are then accepted once more."""
    if not reason.strip():
        raise typer.BadParameter("--reason is empty: say why")
    with _sealed_store(config) as store:
        if not store.reset_counter(title, reason):
            raise _refused(f"{title}: no key is held for this title")


@app.command()
def journal(config: Config = None) -> None:
    """Who did what when: imports, promotions, expiries, resets, reveals, rewraps."""
    with _sealed_store(config) as store:
        entries = store.journal()
    for entry in entries:
        version = "" if entry.version is None else f"version {entry.version} "
        typer.echo(f"{instant(entry.at)} {entry.who} {entry.what} {entry.title or ''} {version}{entry.detail}".rstrip())


@contextmanager
def _sealed_store(config: Path | None) -> Iterator[SealedKeyStore]:
    settings: Settings = settings_or_exit(config)
    with _errors():
        store = open_store(settings.keys)
        if not isinstance(store, SealedKeyStore):
            raise KeyStoreError("keys.file is a plain list: this needs keys.sqlite or keys.postgres_dsn_file")
        yield store


@contextmanager
def _errors() -> Iterator[None]:
    """What cannot be carried out at all ends with 2."""
    try:
        yield
    except (KeyStoreError, WrongUseError) as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(2) from None


def _refused(*problems: str) -> typer.Exit:
    for problem in problems:
        typer.echo(problem, err=True)
    return typer.Exit(1)


@contextmanager
def _progress(doing: str) -> Iterator[Callable[[int | None], Callable[[int], object]]]:
    """A bar on a terminal; what is yielded takes the total, where it is known, and gives the function that counts."""
    console = Console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as bar:
        yield lambda total: partial(bar.advance, bar.add_task(doing, total=total))
