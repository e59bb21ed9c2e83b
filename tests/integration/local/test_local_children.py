"""A child ends when it must, and not unnoticed."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from local.child import Child
from local.directory import DataDirectory
from local.errors import ChildDied, DataDirectoryBusy, StartTimeout
from local.kafka import KafkaServer
from local.redis import RedisServer
from local.stack import EmbeddedStack

Children = Callable[[], list[psutil.Process]]
_LONGEST_GOODBYE_S = 10.0

_OWNER = """
import os, sys, time
from pathlib import Path
from local.directory import DataDirectory
from local.stack import EmbeddedStack

directory = DataDirectory.lock(Path(sys.argv[1]))
stack = EmbeddedStack(directory)
stack.start()
if sys.argv[2] == "with-fork" and os.fork() == 0:
    time.sleep(60)  # keeps copies of every descriptor of its parent
    os._exit(0)
print("ready", flush=True)
time.sleep(600)
"""


def eventually(is_so: Callable[[], bool], *, within_s: float = _LONGEST_GOODBYE_S) -> bool:
    deadline = time.monotonic() + within_s
    while not is_so():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.05)
    return True


def programs_below(pid: int) -> list[psutil.Process]:
    return psutil.Process(pid).children(recursive=True)


def first(processes: list[psutil.Process]) -> psutil.Process:
    """The one that is a child of this process: the guardian comes before its program."""
    return processes[0]


def gone(process: psutil.Process) -> bool:
    try:
        return not process.is_running() or process.status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


def owner_process(data_path: Path, how: str = "plain") -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", _OWNER, data_path, how], stdout=subprocess.PIPE, text=True
    )


@pytest.mark.stack
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_no_child_outlives_a_killed_parent(data_path: Path, number: signal.Signals) -> None:
    with owner_process(data_path) as owner:
        assert owner.stdout is not None
        assert owner.stdout.readline() == "ready\n"
        children = programs_below(owner.pid)
        names = {process.name() for process in children}
        owner.send_signal(number)
        owner.wait()
    assert {"java"} < names
    assert eventually(lambda: all(map(gone, children)))
    # All that was stored is in order: the next owner starts on it, as soon as it may.
    with DataDirectory.lock(data_path) as directory, EmbeddedStack(directory) as stack:
        stack.check()


@pytest.mark.stack
def test_no_child_outlives_a_killed_parent_that_had_forked(data_path: Path) -> None:
    with owner_process(data_path, "with-fork") as owner:
        assert owner.stdout is not None
        assert owner.stdout.readline() == "ready\n"
        below = programs_below(owner.pid)
        forked = next(p for p in below if p.ppid() == owner.pid and "-I" not in p.cmdline())
        servers = [process for process in below if process != forked]
        owner.kill()
        owner.wait()
        try:
            assert len(servers) == 4
            assert eventually(lambda: all(map(gone, servers)))
        finally:
            forked.kill()


@pytest.mark.stack
@pytest.mark.parametrize("kind", [RedisServer, KafkaServer])
def test_a_server_that_is_killed_is_named_with_code_and_log(
    directory: DataDirectory, kind: type[RedisServer | KafkaServer], new_children: Children
) -> None:
    with kind(directory) as server:
        server.check()
        guardian = first(new_children())
        (program,) = guardian.children()
        program.kill()
        assert eventually(lambda: gone(guardian))
        with pytest.raises(ChildDied) as raised:
            server.check()
    died = raised.value
    assert (died.name, died.exit_code) == (server.name, 128 + signal.SIGKILL)
    assert str(died).startswith(f"{server.name} died (exit code 137, signal 9); ")
    assert "\n" not in str(died)
    assert died.log_tail == tuple(died.log_path.read_text().splitlines()[-10:])


@pytest.mark.stack
def test_a_server_that_cannot_start_says_why(
    directory: DataDirectory, new_children: Children
) -> None:
    with pytest.raises(ChildDied, match=r"kafka.* died .*Invalid maximum heap size"):
        KafkaServer(directory, heap="nonsense").start()
    assert new_children() == []


@pytest.mark.stack
def test_the_locale_of_the_owner_does_not_matter(
    directory: DataDirectory, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert not str(directory.path).isascii()
    monkeypatch.setenv("LC_ALL", "C")
    with EmbeddedStack(directory) as stack:
        stack.check()


@pytest.mark.stack
def test_a_server_that_stays_silent_is_given_up(
    directory: DataDirectory, monkeypatch: pytest.MonkeyPatch, new_children: Children
) -> None:
    monkeypatch.setattr(RedisServer, "_command", lambda _self, _port: ["sleep", "600"])
    with pytest.raises(StartTimeout, match=r"redis did not answer within 0\.3 s"):
        RedisServer(directory, start_timeout_s=0.3).start()
    assert new_children() == []


def shell(directory: DataDirectory, script: str, *, grace_s: float = 10.0) -> Child:
    return Child.start(
        "shell",
        ["/bin/sh", "-c", script],
        directory=directory,
        working_path=directory.path / "shell",
        grace_s=grace_s,
    )


def test_the_exit_code_and_the_last_lines_are_reported(directory: DataDirectory) -> None:
    child = shell(directory, "for i in 1 2 3 4 5 6 7 8 9 10 11 12; do echo line $i; done; exit 3")
    assert child.wait(timeout_s=10) == 3
    with pytest.raises(ChildDied, match=r"shell died \(exit code 3\).* ends: line 3 \|") as raised:
        child.check()
    assert raised.value.log_tail == tuple(f"line {number}" for number in range(3, 13))


def test_a_program_that_does_not_exist_is_reported(directory: DataDirectory) -> None:
    child = Child.start(
        "ghost", ["/no/such/program"], directory=directory, working_path=directory.path
    )
    assert child.wait(timeout_s=10) == 127
    assert child.log_tail() == ["cannot execute /no/such/program: No such file or directory"]


def test_the_log_of_the_run_before_is_kept(directory: DataDirectory) -> None:
    for word in ("first", "second"):
        shell(directory, f"echo {word}").wait(timeout_s=10)
    kept = directory.path / "shell"
    assert (kept / "shell.log.1").read_text() == "first\n"
    assert (kept / "shell.log").read_text() == "second\n"


def test_a_child_is_asked_before_it_is_killed(directory: DataDirectory) -> None:
    child = shell(
        directory, "trap 'echo goodbye; exit 0' TERM; echo up; while :; do sleep 0.1; done"
    )
    assert eventually(lambda: child.log_tail() == ["up"])
    child.stop()
    assert child.exit_code() == 0
    assert child.log_tail() == ["up", "goodbye"]


def test_a_child_deaf_to_sigterm_is_killed_after_its_grace(directory: DataDirectory) -> None:
    child = shell(directory, "trap '' TERM; echo up; while :; do sleep 0.1; done", grace_s=0.5)
    assert eventually(lambda: child.log_tail() == ["up"])
    started_s = time.monotonic()
    child.stop()
    assert 0.5 <= time.monotonic() - started_s < 5
    assert child.exit_code() == 128 + signal.SIGKILL


def test_a_child_does_not_outlive_its_guardian_either(
    directory: DataDirectory, new_children: Children
) -> None:
    child = shell(directory, "echo up; exec sleep 600")
    assert eventually(lambda: child.log_tail() == ["up"])
    guardian = first(new_children())
    (program,) = guardian.children()
    guardian.kill()
    assert eventually(lambda: gone(guardian))
    with pytest.raises(ChildDied):
        child.check()
    assert eventually(lambda: gone(program))
    child.stop()


def test_the_terminal_does_not_reach_a_child(
    directory: DataDirectory, new_children: Children
) -> None:
    child = shell(directory, "echo up; exec sleep 600")
    try:
        guardian = first(new_children())
        assert os.getsid(guardian.pid) == guardian.pid
        assert os.getpgid(guardian.pid) != os.getpgid(0)
    finally:
        child.stop()


def test_the_directory_stays_taken_until_the_last_child_has_ended(data_path: Path) -> None:
    script = (
        "import os, sys; from pathlib import Path; from local.directory import DataDirectory;"
        "from local.child import Child; d = DataDirectory.lock(Path(sys.argv[1]));"
        "Child.start('slow', ['/bin/sh', '-c', \"trap 'sleep 1; exit' TERM; echo up;"
        ' while :; do sleep 0.1; done"], directory=d, working_path=d.path);'
        "log = d.path / 'slow.log'\n"
        "while log.read_text() != 'up\\n': pass\n"
        "os.kill(os.getpid(), 9)"
    )
    subprocess.run([sys.executable, "-c", script, data_path], check=False)
    with pytest.raises(DataDirectoryBusy):
        DataDirectory.lock(data_path, patience_s=0)
    with DataDirectory.lock(data_path) as directory:
        assert directory.path == data_path
