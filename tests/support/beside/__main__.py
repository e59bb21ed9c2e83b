"""`python -m beside --events 1000000 --rate 1000`: lookups while a version is built and switched.

Needs `tests/support` and the repository's root on PYTHONPATH, and the embedded stack.
"""

import argparse
import sys
import tempfile
import time
from pathlib import Path
from typing import Final

from running_stack import strata_in

from beside.run import Scale, beside_live
from beside.traffic import FADING, LASTING
from lookup.loops import run

_POLICIES: Final = {"lasting": LASTING, "fading": FADING}


def main() -> int:
    parser = argparse.ArgumentParser(prog="beside", description=__doc__)
    parser.add_argument("--events", type=int, default=1_000_000, help="of the history")
    parser.add_argument("--users", type=int, help="who have them; a tenth by default")
    parser.add_argument("--rate", type=float, default=1_000.0, help="live events a second")
    parser.add_argument("--lookups", type=float, default=50.0, help="requests a second")
    parser.add_argument("--before", type=float, default=30.0, help="seconds before the replay")
    parser.add_argument("--policy", choices=_POLICIES, default="lasting", help="of the version")
    parser.add_argument("--directory", type=Path, help="where the stack is; kept")
    asked = parser.parse_args()
    scale = Scale(
        events=asked.events,
        users=asked.users or max(100, asked.events // 10),
        rate=asked.rate,
        lookups=asked.lookups,
        before_s=asked.before,
        policy=_POLICIES[asked.policy],
    )
    began_s = time.monotonic()

    def say(line: str) -> None:
        sys.stderr.write(f"{time.monotonic() - began_s:7.0f} s  {line}\n")

    with tempfile.TemporaryDirectory(prefix="strata-beside-") as made:
        directory = asked.directory or Path(made)
        directory.mkdir(exist_ok=True)
        account = run(beside_live(strata_in(directory / "data", directory), scale, say))
    sys.stdout.write(f"\n{account}\n")
    return 0 if account.is_well else 1


if __name__ == "__main__":
    sys.exit(main())
