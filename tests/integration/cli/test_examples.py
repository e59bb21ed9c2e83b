"""The examples run as their README says, against a running stack."""

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest
from documents import ROOT
from running_stack import Strata as Commands

from local.ports import free_port

pytestmark = [pytest.mark.stack, pytest.mark.timeout(600)]

AT = "2025-03-01T12:00:00Z"
EXAMPLES = ROOT / "examples"
NOTEBOOK = EXAMPLES / "precision_cost/precision_cost.ipynb"


def environment_of(standing: Commands) -> dict[str, str]:
    running = Path(standing.environment["STRATA_DATA_DIR"]) / "running.json"
    url = json.loads(running.read_text("utf-8"))["http_url"]
    return dict(standing.environment) | {
        "STRATA_URL": url,
        "PYTHONPATH": os.pathsep.join((str(ROOT), str(ROOT / "clients/python/src"))),
    }


@contextmanager
def shop_running(environment: dict[str, str]) -> Iterator[httpx.Client]:
    port = free_port()
    command = ["uvicorn", "--app-dir", str(EXAMPLES / "shop"), "app:app", "--port", str(port)]
    with subprocess.Popen([sys.executable, "-m", *command], env=environment) as process:
        try:
            transport = httpx.HTTPTransport(retries=8)  # waits 0, 0.5, 1, 2, … seconds
            with httpx.Client(
                base_url=f"http://127.0.0.1:{port}", transport=transport, timeout=60
            ) as client:
                yield client
        finally:
            process.terminate()


def test_the_shop_shows_what_a_visitor_just_did(standing: Commands) -> None:
    deed = {
        "deed_id": "d1",
        "at": "2025-03-01T12:00:00Z",
        "item_id": "emma",
        "action": "rate",
        "value": 5,
    }
    with shop_running(environment_of(standing)) as shop:
        before = shop.get("/shelf/visitor").raise_for_status().json()
        done = shop.post("/deeds/visitor", json=deed)
        assert done.status_code == 202, done.text
        token = done.json()["token"]
        after = shop.get("/shelf/visitor", params={"token": token}).raise_for_status().json()
        again = shop.post("/deeds/visitor", json=deed)
        assert again.status_code == 202
        repeated = shop.get("/shelf/visitor", params={"token": again.json()["token"]}).json()
    assert before["events"] == 0
    assert after["events"] == 1
    assert repeated["events"] == 1


def test_the_shop_sells_on_when_strata_is_away(standing: Commands) -> None:
    environment = environment_of(standing) | {"STRATA_URL": f"http://127.0.0.1:{free_port()}"}
    with shop_running(environment) as shop:
        shelf = shop.get("/shelf/visitor").raise_for_status().json()
        assert shelf == {
            "items": ["emma", "persuasion", "dracula"],
            "because": "the display",
            "events": 0,
        }
        deed = {"deed_id": "d1", "at": AT, "item_id": "emma", "action": "view"}
        assert shop.post("/deeds/visitor", json=deed).status_code == 503


def test_the_assistant_sends_what_is_known_as_quoted_material(standing: Commands) -> None:
    environment = environment_of(standing)
    event = {"event_id": "a1", "type": "attributes", "occurred_at": 1_740_830_400}
    event |= {"user_id": "asker", "attributes": {"country": "NL"}}
    with httpx.Client(base_url=environment["STRATA_URL"], timeout=60) as client:
        token = client.post("/v1/events", json=event).raise_for_status().json()["token"]
        client.get("/v1/profiles/asker", params={"at_least": token}).raise_for_status()
    done = subprocess.run(
        [sys.executable, EXAMPLES / "assistant/assistant.py", "asker", "Which novel next?"],
        env=environment,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "[system]" in done.stdout
    assert "NL" in done.stdout
    assert done.stdout.rstrip().endswith("Which novel next?")


def test_the_notebook_reproduces_the_chart(tmp_path: Path) -> None:
    cells = json.loads(NOTEBOOK.read_text("utf-8"))["cells"]
    code = "\n".join("".join(cell["source"]) for cell in cells if cell["cell_type"] == "code")
    done = subprocess.run(
        [sys.executable, "-c", code],
        env=os.environ | {"MPLBACKEND": "agg", "READERS": "120", "PYTHONPATH": str(ROOT)},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=500,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert re.search(r"^blend beside global : ", done.stdout, re.MULTILINE)


def test_the_notebook_is_kept_without_outputs() -> None:
    cells = json.loads(NOTEBOOK.read_text("utf-8"))["cells"]
    assert all(not cell.get("outputs") for cell in cells)
