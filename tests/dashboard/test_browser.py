"""What people meet: the pages in a real Chromium, over a service in this process."""

import asyncio
import json
import re
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from io import BytesIO
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote

import pytest
from dashboard_driving import SCHEMES, WIDTHS, opened, problems_of
from dashboard_world import HOSTILE, Shown, populated
from PIL import Image

from lookup.access import KeyAccess
from lookup.keys import KeyRing, new_key
from lookup.scopes import Scope

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Locator

Serving = Callable[[Any], AbstractContextManager[str]]

BAND: Final = {"mean": 0.7, "low": 0.6, "high": 0.8}
LAYERS: Final = ("global", "persona", "user", "blend")
REPORT: Final = {
    "sets": [
        {
            "name": "beer",
            "tasks": [
                {
                    "task": "sign",
                    "metric": "accuracy",
                    "n": 60,
                    "users": 19,
                    "advice": ["Individual data pays after about 4 events."],
                    "overall": dict.fromkeys(LAYERS, BAND),
                    "curve": [
                        {
                            "first": first,
                            "last": last,
                            "n": 20,
                            "users": 9,
                            "quality": {one: BAND | {"mean": 0.6 + 0.01 * first} for one in LAYERS},
                            "held_bytes": {one: 40.0 * place for place, one in enumerate(LAYERS)},
                            "answer_us": 9.0,
                        }
                        for first, last in ((0, 0), (1, 4), (5, None))
                    ],
                }
            ],
        }
    ]
}
PAGES: Final = {
    "live": "/",
    "users": "/users",
    "user": "/user?user_id=ishmael",
    "nobody": "/user?user_id=nobody",
    "hostile": f"/user?user_id={quote(HOSTILE, safe='')}",
    "mine": "/mine?user_id=ishmael",
    "personas": "/personas",
    "everybody": "/everybody",
    "one-persona": "/everybody?persona=p1",
    "cost": "/cost",
    "letters": "/dead-letters",
    "letter": "/dead-letter?position=interactions/1/77",
    "versions": "/versions",
    "failed": "/everybody?persona=p99",
}


@pytest.fixture(scope="module")
def shown() -> Shown:
    # The driver of the browser has a loop in this thread.
    with ThreadPoolExecutor(1) as thread:
        found = thread.submit(asyncio.run, populated()).result()
    found.report = json.dumps(REPORT).encode()
    return found


@pytest.fixture(scope="module")
def address(shown: Shown, serving: Serving) -> Iterator[str]:
    with serving(shown.app()) as url:
        yield url


@pytest.mark.parametrize(("width", "scheme"), list(zip(WIDTHS, SCHEMES, strict=True)))
def test_every_page_is_accessible_wide_and_light_and_narrow_and_dark(
    browser: "Browser", address: str, width: int, scheme: str
) -> None:
    found: dict[str, list[str]] = {}
    with opened(browser, width=width, scheme=scheme) as page:
        # One page is there to fail; the browser says so on its console.
        for name, path in PAGES.items():
            if name == "failed":
                continue
            page.goto(address + path)
            for one in page.locator("details > summary").all():
                one.click()
            found[name] = problems_of(page)
    assert {name: wrong for name, wrong in found.items() if wrong} == {}


def test_a_page_about_a_failure_is_accessible_too(browser: "Browser", address: str) -> None:
    context = browser.new_context()
    page = context.new_page()
    page.goto(address + PAGES["failed"])
    wrong = problems_of(page)
    context.close()
    assert wrong == []


