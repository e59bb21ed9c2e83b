"""A browser, and services to point it at. Without a browser the tests that need one are skipped."""

import shutil
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import pytest
import uvicorn

if TYPE_CHECKING:
    from playwright.sync_api import Browser

ROOT: Final = Path(__file__).resolve().parents[2]
SCREENSHOTS: Final = ROOT / "test-artifacts" / "dashboard"
_BROWSERS: Final = ("chromium", "chromium-browser", "google-chrome")


@pytest.fixture(scope="module")
def browser() -> "Iterator[Browser]":
    """Debian's Chromium, without a window.

    Not for the whole session: while it is driven, no other event loop runs in this thread.
    """
    playwright = pytest.importorskip(
        "playwright.sync_api", reason="the dev extra brings playwright", exc_type=ImportError
    )
    program = next(filter(None, map(shutil.which, _BROWSERS)), None)
    if program is None:
        pytest.skip("no Chromium on PATH: apt-get install chromium")
    with playwright.sync_playwright() as driver:
        running = driver.chromium.launch(
            executable_path=program,
            # Started by root in a container, it has no sandbox of its own.
            args=["--no-sandbox", "--disable-dev-shm-usage"],
        )
        yield running
        running.close()


@contextmanager
def served(app: Any) -> Iterator[str]:
    """The app on a port of this machine, in a thread."""
    server = uvicorn.Server(uvicorn.Config(app, port=0, log_level="critical", lifespan="off"))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        assert thread.is_alive()
        thread.join(0.01)
    try:
        (port,) = {
            listening.getsockname()[1] for one in server.servers for listening in one.sockets
        }
        yield f"http://127.0.0.1:{port}"
    finally:
        server.should_exit = True
        thread.join(10)


@pytest.fixture(scope="session")
def serving() -> Callable[[Any], Any]:
    return served


@pytest.fixture(scope="session")
def screenshots() -> Path:
    """Where pictures of the pages are kept, for people to look at."""
    SCREENSHOTS.mkdir(parents=True, exist_ok=True)
    return SCREENSHOTS
