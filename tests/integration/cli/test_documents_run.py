"""What the documents tell people to run does run, as written, against a running stack."""

import gzip
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from documents import ROOT, Block, blocks_of, documents
from running_stack import Strata as Commands

pytestmark = [pytest.mark.stack, pytest.mark.timeout(600)]

CI_SCRIPT = (ROOT / ".ci/run").read_text("utf-8")
WHERE = "run where there is "
ITEMS = [
    {"event_id": f"item-{name}", "type": "item", "occurred_at": 1_740_826_800, "item_id": name}
    | {"title": name.title(), "text": f"{name}, a novel of village life"}
    for name in ("emma", "persuasion", "dracula")
]
EVENTS = [
    {"event_id": f"{user}-{item}", "type": "interaction", "occurred_at": 1_740_830_400}
    | {"user_id": user, "item_id": item, "action": "rate", "value": 4}
    for user in ("anna", "ben")
    for item in ("emma", "dracula")
]


def to_run(document: str) -> list[Block]:
    """Those with `run where there is PROGRAM`, which not every machine can have, where it is."""
    return [
        block
        for block in blocks_of(document)
        if not block.note.startswith(("run by", "not run"))
        and (not block.note.startswith(WHERE) or shutil.which(block.note.removeprefix(WHERE)))
    ]


RUNNING = [document for document in documents() if to_run(document)]


def test_most_pages_have_something_to_run() -> None:
    assert {"README.md", "docs/quickstart.md", "docs/howto/publish.md"} <= set(RUNNING)


@pytest.mark.parametrize("document", documents())
def test_what_is_run_elsewhere_is_named(document: str) -> None:
    for block in blocks_of(document):
        if block.note.startswith("run by "):
            assert (ROOT / block.note.removeprefix("run by ")).exists(), block.note
        elif block.note.startswith(WHERE):
            program = block.note.removeprefix(WHERE)
            assert f"install {program}" in CI_SCRIPT, "CI gets it"
        elif block.note:
            assert block.note.startswith("not run: "), block.note


@pytest.mark.parametrize("document", RUNNING)
def test_every_block_of_a_page_succeeds(document: str, standing: Commands, tmp_path: Path) -> None:
    """In order and in one folder, which has `.venv` as a checkout does, and some event files."""
    if shutil.which("curl") is None:
        pytest.skip("curl is not installed")
    (tmp_path / ".venv").symlink_to(sys.prefix)
    for name, events in (("items.jsonl", ITEMS), ("events.jsonl", EVENTS)):
        lines = "".join(f"{json.dumps(event)}\n" for event in events)
        (tmp_path / name).write_text(lines)
        (tmp_path / f"{name}.gz").write_bytes(gzip.compress(lines.encode()))
    running = json.loads(
        (Path(standing.environment["STRATA_DATA_DIR"]) / "running.json").read_text("utf-8")
    )
    environment = dict(standing.environment) | {
        "PATH": f"{tmp_path}/.venv/bin{os.pathsep}{os.environ['PATH']}",
        "PYTHONPATH": os.pathsep.join((str(ROOT), str(ROOT / "clients/python/src"))),
    }
    for block in to_run(document):
        text = block.text
        for written, meant in (
            ("http://127.0.0.1:8700", running["http_url"]),
            ("localhost:8700", running["http_url"].removeprefix("http://")),
            ("127.0.0.1:9094", running["kafka_bootstrap"]),
            ("redis://127.0.0.1:6379/0", running["redis_url"]),
        ):
            text = text.replace(written, meant)
        command = (
            ["python", "-c", text] if block.language == "python" else ["bash", "-eu", "-c", text]
        )
        done = subprocess.run(
            command,
            env=environment,
            cwd=tmp_path,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )
        assert done.returncode == 0, f"{block.text}\n{done.stdout}\n{done.stderr}"
        assert '"status":5' not in done.stdout, done.stdout
