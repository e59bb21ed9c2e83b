"""The requests that docs/clients.md shows do what they say, against a running stack."""

import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest
from running_stack import Strata as Commands

pytestmark = [pytest.mark.stack, pytest.mark.timeout(300)]

ROOT = Path(__file__).resolve().parents[3]
CLIENTS = (ROOT / "docs/clients.md").read_text("utf-8")
BLOCKS = [
    block
    for block in re.findall(r"^```sh\n(.*?)^```$", CLIENTS, re.MULTILINE | re.DOTALL)
    if "curl" in block
]


@pytest.mark.parametrize("block", BLOCKS, ids=[f"block-{at}" for at in range(len(BLOCKS))])
def test_a_block_of_requests_succeeds(block: str, standing: Commands) -> None:
    if shutil.which("curl") is None:
        pytest.skip("curl is not installed")
    directory = Path(standing.environment["STRATA_DATA_DIR"])
    url = json.loads((directory / "running.json").read_text())["http_url"]
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", block.replace("http://127.0.0.1:8700", url)],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout


def test_there_are_requests_to_try() -> None:
    assert len(BLOCKS) == 3
