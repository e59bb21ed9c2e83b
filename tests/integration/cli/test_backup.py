"""`strata backup` of a running stack, and `strata restore` into a directory of another one."""

import json
import signal
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from running_stack import RunningUp, Strata

pytestmark = [pytest.mark.stack, pytest.mark.timeout(300)]


def test_a_stack_is_moved_by_its_backup(
    strata: Strata,
    up: Callable[[], RunningUp],
    shop_files: tuple[Path, Path],
    tmp_path: Path,
) -> None:
    running = up()
    assert strata("publish", *map(str, shop_files), "--wait").returncode == 0
    before = json.loads(strata("profile", "ada", "--json").stdout)
    assert before["known"]
    file = tmp_path / "strata.backup"
    backed_up = strata("backup", str(file))
    assert backed_up.returncode == 0, backed_up.stderr
    assert backed_up.stdout.startswith("backed up 58 users")
    again = strata("backup", str(file))
    assert again.returncode == 2
    assert "--force" in again.stderr
    refused = strata("restore", str(file))
    assert refused.returncode == 1
    assert "is in use by process" in refused.stderr
    running.process.send_signal(signal.SIGTERM)
    assert running.process.wait(timeout=40) == 0
    # Stopped, it can be backed up as well.
    assert strata("backup", str(file), "--force").returncode == 0

    data = {"STRATA_DATA_DIR": str(tmp_path / "elsewhere")}
    elsewhere = replace(strata, environment={**strata.environment, **data})
    foreign = elsewhere("restore", str(shop_files[0]))
    assert (foreign.returncode, foreign.stderr.splitlines()[-1]) == (
        1,
        f"strata: {shop_files[0]} is no backup of Strata",
    )
    restored = elsewhere("restore", str(file))
    assert restored.returncode == 0, restored.stderr
    assert "this Kafka is another one" in restored.stdout
    other = RunningUp.start(elsewhere)
    try:
        after = json.loads(elsewhere("profile", "ada", "--json").stdout)
        lasting = ("known", "evidence", "interests", "dislikes", "totals", "attributes")
        assert {name: after[name] for name in lasting} == {name: before[name] for name in lasting}
    finally:
        other.process.send_signal(signal.SIGTERM)
        assert other.process.wait(timeout=40) == 0
    twice = elsewhere("restore", str(file))
    assert twice.returncode == 1
    assert "a backup is restored into empty stores" in twice.stderr
