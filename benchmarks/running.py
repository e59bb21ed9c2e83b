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

__all__ = ["FEAST", "ROOT", "ContenderFailed", "command_of", "run", "task_of"]

ROOT: Final = Path(__file__).parent.parent
FEAST: Final = ROOT / ".venv-feast" / "bin" / "python"
"""What Feast runs by, whose dependencies and ours exclude each other: `make bench-feast`."""


class ContenderFailed(RuntimeError):
    """A contender ended without a result; the message has its last lines."""


def task_of(
    contender: str,
    ground: Ground,
    *,
    events: int,
    options: dict[str, int | float | str] | None = None,
    name: str | None = None,
) -> Task:
    """What a run is asked, with an empty directory of its own.

    Args:
        name: Of the group and the namespace; one that nobody has by default.
    """
    own = f"bench-{contender.replace('_', '-')}-{uuid.uuid4().hex[:8]}"
    return Task(
        bootstrap=ground.bootstrap,
        redis_url=ground.redis_url,
        topic=topics.INTERACTIONS,
        partitions=ground.partitions,
        events=events,
        directory=str(ground.room(f"runs/{own}")),
        name=name or own,
        options=options or {},
    )


def command_of(contender: str, task: Task, *, interpreter: Path | None = None) -> list[str]:
    """What starts it, in `ROOT`."""
    return [
        sys.executable if interpreter is None else str(interpreter),
        "-m",
        f"benchmarks.contenders.{contender}",
        msgspec.json.encode(task).decode(),
    ]


def run(
    contender: str,
    ground: Ground,
    *,
    events: int,
    timeout_s: float = 600.0,
    options: dict[str, int | float | str] | None = None,
    interpreter: Path | None = None,
) -> Result:
    """One run of a contender.

    Args:
        interpreter: Of an environment of its own; ours by default.

    Raises:
        ContenderFailed: no result within the time, or there is no such environment.
    """
    if interpreter is not None and not interpreter.exists():
        raise ContenderFailed(
            f"{contender} needs {interpreter.relative_to(ROOT)}: see the Makefile"
        )
    task = task_of(contender, ground, events=events, options=options)
    said = Path(task.directory) / "output.log"
    try:
        with said.open("w") as output:
            subprocess.run(  # noqa: S603 - our own modules
                command_of(contender, task, interpreter=interpreter),
                stdout=output,
                stderr=subprocess.STDOUT,
                timeout=timeout_s,
                check=False,
                cwd=ROOT,
            )
    except subprocess.TimeoutExpired as error:
        raise ContenderFailed(
            f"{contender} was not done after {timeout_s:g} s: {said.read_text()[-1_000:]}"
        ) from error
    result = answered(said.read_text())
    if result is None:
        raise ContenderFailed(f"{contender}: {said.read_text()[-2_000:]}")
    return result
