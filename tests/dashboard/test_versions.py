"""The page of versions: what it says of each, and who may do what."""

import dataclasses
import re
from dataclasses import replace

import httpx
import pytest
from dashboard_world import ONLY_THE_FIRST, SEVERAL_VERSIONS, Shown, compared, populated
from hypothesis import given
from hypothesis import strategies as st

from lookup.access import KeyAccess
from lookup.dashboard.pace import Pace
from lookup.dashboard.sources import Undertaking
from lookup.keys import KeyRing, new_key
from lookup.scopes import Scope
from lookup.service import create_app

pytestmark = pytest.mark.anyio

SAME_SITE = {"Sec-Fetch-Site": "same-origin"}


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


def card(page: str, name: str) -> str:
    """The words of a version's card."""
    (found,) = re.findall(
        rf'<section[^>]*aria-label="Version {name}">.*?</section>', page, re.DOTALL
    )
    return " ".join(re.sub(r"<[^>]+>", " ", found).split())


async def test_a_version_being_built_says_how_far_how_fast_and_until_when() -> None:
    shown = await populated()
    async with shown.client() as client:
        first = card((await client.get("/versions")).text, "slower")
        second = card((await client.get("/versions/part")).text, "slower")
    assert "Taken in 5,000 of 20,000 records, 25 %" in first
    assert "measuring" in first
    assert "being built" in second
    assert "Taken in 6,000 of 20,000 records, 30 %" in second
    assert "Behind 14,000 records Rate 500 records per s Time left 28 s" in second
    assert "Made with a policy of its own, personas of its own, model hashing" in second


async def test_each_version_says_what_it_is_and_offers_what_makes_sense() -> None:
    async with (await populated()).client() as client:
        page = (await client.get("/versions")).text
    assert "in force" in card(page, "fast")
    assert "kept up to date" in card(page, "fast")
    assert "Roll back to live" in card(page, "fast")
    assert "was in force before" in card(page, "live")
    assert "built; nothing keeps it up to date yet" in card(page, "ready")
    assert "Promote" in card(page, "ready")
    # Another process is at it; and what ends in the past cannot answer for the present.
    assert "Promote" not in card(page, "slower")
    assert "Promote" not in card(page, "spring")
    assert "a picture of the past, complete" in card(page, "spring")


async def test_a_comparison_is_summed_up_with_this_tenants_users_alone() -> None:
    async with (await populated()).client() as client:
        page = (await client.get("/versions")).text
    said = card(page, "ready")
    assert "Compared with fast" in said
    assert "Users who differ 103 of 122" in said
    assert "median 0.120, largest 0.710" in said
    assert "Same among the ten best items 7.5" in said
    assert "too few users" in said
    assert "somebody else" not in page


@pytest.mark.parametrize(
    ("path", "form", "asked"),
    [
        ("/versions/compare", {"name": "ready"}, ("compare", "ready")),
        ("/versions/promote", {"name": "ready"}, ("promote", "ready")),
        ("/versions/rollback", {}, ("roll back", "")),
    ],
)
async def test_what_is_asked_for_is_begun_and_the_page_says_so(
    path: str, form: dict[str, str], asked: tuple[str, str]
) -> None:
    shown = await populated()
    async with shown.client() as client:
        answer = await client.post(path, data=form, headers=SAME_SITE)
        assert (answer.status_code, answer.headers["location"]) == (303, "/versions")
    assert shown.versions.asked == [asked]


@pytest.mark.parametrize("path", ["/versions/compare", "/versions/promote", "/versions/rollback"])
@pytest.mark.parametrize(
    "headers",
    [{}, {"Sec-Fetch-Site": "cross-site"}, {"Sec-Fetch-Site": "none"}, {"Origin": "null"}],
)
async def test_another_site_cannot_make_a_browser_switch_versions(
    path: str, headers: dict[str, str]
) -> None:
    shown = await populated()
    async with shown.client() as client:
        answer = await client.post(path, data={"name": "ready"}, headers=headers)
    assert answer.status_code == 403
    assert shown.versions.asked == []


async def test_what_makes_no_sense_now_is_said_and_not_done() -> None:
    shown = await populated()
    shown.versions.refuses = "something else is under way"
    async with shown.client() as client:
        for path in ("/versions/promote", "/versions/rollback"):
            answer = await client.post(path, data={"name": "ready"}, headers=SAME_SITE)
            assert "Not done" in answer.text
            assert "something else is under way" in answer.text
    assert shown.versions.asked == []


