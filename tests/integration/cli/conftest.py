"""`strata` as its own process, and a stack that it runs."""

import json
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest
from running_stack import RunningUp, Strata, strata_in


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
    return strata_in(data_path / "data", tmp_path)


@contextmanager
def stopping() -> Iterator[list[RunningUp]]:
    """What still runs at the end is stopped."""
    started: list[RunningUp] = []
    try:
        yield started
    finally:
        for running in started:
            if running.process.poll() is None:
                running.process.send_signal(signal.SIGTERM)
                try:
                    running.process.wait(timeout=30)
                except subprocess.TimeoutExpired:
                    running.process.kill()
            psutil.wait_procs(running.children, timeout=20)


@pytest.fixture
def up(strata: Strata) -> Iterator[Callable[[], RunningUp]]:
    """Starts `strata up` and returns when it is up."""
    with stopping() as started:

        def start() -> RunningUp:
            started.append(RunningUp.start(strata))
            return started[-1]

        yield start


@pytest.fixture(scope="module")
def standing(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Strata]:
    """Commands for one stack that stays up for all tests of a module."""
    place = tmp_path_factory.mktemp("standing")
    strata = strata_in(place / "data", place)
    with stopping() as started:
        started.append(RunningUp.start(strata))
        yield strata
