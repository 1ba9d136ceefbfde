"""``python -m deploy.compile FOLDER``: copy the packages to a folder and compile the pure rooms in it with mypyc.

The source is one and the same: it is typed strictly, so the type checker can compile it too, and a telegram then costs
half (the worker of ``make bench``: 62 → 28 µs). That is what the image ships and what ``make test`` and ``make bench``
run. Nothing compiled ever lies in the checkout, where it would hide the source beside it.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

HOUSE = Path(__file__).resolve().parent.parent
PACKAGES = ("edge_agent", "stream_app", "schemas")
ROOMS = ("edge_agent/link", "stream_app/dlms", "stream_app/energy")
MODULES = (
    "avro",
    "balance",
    "ingest",
    "meter",
    "meter_plan",
    "meter_time",
    "promotion",
    "reading_encoder",
    "records",
    "refusals",
    "replay",
    "trust",
)
LEFT = ("__init__.py", "errors.py")  # an error's kind and layer are attributes of its class: those stay dynamic
CACHES = shutil.ignore_patterns("__pycache__")
FLAGS = ("--ignore-missing-imports", "--follow-imports=silent", "--explicit-package-bases")
EFFORT = {"MYPYC_OPT_LEVEL": "1", "MYPYC_DEBUG_LEVEL": "0"}  # -O3 compiles twice as long and runs no faster


def main() -> int:
    """Copy and compile; what the compiler says is shown where it fails."""
    parser = argparse.ArgumentParser(prog="python -m deploy.compile", description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--if-possible", action="store_true", help="without a C compiler, leave the copy interpreted")
    options = parser.parse_args()
    for package in PACKAGES:
        shutil.copytree(HOUSE / package, options.folder / package, ignore=CACHES, dirs_exist_ok=True)
    if options.if_possible and not _can_compile():
        print("no C compiler with Python's headers here: the core stays interpreted", file=sys.stderr)
        return 0
    done = subprocess.run(
        [sys.executable, "-m", "mypyc", *FLAGS, *modules(options.folder)],
        cwd=options.folder,
        env=os.environ | EFFORT,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    if done.returncode:
        print(done.stdout, file=sys.stderr)
    shutil.rmtree(options.folder / "build", ignore_errors=True)
    return done.returncode


def _can_compile() -> bool:
    compiler = (sysconfig.get_config_var("CC") or "cc").split()[0]
    return bool(shutil.which(compiler)) and (Path(sysconfig.get_path("include")) / "Python.h").exists()


def modules(folder: Path) -> list[str]:
    """What is compiled, relative to the folder that holds the packages."""
    rooms = [path for room in ROOMS for path in (folder / room).glob("*.py") if path.name not in LEFT]
    alone = [folder / "stream_app" / f"{module}.py" for module in MODULES]
    return sorted(str(path.relative_to(folder)) for path in rooms + alone)


if __name__ == "__main__":
    sys.exit(main())