@pytest.mark.parametrize(
    ("undertaking", "says"),
    [
        (Undertaking(what="compare", name="ready"), "reading users"),
        (Undertaking(what="compare", name="ready", done=100, total=122), "100 of 122 users"),
        (Undertaking(what="compare", name="ready", ended=True), "see below"),
        (Undertaking(what="promote", name="ready"), "once it has caught up"),
        (Undertaking(what="promote", name="ready", ended=True), "is in force"),
        (Undertaking(what="promote", name="r", ended=True, failed="nobody works"), "nobody works"),
    ],
)
async def test_how_far_that_is_stands_above(undertaking: Undertaking, says: str) -> None:
    shown = await populated()
    shown.versions.undertaking = undertaking
    async with shown.client() as client:
        page = (await client.get("/versions/part")).text
    (status,) = re.findall(r'role="status">(.*?)</div>', page, re.DOTALL)
    assert says in status


def _keyed(*scopes: Scope, tenant: str) -> tuple[httpx.BasicAuth, KeyAccess]:
    key, kept = new_key(tenant=tenant, scopes=scopes, random=lambda size: b"k" * size)
    ring = KeyRing([kept])
    return httpx.BasicAuth("", key), KeyAccess(lambda: ring)


async def test_with_keys_another_tenant_watches_and_switches_nothing() -> None:
    auth, access = _keyed(Scope.ADMIN, tenant="shop")
    shown = await populated()
    shown.versions.comparisons["ready"] = compared("shop")
    shown.versions.undertaking = Undertaking(what="compare", name="ready", ended=True)
    async with shown.client(access=access) as client:
        client.auth = auth
        page = (await client.get("/versions")).text
        assert "Taken in 5,000 of 20,000" in card(page, "slower")
        assert "<form" not in page
        assert "Compared" not in page
        for path in ("/versions/compare", "/versions/promote", "/versions/rollback"):
            answer = await client.post(path, data={"name": "ready"}, headers=SAME_SITE)
            assert answer.status_code == 403
    assert shown.versions.asked == []


async def test_with_keys_only_those_for_administration_switch_versions() -> None:
    shown = await populated()
    for scopes, status in (((Scope.READ, Scope.PUBLISH), 403), ((Scope.ADMIN,), 303)):
        auth, access = _keyed(*scopes, tenant="default")
        async with shown.client(access=access) as client:
            client.auth = auth
            answer = await client.post(
                "/versions/promote", data={"name": "ready"}, headers=SAME_SITE
            )
            assert answer.status_code == status
    assert shown.versions.asked == [("promote", "ready")]


async def test_a_version_that_is_dropped_or_not_begun_offers_nothing_that_fails() -> None:
    shown = Shown()
    begun = replace(SEVERAL_VERSIONS[3], name="new", shown="new", prepared=False, done=0, total=0)
    gone = replace(SEVERAL_VERSIONS[3], name="gone", shown="gone", dropping=True)
    shown.versions.held = [*ONLY_THE_FIRST, begun, gone]
    async with shown.client() as client:
        page = (await client.get("/versions")).text
    assert "Promote" not in card(page, "new")
    assert "nobody builds it now" in card(page, "new")
    assert "being dropped" in card(page, "gone")
    assert "Compare" not in card(page, "gone")


async def test_without_a_kafka_the_page_says_that_nothing_is_known() -> None:
    shown = Shown()
    dashboard = dataclasses.replace(shown.dashboard(), versions=None)
    app = create_app(shown.world.lookup(), dashboard=dashboard)
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url="http://strata.test") as client:
        answer = await client.get("/versions")
    assert answer.status_code == 503
    assert "this service has none" in answer.text


@given(steps=st.lists(st.tuples(st.integers(1, 60_000), st.integers(0, 10**6)), max_size=30))
def test_a_pace_is_never_below_zero_nor_above_the_fastest_step(
    steps: list[tuple[int, int]],
) -> None:
    pace, at_ms, done, fastest = Pace(), 0, 0, 0.0
    pace.per_s("v", 0, at_ms=0)
    for gap_ms, gain in steps:
        at_ms, done = at_ms + gap_ms, done + gain
        found = pace.per_s("v", done, at_ms=at_ms)
        fastest += gain / gap_ms * 1_000
        assert found is None or 0.0 <= found <= fastest + 1e-6


def test_what_is_begun_anew_is_counted_anew() -> None:
    pace = Pace()
    pace.per_s("v", 10_000, at_ms=0)
    assert pace.per_s("v", 0, at_ms=2_000) is None
    assert pace.per_s("v", 500, at_ms=4_000) == 250.0
    assert pace.per_s("another", 500, at_ms=4_000) is None
