"""`strata` as its own process, and a stack that it runs."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest
from running_stack import RunningUp, Strata


@pytest.fixture(scope="session")
def shop_files(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Items and events of a small bookshop."""
    from bookshop.catalogue import item_events, load_books
    from bookshop.simulator import simulate

    day_ms = 86_400_000
    start_ms = (time.time_ns() // 1_000_000 // day_ms - 30) * day_ms
    shop = simulate(books=load_books(), seed=2, start_ms=start_ms, readers=60)
    place = tmp_path_factory.mktemp("shop")
    items, events = place / "items.jsonl", place / "events.jsonl"
    items.write_text("".join(json.dumps(event) + "\n" for event in item_events()))
    events.write_text("".join(json.dumps(event) + "\n" for event in shop.events))
    return items, events


@pytest.fixture
def strata(data_path: Path, tmp_path: Path) -> Strata:
    """Runs one command to its end, with a data directory of the test's own."""
    environment = {
        name: value for name, value in os.environ.items() if not name.startswith("STRATA_")
    } | {
        "STRATA_DATA_DIR": str(data_path / "data"),
        "STRATA_EMBEDDING_MODEL": "hashing",
        "STRATA_HTTP_PORT": "0",
        "COLUMNS": "120",
    }
    return Strata([sys.executable, "-m", "cli.main"], environment, tmp_path)


@pytest.fixture
def up(strata: Strata) -> Iterator[Callable[[], RunningUp]]:
    """Starts `strata up` and returns when it is up; what still runs after the test is stopped."""
    started: list[RunningUp] = []

    def start() -> RunningUp:
        running = RunningUp.start(strata)
        started.append(running)
        return running

    yield start
    for running in started:
        if running.process.poll() is None:
            running.process.send_signal(signal.SIGTERM)
            try:
                running.process.wait(timeout=30)
            except subprocess.TimeoutExpired:
                running.process.kill()
        psutil.wait_procs(running.children, timeout=20)
