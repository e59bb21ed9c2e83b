"""What the audit of dependencies says, and when it fails."""

import importlib.util
from pathlib import Path
from typing import Any

import pytest

_PATH = Path(__file__).resolve().parents[2] / "deploy/audit.py"


@pytest.fixture(scope="module")
def audit() -> Any:
    spec = importlib.util.spec_from_file_location("audit", _PATH)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


PINNED = {"httpx": "1.0", "redis": "2.0"}


def test_a_known_vulnerability_fails(audit: Any) -> None:
    asked = [
        {"name": "httpx", "version": "1.0", "vulns": [{"id": "PYSEC-1"}]},
        {"name": "redis", "version": "2.0", "vulns": []},
    ]
    lines, code = audit.verdict(asked, pinned=PINNED, installed=PINNED)
    assert code == 1
    assert "httpx 1.0 has PYSEC-1" in lines
    assert "2 of 2 pinned packages could be looked up" in lines


def test_what_could_not_be_looked_up_is_said_and_is_no_success_of_its_own(audit: Any) -> None:
    asked = [{"name": "httpx", "skip_reason": "not found"}]
    lines, code = audit.verdict(asked, pinned=PINNED, installed={**PINNED, "pip": "1"})
    assert code == 0
    assert lines == [
        "no data about vulnerabilities can be reached from here: none was looked up",
        "2 installed packages are as pinned",
    ]


def test_another_version_than_the_pinned_one_fails(audit: Any) -> None:
    lines, code = audit.verdict([], pinned=PINNED, installed={"httpx": "1.1", "loose": "1"})
    assert code == 1
    assert "httpx 1.1 is installed, and 1.0 pinned" in lines
    assert "loose is installed and not pinned" in lines


def test_a_program_that_is_not_there_is_no_error(audit: Any) -> None:
    assert audit._asked("/nowhere/pip-audit") == []


def test_no_pin_names_an_address() -> None:
    for line in (_PATH.parents[1] / "constraints.txt").read_text().splitlines():
        assert "://" not in line
        assert "==" in line
