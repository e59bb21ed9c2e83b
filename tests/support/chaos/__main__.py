"""`python -m chaos --events 1000000 --kills 60 --seed 1`: prints what was injected and compared.

Needs `tests/support` and the repository's root on PYTHONPATH, and the embedded stack.
"""

import argparse
import asyncio
import os
import sys
import tempfile
import time
from pathlib import Path
from typing import Final

from chaos.account import Account
from chaos.parts import opened_parts
from chaos.plan import What
from chaos.run import Scale, run_alone, run_together

_TOGETHER: Final = 0.2
"""Share of events and kills in the part with two workers."""

_ALONE: Final[tuple[What, ...]] = (
    "freeze",
    "kafka dies",
    "redis is emptied",
    "kafka dies",
    "redis dies",
    "redis is emptied",
    "freeze",
    "kafka dies",
)
_BOTH: Final[tuple[What, ...]] = ("freeze", "kafka dies", "redis is emptied", "freeze")


def main() -> int:
    parser = argparse.ArgumentParser(prog="chaos", description=__doc__)
    parser.add_argument("--events", type=int, default=1_000_000, help="distinct events of users")
    parser.add_argument("--kills", type=int, default=60, help="workers that end with SIGKILL")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--log", type=Path, help="where workers write; kept")
    asked = parser.parse_args()
    together_events = int(asked.events * _TOGETHER)
    together_kills = max(len(_BOTH) + 2, int(asked.kills * _TOGETHER))
    together = Scale(
        events=together_events,
        kills=together_kills,
        disturbances=_BOTH,
        seed=asked.seed,
        learns=True,
        workers=2,
    )
    alone = Scale(
        events=asked.events - together_events,
        kills=max(len(_ALONE) + 2, asked.kills - together_kills),
        disturbances=_ALONE,
        seed=asked.seed + 1,
        learns=False,
    )
    said = os.fdopen(os.dup(1), "w", buffering=1)
    began_s = time.monotonic()

    def say(line: str) -> None:
        print(f"{time.monotonic() - began_s:7.0f} s  {line}", file=said)

    with tempfile.TemporaryDirectory(prefix="strata-chaos-") as path:
        # Workers inherit it: what they say is not the report.
        _into(asked.log or Path(path) / "workers.log")
        with opened_parts(Path(path) / "parts") as parts:
            first = asyncio.run(run_alone(parts, Path(path) / "alone", alone, say))
            print(f"\none worker at a time\n{first}\n", file=said)
            second = asyncio.run(run_together(parts, Path(path) / "together", together, say))
            print(f"\ntwo workers\n{second}\n", file=said)
    print(_summary((first, second), time.monotonic() - began_s), file=said)
    return 0 if first.is_well and second.is_well else 1


def _summary(accounts: tuple[Account, Account], took_s: float) -> str:
    kills = sum(
        count
        for account in accounts
        for what, count in account.injected.items()
        if what.startswith("SIGKILL")
    )
    events = sum(account.injected["distinct events of users"] for account in accounts)
    lost, twice = (sum(getattr(one, name) for one in accounts) for name in ("lost", "twice"))
    lines = sum(len(one.lines) for one in accounts)
    return (
        f"{events} events, {kills} SIGKILLs, lost {lost}, counted twice {twice}, "
        f"{lines} other differences, in {took_s:.0f} s"
    )


def _into(log: Path) -> None:
    with log.open("wb") as file:
        os.dup2(file.fileno(), 1)
        os.dup2(file.fileno(), 2)


if __name__ == "__main__":
    sys.exit(main())
