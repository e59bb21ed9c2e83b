"""Workers that go on, each a process of its own, and how far their group has come."""

import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Self

from confluent_kafka import ConsumerGroupTopicPartitions, KafkaException, TopicPartition
from confluent_kafka.admin import AdminClient, OffsetSpec

from benchmarks.contenders.task import READY, Task
from benchmarks.ground import Ground
from benchmarks.running import ROOT, ContenderFailed, command_of, task_of

__all__ = ["Group", "working"]

_START_S: Final = 120.0
_STOP_S: Final = 60.0
_REQUEST_S: Final = 30.0
_POLL_S: Final = 0.05


@dataclass(frozen=True, slots=True)
class _Member:
    process: "subprocess.Popen[bytes]"
    said: Path

    @classmethod
    def start(cls, task: Task) -> Self:
        said = Path(task.directory) / "output.log"
        with said.open("w") as output:
            process = subprocess.Popen(  # noqa: S603 - our own module
                command_of("live_worker", task),
                stdin=subprocess.PIPE,
                stdout=output,
                stderr=subprocess.STDOUT,
                cwd=ROOT,
            )
        return cls(process, said)

    @property
    def is_ready(self) -> bool:
        return READY in self.said.read_text().splitlines()

    def check(self) -> None:
        if self.process.poll() is not None:
            raise ContenderFailed(f"a worker ended: {self.said.read_text()[-2_000:]}")

    def end(self) -> None:
        if self.process.stdin is not None:
            self.process.stdin.close()
        try:
            self.process.wait(_STOP_S)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


class Group:
    """A consumer group, seen from outside.

    Args:
        name: Of the group, and the namespace of what its workers store.
        members: All processes in it.
    """

    def __init__(self, bootstrap: str, name: str, members: Sequence[_Member]) -> None:
        self.name = name
        self._members = members
        self._admin = AdminClient({"bootstrap.servers": bootstrap})
        self._places: frozenset[tuple[str, int]] = frozenset()

    def wait_until_shared(self) -> None:
        """Until each member has said that it is ready, and all of them have partitions.

        Raises:
            ContenderFailed: not within two minutes, or one has ended.
        """
        until_s = time.monotonic() + _START_S
        while time.monotonic() < until_s:
            self.check()
            given = self._given()
            everybody = len(given) == len(self._members) and all(given)
            if everybody and all(member.is_ready for member in self._members):
                self._places = frozenset[tuple[str, int]]().union(*given)
                return
            time.sleep(_POLL_S)
        raise ContenderFailed(f"{len(self._members)} workers did not come to share the partitions")

    def wait_until_drained(self, timeout_s: float) -> float:
        """Until nothing that was published is left uncommitted; when, by `time.perf_counter`.

        Raises:
            ContenderFailed: not within the time, or a worker has ended.
        """
        until_s = time.monotonic() + timeout_s
        while time.monotonic() < until_s:
            self.check()
            if not self.lag():
                return time.perf_counter()
            time.sleep(_POLL_S)
        raise ContenderFailed(f"{self.lag():,} records were left after {timeout_s:g} s")

    @property
    def processes(self) -> list[int]:
        """Of each member, its id."""
        return [member.process.pid for member in self._members]

    def lag(self) -> int:
        """Records of the group's partitions that are not committed."""
        # What is committed is asked first: what comes between is lag, not progress.
        asked = ConsumerGroupTopicPartitions(self.name)
        (future,) = self._admin.list_consumer_group_offsets([asked]).values()
        committed = {
            (one.topic, one.partition): max(0, one.offset)
            for one in future.result(_REQUEST_S).topic_partitions
        }
        ends = self._admin.list_offsets(
            {TopicPartition(*place): OffsetSpec.latest() for place in self._places}
        )
        return sum(
            max(0, end.result(_REQUEST_S).offset - committed.get((one.topic, one.partition), 0))
            for one, end in ends.items()
        )

    def check(self) -> None:
        """Raise ContenderFailed if a worker has ended."""
        for member in self._members:
            member.check()

    def _given(self) -> list[frozenset[tuple[str, int]]]:
        """The partitions of each member, once the group has settled."""
        (future,) = self._admin.describe_consumer_groups([self.name]).values()
        try:
            found = future.result(_REQUEST_S)
        except KafkaException:
            # Nobody coordinates a group that nobody has joined yet; waiting ends in any case.
            return []
        if found.state.name != "STABLE":
            return []
        return [
            frozenset((one.topic, one.partition) for one in member.assignment.topic_partitions)
            for member in found.members
        ]


@contextmanager
def working(
    ground: Ground, *, workers: int, options: dict[str, int | float | str] | None = None
) -> Iterator[Group]:
    """Workers that share the partitions of a group, for as long as this is open.

    Raises:
        ContenderFailed: they did not start.
    """
    first = task_of("live_worker", ground, events=0, options=options)
    tasks = [first] + [
        # One group and one namespace, but files of their own.
        task_of("live_worker", ground, events=0, options=options, name=first.name)
        for _ in range(workers - 1)
    ]
    with ExitStack() as ending:
        members: list[_Member] = []
        for task in tasks:
            members.append(_Member.start(task))
            ending.callback(members[-1].end)
        group = Group(ground.bootstrap, first.name, members)
        group.wait_until_shared()
        yield group
