"""`strata up` and the commands that talk to it, as processes of their own."""

import json
import re
import signal
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest
from running_stack import RunningUp, Strata

pytestmark = [pytest.mark.stack, pytest.mark.timeout(300)]
Up = Callable[[], RunningUp]


def gone(processes: list[psutil.Process], *, within_s: float) -> bool:
    _, alive = psutil.wait_procs(processes, timeout=within_s)
    return not alive


def test_state_survives_a_restart_and_no_child_survives_the_stop(
    strata: Strata, up: Up, shop_files: tuple[Path, Path]
) -> None:
    running = up()
    assert running.children
    # Faust would have served pages of its own.
    (served,) = {
        one.laddr
        for one in psutil.Process(running.process.pid).net_connections("tcp")
        if one.status == psutil.CONN_LISTEN
    }
    stack = json.loads((Path(strata.environment["STRATA_DATA_DIR"]) / "running.json").read_text())
    assert stack["http_url"] == f"http://{served.ip}:{served.port}"
    assert strata("publish", *map(str, shop_files), "--wait").returncode == 0
    profile = json.loads(strata("profile", "ada", "--json").stdout)
    assert profile["known"]

    second = strata("up")
    assert second.returncode == 1
    assert re.fullmatch(
        rf"strata: data directory .+ is in use by process {running.process.pid}\n", second.stderr
    )

    running.process.send_signal(signal.SIGTERM)
    assert running.process.wait(timeout=40) == 0
    assert gone(running.children, within_s=1)
    stopped = strata("profile", "ada")
    assert stopped.returncode == 1
    assert "no stack is running" in stopped.stderr

    up()
    again = json.loads(strata("profile", "ada", "--json").stdout)
    # What the state says; personas and what is popular are published anew within seconds.
    lasting = ("known", "evidence", "interests", "dislikes", "totals", "attributes")
    assert {name: again[name] for name in lasting} == {name: profile[name] for name in lasting}


def test_a_child_that_dies_ends_everything_with_one_line(strata: Strata, up: Up) -> None:
    running = up()
    (kafka,) = [child for child in running.children if "java" in child.name()]
    kafka.kill()
    assert running.process.wait(timeout=60) == 1
    assert gone(running.children, within_s=5)
    assert running.log.read_text().splitlines()[-1].startswith("strata: kafka died")
    assert "no stack is running" in strata("personas").stderr


def test_what_a_killed_stack_leaves_does_not_mislead(strata: Strata, up: Up) -> None:
    running = up()
    running.process.kill()
    running.process.wait()
    assert gone(running.children, within_s=20)
    assert "ended without notice: run `strata up`" in strata("personas").stderr
