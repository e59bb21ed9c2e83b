"""Running contenders, one after the other, each in a process of its own."""

import subprocess
import sys
import uuid
from pathlib import Path
from typing import Final

import msgspec

from benchmarks.contenders.task import Result, Task, answered
from benchmarks.ground import Ground
from schemas import topics

__all__ = ["ContenderFailed", "run"]

_ROOT: Final = Path(__file__).parent.parent


class ContenderFailed(RuntimeError):
    """A contender ended without a result; the message has its last lines."""


def run(
    contender: str,
    ground: Ground,
    *,
    events: int,
    timeout_s: float = 600.0,
    options: dict[str, int | float | str] | None = None,
) -> Result:
    """One run of a contender.

    Raises:
        ContenderFailed: no result within the time.
    """
    name = f"bench-{contender.replace('_', '-')}-{uuid.uuid4().hex[:8]}"
    task = Task(
        bootstrap=ground.bootstrap,
        redis_url=ground.redis_url,
        topic=topics.INTERACTIONS,
        partitions=ground.partitions,
        events=events,
        directory=str(ground.room(f"runs/{name}")),
        name=name,
        options=options or {},
    )
    command = [
        sys.executable,
        "-m",
        f"benchmarks.contenders.{contender}",
        msgspec.json.encode(task).decode(),
    ]
    said = Path(task.directory) / "output.log"
    try:
        with said.open("w") as output:
            subprocess.run(  # noqa: S603 - our own modules
                command,
                stdout=output,
                stderr=subprocess.STDOUT,
                timeout=timeout_s,
                check=False,
                cwd=_ROOT,
            )
    except subprocess.TimeoutExpired as error:
        raise ContenderFailed(
            f"{contender} was not done after {timeout_s:g} s: {said.read_text()[-1_000:]}"
        ) from error
    result = answered(said.read_text())
    if result is None:
        raise ContenderFailed(f"{contender}: {said.read_text()[-2_000:]}")
    return result
