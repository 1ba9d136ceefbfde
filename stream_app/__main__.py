"""``cipstream``: the commands, one module each in ``commands/``."""

from __future__ import annotations

import sys

import typer

from stream_app.commands import keys, registry, rejects, topics, worker
from stream_app.commands.decode import decode
from stream_app.commands.export import export
from stream_app.commands.reprocess import reprocess

app = typer.Typer(
    help="From the customer port of an electricity meter to the billing record.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_show_locals=False,  # they could hold keys
)
app.command()(worker.worker)
app.add_typer(topics.app, name="topics")
app.add_typer(registry.app, name="registry")
app.add_typer(rejects.app, name="rejects")
app.add_typer(keys.app, name="keys")
app.command()(decode)
app.command()(export)
app.command()(reprocess)


def main() -> None:
    """The console script. What the system refuses, such as to write on a full disk, is no defect: one line."""
    try:
        app()
    except OSError as error:
        print(error, file=sys.stderr)
        sys.stdout = None  # or the interpreter would once more try to write what is left
        sys.exit(2)


if __name__ == "__main__":
    main()