@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize(
    ("path", "region"), [("letters", "Dead letters"), ("user", "Recent evidence")]
)
def test_a_table_that_is_cut_shows_where_it_goes_on_and_scrolls_by_keyboard(
    browser: "Browser", address: str, path: str, region: str, scheme: str
) -> None:
    with opened(browser, width=390, scheme=scheme) as page:
        page.goto(address + PAGES[path])
        # A section may be called alike.
        table = page.get_by_role("region", name=region).and_(page.locator(".scroll"))
        table.scroll_into_view_if_needed()
        hidden = table.evaluate("it => it.scrollWidth - it.clientWidth")
        assert hidden > 40
        assert shaded_sides(table) == {"right"}
        table.focus()
        page.keyboard.press("ArrowRight")
        page.wait_for_timeout(300)
        assert shaded_sides(table) == {"left", "right"}
        for _ in range(hidden // 40 + 1):
            page.keyboard.press("ArrowRight")
        page.wait_for_timeout(300)
        assert table.evaluate("it => it.scrollLeft") == pytest.approx(hidden, abs=1)
        assert shaded_sides(table) == {"left"}


def shaded_sides(table: "Locator") -> set[str]:
    """Where most of the outermost column of pixels is of another colour than the ground."""
    picture = Image.open(BytesIO(table.screenshot())).convert("RGB")
    ground = table.evaluate("it => getComputedStyle(it).backgroundColor")
    plain = tuple(map(int, re.findall(r"[0-9]+", ground)[:3]))
    sides = {}
    for side, at in (("left", 2), ("right", picture.width - 3)):
        column = [picture.getpixel((at, y)) for y in range(20, picture.height - 20)]
        sides[side] = Counter(column).most_common(1)[0][0]
    return {side for side, colour in sides.items() if colour != plain}


def test_hostile_names_do_not_run_and_are_read_as_they_are(
    browser: "Browser", address: str
) -> None:
    with opened(browser) as page:
        page.goto(address + PAGES["hostile"])
        assert page.title() == f"{HOSTILE} · Strata"
        assert page.locator("h1").inner_text() == HOSTILE
        page.goto(f"{address}/dead-letter?position=interactions/1/77")
        assert page.locator("textarea").input_value() == HOSTILE
        assert page.evaluate("document.documentElement.dataset.ran") is None


def test_the_live_page_goes_on_by_itself_until_it_is_paused(
    browser: "Browser", address: str, shown: Shown
) -> None:
    with opened(browser) as page:
        page.goto(address)
        page.locator("[data-figure=arriving]").wait_for(timeout=10_000)
        page.locator("svg.chart.wide").first.wait_for()
        looks = shown.stream.looks
        page.wait_for_timeout(3_000)
        assert shown.stream.looks > looks
        page.get_by_role("button", name="Pause").click()
        page.wait_for_timeout(300)
        looks = shown.stream.looks
        page.wait_for_timeout(3_000)
        assert shown.stream.looks == looks
        assert page.get_by_role("button", name="Go on").is_visible()


def test_a_slider_moved_by_keyboard_shows_what_would_change(
    browser: "Browser", address: str
) -> None:
    with opened(browser) as page:
        page.goto(address + PAGES["user"])
        slider = page.get_by_label("Counts half after")
        before = page.locator("output[for=half_life]").inner_text()
        part = page.locator("#half-life")
        assert "As in force" in part.inner_text()
        slider.focus()
        for _ in range(6):
            page.keyboard.press("ArrowLeft")
        part.get_by_text("against 30 d").wait_for()
        assert page.locator("output[for=half_life]").inner_text() != before
        assert (slider.get_attribute("aria-valuetext") or "nothing") in part.inner_text()
        # Nothing but the view has changed: the page as it is stored says the same.
        page.reload()
        assert page.locator("output[for=half_life]").inner_text() == before


def test_a_user_is_looked_up_and_asked_why_without_a_mouse(
    browser: "Browser", address: str
) -> None:
    with opened(browser) as page:
        page.goto(address)
        page.keyboard.press("Tab")
        assert page.evaluate("document.activeElement.textContent") == "Skip to content"
        page.get_by_label("Look up a user").focus()
        page.keyboard.type("ishmael")
        page.keyboard.press("Enter")
        page.wait_for_url("**/user?user_id=ishmael")
        why = page.locator("summary", has_text="Why this?").first
        why.focus()
        page.keyboard.press("Enter")
        assert page.get_by_text("Events that moved this user towards it").first.is_visible()


def test_a_dead_letter_is_corrected_and_sent(
    browser: "Browser", address: str, shown: Shown
) -> None:
    with opened(browser) as page:
        page.goto(f"{address}/dead-letters")
        page.get_by_role("link", name="interactions/3/1042").click()
        page.get_by_role("button", name="Check and send").click()
        assert "would be refused again" in page.get_by_role("alert").inner_text()
        page.locator("textarea").fill('{"right": 1}')
        page.get_by_role("button", name="Check and send").click()
        page.get_by_role("status").wait_for()
        assert "went back to its topic" in page.get_by_role("status").inner_text()
    assert shown.letters.sent[-1] == ("interactions/3/1042", b'{"right": 1}', False)


def test_light_or_dark_may_be_chosen_and_is_remembered(browser: "Browser", address: str) -> None:
    paper = "getComputedStyle(document.body).backgroundColor"
    with opened(browser) as page:
        page.goto(f"{address}/users")
        light = page.evaluate(paper)
        page.get_by_role("button", name="Change between light and dark").click()
        dark = page.evaluate(paper)
        assert dark != light
        page.goto(f"{address}/personas")
        assert page.evaluate(paper) == dark


def test_pages_do_without_scripts(browser: "Browser", address: str) -> None:
    with opened(browser, java_script_enabled=False) as page:
        page.goto(f"{address}/user?user_id=ishmael&half_life=2")
        assert "against 30 d" in page.locator("#half-life").inner_text()
        page.goto(address)
        assert page.get_by_role("link", name="Refresh").is_visible()


def test_with_keys_the_browser_asks_for_one_and_everything_works(
    browser: "Browser", serving: Serving, shown: Shown
) -> None:
    key, kept = new_key(tenant="default", scopes=[Scope.ADMIN], random=lambda size: b"k" * size)
    ring = KeyRing([kept])
    with serving(shown.app(access=KeyAccess(lambda: ring))) as url:
        credentials = {"username": "key", "password": key}
        with opened(browser, http_credentials=credentials) as page:
            page.goto(url)
            page.locator("[data-figure=arriving]").wait_for(timeout=10_000)
            assert page.evaluate("document.styleSheets.length") == 1
