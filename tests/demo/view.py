"""The screen, and the plain lines where there is none."""

from __future__ import annotations

from datetime import UTC, datetime

from rich.console import Group
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from stream_app.records import Balance
from tests.demo.watch import Watch

LAST_QUARTERS = 10
COLOURS = {"MEASURED": "green", "ESTIMATED": "yellow", "INCOMPLETE": "yellow", "MISSING": "red"}


def screen(watch: Watch, speed: float) -> Group:
    """Everything at once; all times are UTC."""
    rejects = ", ".join(f"{reason} {count}" for reason, count in watch.rejects.most_common()) or "none"
    head = Text.assemble(
        ("cipstream", "bold"),
        f"   {_at(watch.newest_ms)} UTC at {speed:g}×   ",
        (f"{watch.rate:.0f}", "bold"),
        f" telegrams/s, {watch.readings} read   Ctrl-C ends\nrejects: {rejects}",
    )
    return Group(Panel(head), _balances(watch), _quarters(watch))


def line(watch: Watch) -> str:
    """The same in one line."""
    return (
        f"{_at(watch.newest_ms)}  {watch.rate:.0f} telegrams/s  {watch.readings} readings  "
        f"{sum(watch.rejects.values())} rejects  {len(watch.quarters)} quarter-hours  {len(watch.balances)} balances"
    )


def latest(watch: Watch) -> list[Balance]:
    """The newest balance of each site."""
    newest = {site: max(start for s, start in watch.balances if s == site) for site, _ in watch.balances}
    return [watch.balances[site, start] for site, start in sorted(newest.items())]


def _balances(watch: Watch) -> Table:
    table = Table(title="Balance of each site, newest quarter-hour, Wh", title_justify="left")
    for heading in ("site", "from", "import", "export", "shared", "from grid", "to grid", "points", "quality"):
        table.add_column(heading, justify="left" if heading in ("site", "from", "quality") else "right", no_wrap=True)
    for balance in latest(watch):
        values = (balance.import_wh, balance.export_wh, balance.matched_wh, balance.grid_import_wh)
        table.add_row(
            balance.site,
            _at(balance.start),
            *map(_wh, (*values, balance.grid_export_wh)),
            f"{balance.points - balance.points_missing}/{balance.points}",
            _quality(balance.quality),
        )
    return table


def _quarters(watch: Watch) -> Table:
    table = Table(title="Last quarter-hours", title_justify="left")
    for heading in ("site", "point", "OBIS", "from", "Wh", "quality", "rev."):
        table.add_column(heading, justify="right" if heading in ("Wh", "rev.") else "left")
    newest = sorted(watch.quarters.values(), key=lambda q: (q.start, q.metering_point, q.quantity))[-LAST_QUARTERS:]
    for quarter in reversed(newest):
        table.add_row(
            quarter.site,
            f"{quarter.metering_point[:4]}…{quarter.metering_point[-2:]}",
            quarter.quantity,
            _at(quarter.start),
            _wh(quarter.amount),
            _quality(quarter.quality),
            str(quarter.revision),
        )
    return table


def _at(epoch_ms: int) -> str:
    return f"{datetime.fromtimestamp(epoch_ms / 1000, UTC):%m-%d %H:%M}"


def _wh(amount: int | None) -> str:
    return "–" if amount is None else f"{amount:,}".replace(",", "’")


def _quality(quality: str) -> Text:
    return Text(quality, COLOURS.get(quality, ""))
