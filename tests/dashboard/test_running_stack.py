"""Every page in a real Chromium over the real thing: Kafka, Redis, Qdrant's segment, a worker."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote

import httpx
import psutil
import pytest
from dashboard_driving import WIDTHS, opened, pictured, problems_of
from running_stack import RunningUp, Strata

if TYPE_CHECKING:
    from playwright.sync_api import Browser

pytestmark = [pytest.mark.stack]

HOSTILE: Final = "<script>document.documentElement.dataset.ran = 'yes'</script>"
PAGES: Final = {
    "live": "/",
    "users": "/users",
    "user": "/user?user_id=reader-0007",
    "hostile": f"/user?user_id={quote(HOSTILE)}",
    "mine": "/mine?user_id=reader-0007",
    "personas": "/personas",
    "everybody": "/everybody",
    "cost": "/cost",
    "letters": "/dead-letters",
    "versions": "/versions",
}


@dataclass(frozen=True, slots=True)
class Running:
    """A stack, and the command that talks to it."""

    strata: Strata
    url: str


@pytest.fixture(scope="module")
def url(running: Running) -> str:
    return running.url


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """`strata up` with a small bookshop, somebody hostile, and a record that is no event."""
    place = tmp_path_factory.mktemp("dashboard")
    environment = {
        name: value for name, value in os.environ.items() if not name.startswith("STRATA_")
    } | {
        "STRATA_DATA_DIR": str(place / "data"),
        "STRATA_EMBEDDING_MODEL": "hashing",
        "STRATA_HTTP_PORT": "0",
    }
    strata = Strata([sys.executable, "-m", "cli.main"], environment, place)
    up = RunningUp.start(strata)
    try:
        stack = json.loads((place / "data" / "running.json").read_text())
        published = strata("publish", *map(str, _shop_files(place)), "--wait")
        assert published.returncode == 0, published.stderr
        _publish_nonsense(strata, stack["kafka_bootstrap"])
        yield Running(strata, stack["http_url"])
    finally:
        up.process.send_signal(signal.SIGTERM)
        try:
            up.process.wait(timeout=60)
        except subprocess.TimeoutExpired:
            up.process.kill()
            up.process.wait()
        psutil.wait_procs(up.children, timeout=20)


def _shop_files(place: Path) -> list[Path]:
    from bookshop.catalogue import item_events, load_books
    from bookshop.simulator import simulate

    day_ms = 86_400_000
    start_ms = (time.time_ns() // 1_000_000 // day_ms - 30) * day_ms
    shop = simulate(books=load_books(), seed=2, start_ms=start_ms, readers=60)
    now_s = time.time()
    hostile: list[dict[str, Any]] = [
        {
            "event_id": "hostile-document",
            "type": "document",
            "occurred_at": now_s,
            "user_id": HOSTILE,
            "document_id": HOSTILE,
            "text": HOSTILE,
        },
        {
            "event_id": "hostile-attributes",
            "type": "attributes",
            "occurred_at": now_s,
            "user_id": HOSTILE,
            "attributes": {HOSTILE: HOSTILE},
        },
        *(
            {
                "event_id": f"hostile-{number}",
                "type": "interaction",
                "occurred_at": now_s - number,
                "user_id": HOSTILE,
                "item_id": item,
                "action": HOSTILE,
            }
            for number, item in enumerate([HOSTILE, "emma"])
        ),
        {
            "event_id": "hostile-item",
            "type": "item",
            "occurred_at": now_s,
            "item_id": HOSTILE,
            "title": HOSTILE,
            "text": "a text",
        },
    ]
    files = []
    for name, events in {
        "items.jsonl": item_events(),
        "events.jsonl": shop.events,
        "hostile.jsonl": hostile,
    }.items():
        files.append(place / name)
        files[-1].write_text("".join(json.dumps(event) + "\n" for event in events))
    return files


def _publish_nonsense(strata: Strata, bootstrap: str) -> None:
    """Past every check of ours: as a producer of somebody else's would."""
    script = (
        "import asyncio, sys\n"
        "from aiokafka import AIOKafkaProducer\n"
        "from schemas.keys import record_key\n"
        "from schemas.partitions import partition_of\n"
        "async def main():\n"
        "    producer = AIOKafkaProducer(bootstrap_servers=sys.argv[1])\n"
        "    await producer.start()\n"
        "    key = record_key('default', 'ada')\n"
        "    await producer.send_and_wait('strata.interactions', sys.argv[2].encode(),\n"
        "                                 key=key, partition=partition_of(key, 4))\n"
        "    await producer.stop()\n"
        "asyncio.run(main())\n"
    )
    event = {
        "event_id": "ada-1",
        "type": "interaction",
        "occurred_at": time.time(),
        "user_id": "ada",
        "action": HOSTILE,
    }
    subprocess.run(
        [sys.executable, "-c", script, bootstrap, json.dumps(event)],
        check=True,
        env=dict(strata.environment),
        timeout=60,
    )


