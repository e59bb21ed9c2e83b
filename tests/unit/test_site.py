"""The site builds without a warning, and its reference says what the code says."""

import subprocess
import sys
from pathlib import Path

import pytest
from documents import ROOT

from cli.documenting import main, pages


@pytest.mark.timeout(600)
def test_the_site_builds_without_a_warning(tmp_path: Path) -> None:
    pytest.importorskip("sphinx")
    options = ["-q", "-W", "--keep-going", "-b", "html", "-d", str(tmp_path / "trees")]
    done = subprocess.run(
        [sys.executable, "-m", "sphinx", *options, str(ROOT / "docs"), str(tmp_path / "site")],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "site/quickstart.html").is_file()


def test_the_reference_is_up_to_date() -> None:
    """`make schemas` brings it there."""
    assert main([str(ROOT / "docs"), "--check"]) == 0


def test_a_page_that_is_out_of_date_is_noticed(tmp_path: Path) -> None:
    (tmp_path / "schemas").mkdir()
    (tmp_path / "reference").mkdir()
    (tmp_path / "schemas/openapi.json").write_bytes(
        (ROOT / "docs/schemas/openapi.json").read_bytes()
    )
    assert main([str(tmp_path), "--check"]) == 1
    assert main([str(tmp_path)]) == 0
    assert main([str(tmp_path), "--check"]) == 0
    assert {page.name for page in (tmp_path / "reference").iterdir()} == set(pages(tmp_path))
