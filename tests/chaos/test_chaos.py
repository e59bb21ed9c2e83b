"""Nothing is lost and nothing counted twice while workers and parts die; `make chaos` is longer."""

from pathlib import Path

import pytest
from chaos.account import Account
from chaos.parts import Parts
from chaos.plan import SEAMS
from chaos.run import Scale, run_alone, run_together

# A machine that is busy with other things takes its time for so many lives.
pytestmark = [pytest.mark.anyio, pytest.mark.stack, pytest.mark.timeout(900)]


def say(line: str) -> None:
    """Shown with a failure."""
    print(line)  # noqa: T201 - pytest keeps it until it is wanted


def assert_well(account: Account) -> None:
    assert account.is_well, str(account)
    assert account.compared["events counted"] > 0
    assert account.compared["overall pairs"] > 0
    assert account.compared["dead letters"] == account.injected["records that are no events"] > 0


async def test_one_worker_after_the_other_killed_at_every_seam_and_its_parts_too(
    parts: Parts, tmp_path: Path
) -> None:
    scale = Scale(
        events=6_000,
        kills=len(SEAMS) + 5,
        disturbances=("redis is emptied", "kafka dies"),
        seed=3,
        learns=False,
        reached_s=60,
        rest_s=200,
    )
    account = await run_alone(parts, tmp_path, scale, say)
    assert_well(account)
    killed = sum(count for what, count in account.injected.items() if what.startswith("SIGKILL"))
    assert killed >= scale.kills


@pytest.mark.slow
async def test_two_workers_killed_and_frozen(parts: Parts, tmp_path: Path) -> None:
    scale = Scale(
        events=4_000,
        kills=6,
        disturbances=("freeze", "redis dies"),
        seed=4,
        learns=True,
        workers=2,
        reached_s=90,
        rest_s=200,
    )
    account = await run_together(parts, tmp_path, scale, say)
    assert_well(account)
    assert account.injected["SIGSTOP past the session, then SIGCONT"] == 1