def _eventually(url: str, path: str, says: str) -> None:
    deadline = time.monotonic() + 30
    while says not in httpx.get(url + path, timeout=20).text:
        assert time.monotonic() < deadline, f"{path} never said {says!r}"
        time.sleep(0.3)


@pytest.mark.parametrize("width", WIDTHS)
def test_every_page_is_there_and_accessible(
    browser: "Browser", url: str, screenshots: Path, width: int
) -> None:
    _eventually(url, "/everybody", "Popular")
    _eventually(url, "/dead-letters", "interactions/")
    found: dict[str, list[str]] = {}
    with opened(browser, width=width) as page:
        for name, path in PAGES.items():
            page.goto(url + path)
            if name == "live":
                page.locator("[data-figure=arriving]").wait_for()
            pictured(page, screenshots, f"{name}-{width}")
            found[name] = problems_of(page)
    assert {name: wrong for name, wrong in found.items() if wrong} == {}


def test_a_dead_letter_is_corrected_sent_and_taken_in(browser: "Browser", url: str) -> None:
    _eventually(url, "/dead-letters", "interactions/")
    with opened(browser) as page:
        page.goto(f"{url}/dead-letters")
        page.locator("tbody a").first.click()
        value = page.locator("textarea")
        event = json.loads(value.input_value())
        value.fill(json.dumps({**event, "action": "like", "item_id": "emma"}))
        page.get_by_role("button", name="Check and send").click()
        page.get_by_role("status").wait_for()
        before = httpx.get(f"{url}/v1/profiles/ada", timeout=20).json()["evidence"]["events"]
    deadline = time.monotonic() + 20
    while (
        explained := httpx.get(f"{url}/v1/profiles/ada/explanation", timeout=20).json()["events"]
    )[:1] == [] or explained[0]["item"]["item_id"] != "emma":
        assert time.monotonic() < deadline, (before, explained[:2])
        time.sleep(0.2)


def test_a_version_is_compared_promoted_and_rolled_back_on_its_page(
    browser: "Browser", running: Running, screenshots: Path
) -> None:
    policy = running.strata.directory / "fast.toml"
    policy.write_text("half_rank = 1.0\n")
    built = running.strata("replay", "--into", "fast", "--nice", "0", "--policy", str(policy))
    assert built.returncode == 0, built.stderr
    patience_ms = 120_000
    with opened(browser, width=WIDTHS[0]) as page:
        page.goto(f"{running.url}/versions")
        fast = page.get_by_role("region", name="Version fast")
        assert "Taken in" in fast.inner_text()
        assert "nothing keeps it up to date yet" in fast.inner_text()
        fast.get_by_role("button", name="Compare").click()
        page.get_by_text("Compared.").wait_for(timeout=patience_ms)
        assert "Users who differ" in fast.inner_text()
        pictured(page, screenshots, f"versions-compared-{WIDTHS[0]}")
        assert problems_of(page) == []
        fast.get_by_role("button", name="Promote").click()
        page.get_by_text("Promoted.").wait_for(timeout=patience_ms)
        assert "in force" in fast.inner_text()
        page.get_by_role("button", name="Roll back to live").click()
        live = page.get_by_role("region", name="Version live")
        live.get_by_text("in force", exact=True).wait_for(timeout=patience_ms)
        assert "was in force before" in fast.inner_text()
    with opened(browser, width=WIDTHS[1]) as page:
        page.goto(f"{running.url}/versions")
        pictured(page, screenshots, f"versions-{WIDTHS[1]}")
        assert problems_of(page) == []
