"""Contenders are processes, by an interpreter of ours or of their own."""

from pathlib import Path

import pytest

from benchmarks.contenders.task import Result, answered
from benchmarks.ground import Ground
from benchmarks.running import ROOT, ContenderFailed, command_of, run, task_of


def ground(directory: Path) -> Ground:
    return Ground("127.0.0.1:1", "redis://127.0.0.1:1/0", directory, partitions=4)


def test_a_contender_whose_environment_is_missing_fails_by_name(tmp_path: Path) -> None:
    nowhere = ROOT / ".venv-nowhere" / "bin" / "python"
    with pytest.raises(ContenderFailed, match=r"feast_store needs \.venv-nowhere"):
        run("feast_store", ground(tmp_path), events=1, interpreter=nowhere)


def test_workers_of_one_group_share_its_name_but_no_files(tmp_path: Path) -> None:
    first = task_of("live_worker", ground(tmp_path), events=0)
    second = task_of("live_worker", ground(tmp_path), events=0, name=first.name)
    assert second.name == first.name
    assert second.directory != first.directory


def test_a_contender_runs_by_its_own_interpreter(tmp_path: Path) -> None:
    task = task_of("feast_store", ground(tmp_path), events=1)
    assert command_of("feast_store", task, interpreter=Path("/other/python"))[:3] == [
        "/other/python",
        "-m",
        "benchmarks.contenders.feast_store",
    ]


def test_a_result_says_processor_time_per_event_and_keeps_what_is_added() -> None:
    result = Result(events=1_000, seconds=2.0, cpu_s=0.05).with_figures(push_us=3.0)
    assert result.cpu_us == pytest.approx(50.0)
    assert result.with_figures(read_us=4.0).figures == {"push_us": 3.0, "read_us": 4.0}


def test_what_frameworks_print_does_not_hide_a_result() -> None:
    said = 'noise\nresult: {"events":2,"seconds":1.0,"cpu_s":0.5}\nmore noise\n'
    assert answered(said) == Result(events=2, seconds=1.0, cpu_s=0.5)
    assert answered("noise\n") is None
