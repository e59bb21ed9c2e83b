import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from cli.errors import NotRunning
from cli.running import RunningStack, announce, find_running, withdraw
from local.directory import DataDirectory


def stack(pid: int) -> RunningStack:
    return RunningStack(
        pid=pid,
        kafka_bootstrap="127.0.0.1:1",
        redis_url="redis://127.0.0.1:2/0",
        qdrant_url="edge:///q",
        http_url="http://127.0.0.1:3",
        namespace="live",
        partitions=4,
        group="strata-live",
        embedding_model="hashing",
    )


def test_a_running_stack_is_found(tmp_path: Path) -> None:
    with DataDirectory.lock(tmp_path):
        announce(tmp_path, stack(os.getpid()))
        assert find_running(tmp_path) == stack(os.getpid())


def test_addresses_are_for_their_owner_alone(tmp_path: Path) -> None:
    announce(tmp_path, stack(1))
    assert stat.S_IMODE((tmp_path / "running.json").stat().st_mode) == 0o600


def test_after_its_end_there_is_none(tmp_path: Path) -> None:
    with DataDirectory.lock(tmp_path):
        announce(tmp_path, stack(os.getpid()))
        withdraw(tmp_path)
        with pytest.raises(NotRunning, match="no stack is running"):
            find_running(tmp_path)


def test_what_a_killed_stack_left_behind_is_recognised(tmp_path: Path) -> None:
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()
    announce(tmp_path, stack(gone.pid))
    with pytest.raises(NotRunning, match=r"ended without notice: run `strata up`"):
        find_running(tmp_path)


def test_a_stranger_with_the_same_process_number_is_no_owner(tmp_path: Path) -> None:
    with DataDirectory.lock(tmp_path):
        pass
    announce(tmp_path, stack(os.getpid()))
    with pytest.raises(NotRunning, match="ended without notice"):
        find_running(tmp_path)


def test_a_file_of_another_form_is_no_stack(tmp_path: Path) -> None:
    (tmp_path / "running.json").write_text('{"pid": "many"}')
    with pytest.raises(NotRunning, match="cannot be read"):
        find_running(tmp_path)
