"""What the doctor says about keys."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from cli.doctor.access import examine_access
from cli.doctor.findings import Verdict
from cli.keys.file import add_key
from cli.settings import Settings
from lookup.scopes import Scope

NOW = datetime(2025, 3, 1, tzinfo=UTC)


def verdicts(settings: Settings) -> list[tuple[Verdict, str]]:
    return [(finding.verdict, finding.found) for finding in examine_access(settings, now=NOW)]


def a_file(tmp_path: Path, *lasting_days: int | None) -> Path:
    path = tmp_path / "keys.toml"
    for days in lasting_days:
        add_key(
            path,
            tenant="shop",
            scopes=[Scope.READ],
            note="",
            expires_at=None if days is None else NOW + timedelta(days=days),
        )
    return path


def test_no_keys_are_right_on_loopback_alone() -> None:
    ((verdict, _),) = verdicts(Settings())
    assert verdict == Verdict.OK
    ((verdict, found),) = verdicts(Settings(http_host="::"))
    assert verdict == Verdict.WRONG
    assert "will not start" in found


def test_keys_that_end_are_told_before_and_after(tmp_path: Path) -> None:
    path = a_file(tmp_path, None, 100, 14, 0)
    (force, ended, soon) = verdicts(Settings(api_keys=str(path)))
    assert force == (Verdict.OK, "3 in force, of 1 tenant(s)")
    assert (ended[0], ended[1][:9]) == (Verdict.NOTE, "expired: ")
    assert (soon[0], soon[1][:14]) == (Verdict.NOTE, "expire within ")


@pytest.mark.parametrize("lasting_days", [(), (0,), (-1, -2)])
def test_keys_of_which_none_holds_are_wrong(tmp_path: Path, lasting_days: tuple[int, ...]) -> None:
    path = a_file(tmp_path, *lasting_days)
    path.touch()
    ((verdict, found),) = verdicts(Settings(api_keys=str(path)))
    assert (verdict, found) == (Verdict.WRONG, f"none of {len(lasting_days)} is in force")


def test_a_file_that_others_can_write_is_wrong(tmp_path: Path) -> None:
    path = a_file(tmp_path, None)
    path.chmod(0o666)
    (open_to_all, _) = verdicts(Settings(api_keys=str(path)))
    assert open_to_all[0] == Verdict.WRONG
    assert "written by others" in open_to_all[1]


def test_a_file_that_cannot_be_read_is_wrong(tmp_path: Path) -> None:
    ((verdict, _),) = verdicts(Settings(api_keys=str(tmp_path / "none")))
    assert verdict == Verdict.WRONG
