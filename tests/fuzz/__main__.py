"""``make fuzz MINUTES=n``: hostile telegrams against link, cipher, reader and explanation. Fails if one breaks it."""

from __future__ import annotations

import argparse
import sys
from importlib.util import find_spec

from tests.fuzz import guided, targeted
from tests.fuzz.storm import storm


def main() -> int:
    """Search guided by coverage where atheris is installed, by hypothesis elsewhere, or blindly as asked."""
    parser = argparse.ArgumentParser(prog="make fuzz", description=__doc__)
    parser.add_argument("--minutes", type=float, default=1.0)
    parser.add_argument("--blind", type=int, metavar="N", help="N mutated telegrams without guidance instead")
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    if options.blind:
        found = storm(options.blind, options.seed)
        print(f"{found.telegrams} telegrams in {found.seconds:.0f} s, blind; memory grew by {found.growth_kb} KB")
        print(", ".join(f"{kind} {count}" for kind, count in found.kinds.most_common()))
        return 0
    return guided.search(options.minutes) if find_spec("atheris") else targeted.search(options.minutes)


if __name__ == "__main__":
    sys.exit(main())
