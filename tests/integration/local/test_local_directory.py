"""One owner per data directory."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from local.directory import DataDirectory
from local.errors import DataDirectoryBusy, DataDirectoryUnusable


def test_a_second_owner_is_refused_in_one_clear_line(data_path: Path) -> None:
    with DataDirectory.lock(data_path), pytest.raises(DataDirectoryBusy) as raised:
        DataDirectory.lock(data_path)
    assert str(raised.value) == f"data directory {data_path} is in use by process {os.getpid()}"


def test_another_process_is_refused_too(data_path: Path) -> None:
    attempt = (
        "import sys; from pathlib import Path; from local.directory import DataDirectory;"
        "DataDirectory.lock(Path(sys.argv[1]))"
    )
    with DataDirectory.lock(data_path):
        second = subprocess.run(
            [sys.executable, "-c", attempt, data_path], capture_output=True, text=True, check=False
        )
    assert second.returncode == 1
    assert f"DataDirectoryBusy: data directory {data_path} is in use" in second.stderr


def test_closing_gives_the_directory_up(data_path: Path) -> None:
    with DataDirectory.lock(data_path):
        pass
    with DataDirectory.lock(data_path) as again:
        assert again.path == data_path


def test_parents_are_created_and_the_path_becomes_absolute(
    data_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(data_path)
    with DataDirectory.lock(Path("a/b")) as directory:
        assert directory.path == data_path / "a" / "b"
        assert directory.path.is_dir()


def test_a_file_in_the_way_is_named(data_path: Path) -> None:
    in_the_way = data_path / "file"
    in_the_way.write_text("")
    with pytest.raises(DataDirectoryUnusable, match="cannot be used: File exists"):
        DataDirectory.lock(in_the_way)


def test_a_closed_directory_starts_nothing(data_path: Path) -> None:
    directory = DataDirectory.lock(data_path)
    directory.close()
    with pytest.raises(ValueError, match="is closed"):
        directory.fileno()
