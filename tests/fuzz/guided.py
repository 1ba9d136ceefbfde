"""Coverage-guided search with atheris, in a process of its own, for libFuzzer ends by leaving it.

``python -m tests.fuzz.guided [libFuzzer options] CORPUS``
"""

from __future__ import annotations

import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path

MAX_OCTETS = 4096


def search(minutes: float) -> int:
    """Search for so long; print what libFuzzer counted. The process's exit code, not 0 if something broke."""
    from tests.fuzz.target import corpus

    with tempfile.TemporaryDirectory() as folder:
        for number, data in enumerate(corpus()):
            (Path(folder) / f"vector-{number:04}").write_bytes(data)
        options = [
            f"-max_total_time={int(minutes * 60)}",
            f"-max_len={MAX_OCTETS}",
            "-print_final_stats=1",
            "-verbosity=1",
        ]
        command = [sys.executable, "-m", "tests.fuzz.guided", *options, f"-artifact_prefix={folder}/broke-", folder]
        start = time.perf_counter()
        done = subprocess.run(command, capture_output=True, text=True, errors="replace", check=False)
        seconds = time.perf_counter() - start
        stats = dict(re.findall(r"stat::(\w+):\s+(\d+)", done.stderr))
        covered = re.findall(r"cov: (\d+)", done.stderr) or ["?"]
        print(f"{stats.get('number_of_executed_units', '?')} telegrams in {seconds:.0f} s, coverage-guided (atheris)")
        print(f"coverage {covered[0]} → {covered[-1]} edges, peak memory {stats.get('peak_rss_mb', '?')} MB")
        if done.returncode:
            print(done.stdout[-4000:], done.stderr[-4000:])
            for path in Path(folder).glob("broke-*"):
                print(f"{path.name}: {path.read_bytes().hex()}")
        return done.returncode


def main() -> None:
    """The process libFuzzer lives in."""
    import atheris

    with atheris.instrument_imports(
        include=["edge_agent.link", "stream_app.dlms", "stream_app.explain", "stream_app.offline"]
    ):
        from stream_app.dlms.notification import Reader
        from tests.fuzz.target import run_in_time

    reader = Reader()

    def one(data: bytes) -> None:
        run_in_time(data, reader)

    atheris.Setup(sys.argv, one)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
