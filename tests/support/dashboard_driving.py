"""Driving the dashboard's pages in a browser, and what must hold on each of them."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

__all__ = ["SCHEMES", "WIDTHS", "opened", "pictured", "problems_of"]

WIDTHS: Final = (1280, 390)
SCHEMES: Final = ("light", "dark")
_SERIOUS: Final = frozenset({"serious", "critical"})


@contextmanager
def opened(
    browser: "Browser", *, width: int = 1280, scheme: str = "light", **options: Any
) -> "Iterator[Page]":
    """A page whose complaints, foreign requests and violations of its policy fail the test."""
    complaints: list[str] = []
    context = browser.new_context(
        viewport={"width": width, "height": 900},
        color_scheme="dark" if scheme == "dark" else "light",
        reduced_motion="reduce",
        **options,
    )
    context.set_default_timeout(30_000)
    page = context.new_page()
    page.on("pageerror", lambda error: complaints.append(f"script: {error}"))
    page.on(
        "console",
        lambda said: complaints.append(f"console: {said.text}") if said.type == "error" else None,
    )
    page.on(
        "request",
        lambda asked: (
            complaints.append(f"foreign: {asked.url}")
            if not asked.url.startswith("http://127.0.0.1:")
            else None
        ),
    )
    try:
        yield page
    finally:
        context.close()
    assert complaints == [], complaints


def problems_of(page: "Page") -> list[str]:
    """What is wrong with the page as it stands: accessibility (axe), width, what was run."""
    from axe_playwright_python.sync_playwright import Axe

    found = [
        f"{one['id']}: {one['help']}: {node['html'][:160]}"
        for one in Axe().run(page).response["violations"]
        if one["impact"] in _SERIOUS
        for node in one["nodes"]
    ]
    if page.evaluate("document.documentElement.scrollWidth > window.innerWidth"):
        found.append("the page is wider than the screen")
    if page.evaluate("document.documentElement.dataset.ran"):
        found.append("a hostile text was run")
    return found


def pictured(page: "Page", directory: Path, name: str) -> None:
    """Keep a picture of the whole page."""
    page.screenshot(path=str(directory / f"{name}.png"), full_page=True)
