"""The files that introduce a fleet to the backend and to the edge: registry folder, keys, ports."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path

from tests.simulator.cipher import TAG
from tests.simulator.clock import SimulatedClock
from tests.simulator.fleet import Fleet


def write_registry(fleet: Fleet, folder: Path) -> None:
    """``meters.csv``, ``points.csv``, ``sites.csv``, ``members.csv``."""
    since = iso(fleet.start_ms)
    folder.mkdir(parents=True, exist_ok=True)
    _write(
        folder / "meters.csv",
        "system_title serial model push_list scale_profile security push_seconds",
        (
            [
                *(meter.title, meter.nameplate.serial, meter.model.name),
                *(meter.model.push_list, meter.model.scale_profile),
                "authenticated" if meter.model.security_control & TAG else "encrypted",
                meter.rhythm.push_s,
            ]
            for meter in fleet.meters
        ),
    )
    _write(
        folder / "points.csv",
        "metering_point system_title site valid_from role",
        ([point.metering_point, point.meter.title, point.site, since, point.role] for point in fleet.points),
    )
    _write(folder / "sites.csv", "site name timezone kind sharing", fleet.sites)
    sharing = {site.site for site in fleet.sites if site.sharing != "none"}
    _write(
        folder / "members.csv",
        "site metering_point valid_from factor_percent",
        ([point.site, point.metering_point, since, 100] for point in fleet.points if point.site in sharing),
    )


def write_keys(fleet: Fleet, file: Path) -> None:
    """``keys.csv``. The keys open nothing but this simulation."""
    _write(
        file,
        "system_title encryption_key authentication_key key_version",
        (
            [meter.title, meter.secrets.encryption_key.hex(), meter.secrets.authentication_key.hex(), 1]
            for meter in fleet.meters
        ),
    )


def write_edge(
    file: Path, ports: Iterable[Mapping[str, str | int]], clock: SimulatedClock, kafka: tuple[str, str], health: int
) -> None:
    """``edge.toml``: an agent that listens to ``ports``; ``kafka``: bootstrap and prefix."""
    lines = [
        *("[edge]", 'id = "simulator"', f'spool = "{file.parent / "spool.db"}"'),
        *(
            "[simulated_clock]",
            f"origin = {iso(clock.origin_ms)}",
            f"started = {clock.started}",
            f"speed = {clock.speed}",
        ),
        *("[kafka]", f'bootstrap = "{kafka[0]}"', f'prefix = "{kafka[1]}"'),
        *("[health]", f"port = {health}"),
    ]
    for port in ports:
        lines += ["[[port]]", *(f"{key} = {value!r}" for key, value in port.items())]
    file.write_text("\n".join(lines) + "\n")


def iso(epoch_ms: int) -> str:
    """UTC, to the second.

    >>> iso(1_774_745_995_125)
    '2026-03-29T00:59:55Z'
    """
    return datetime.fromtimestamp(epoch_ms // 1000, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _write(file: Path, header: str, rows: Iterable[Sequence[object]]) -> None:
    with file.open("w", newline="") as stream:
        writer = csv.writer(stream)
        writer.writerow(header.split())
        writer.writerows(rows)
