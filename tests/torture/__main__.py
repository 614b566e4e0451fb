"""python -m tests.torture [seconds] [--seed N]: exit status 1 where what was acknowledged is not what is there."""

import argparse
import random
import sys
import tempfile
from pathlib import Path

from tests.torture.run import torture

if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m tests.torture", description=__doc__)
    parser.add_argument("seconds", nargs="?", type=float, default=300)
    parser.add_argument("--seed", type=int, default=None, help="of what is done; when it is done is the machine's")
    given = parser.parse_args()
    seed = random.randrange(1_000_000) if given.seed is None else given.seed
    print(f"seed {seed}, {given.seconds:g} s")  # noqa: T201
    with tempfile.TemporaryDirectory() as folder:
        report = torture(Path(folder), given.seconds, seed)
    print(report)  # noqa: T201
    sys.exit(bool(report.faults))
