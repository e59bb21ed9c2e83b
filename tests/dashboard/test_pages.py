"""Every page answers, says what is wrong where something is, and lets nothing foreign run."""

import re
from html.parser import HTMLParser
from typing import Final
from urllib.parse import quote

import httpx
import pytest
from dashboard_world import HOSTILE, Shown, letter, populated
from lookup_world import like

from lookup.access import KeyAccess, LoopbackAccess
from lookup.keys import KeyRing, new_key
from lookup.scopes import Scope

PAGES: Final = (
    "/",
    "/live",
    "/users",
    "/user?user_id=ishmael",
    "/user?user_id=nobody",
    f"/user?user_id={quote(HOSTILE, safe='')}",
    "/user/half-life?user_id=ishmael&half_life=4",
    "/mine?user_id=ishmael",
    "/personas",
    "/everybody",
    "/everybody?persona=p1",
    "/cost",
    "/dead-letters",
    "/dead-letters?reason=invalid-json",
    "/dead-letter?position=interactions/1/77",
    "/dead-letter?position=documents/0/5",
    f"/dead-letter?position={quote(HOSTILE, safe='')}",
    f"/everybody?persona={quote(HOSTILE, safe='')}",
    "/user?user_id=",
    "/versions",
    "/versions/part",
)
SAME_SITE: Final = {"Sec-Fetch-Site": "same-origin"}

pytestmark = pytest.mark.anyio


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


class _Read(HTMLParser):
    """What a page would load, run, or style by itself."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.addresses: list[str] = []
        self.inline: list[str] = []
        self.text: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        for name, value in attrs:
            if name in {"src", "href", "action", "data-live", "data-sliders", "srcset"}:
                self.addresses.append(value or "")
            if name == "style" or name.startswith("on"):
                self.inline.append(f"{tag} {name}")
        if tag == "style" or (tag == "script" and "src" not in dict(attrs)):
            self.inline.append(tag)

    def handle_data(self, data: str) -> None:
        self.text.append(data)


def read(page: str) -> _Read:
    found = _Read()
    found.feed(page)
    return found


@pytest.mark.parametrize("address", PAGES)
async def test_a_page_brings_nothing_foreign_and_runs_nothing_inline(address: str) -> None:
    async with (await populated()).client() as client:
        answer = await client.get(address)
    found = read(answer.text)
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    assert found.inline == []
    assert all(one.startswith(("/", "#")) and one[:2] != "//" for one in found.addresses)
    assert {"iframe", "object", "embed", "base"}.isdisjoint(found.tags)
    # What a hostile id says is there to be read, and is no element.
    assert "img" not in found.tags
    assert found.tags.count("script") <= 1


@pytest.mark.parametrize("address", PAGES)
async def test_every_page_is_held_to_a_strict_policy_and_kept_by_nobody(address: str) -> None:
    async with (await populated()).client() as client:
        headers = (await client.get(address)).headers
    policy = dict(
        part.strip().split(" ", 1) for part in headers["content-security-policy"].split(";")
    )
    assert policy["default-src"] == "'none'"
    assert policy["script-src"] == policy["style-src"] == "'self'"
    assert policy["frame-ancestors"] == policy["base-uri"] == "'none'"
    assert "unsafe" not in headers["content-security-policy"]
    assert headers["cache-control"] == "no-store"
    assert headers["x-content-type-options"] == "nosniff"


async def test_hostile_names_are_shown_as_they_are() -> None:
    async with (await populated()).client() as client:
        user = read((await client.get("/user", params={"user_id": HOSTILE})).text)
        everybody = read((await client.get("/everybody")).text)
        letters = read((await client.get("/dead-letters")).text)
    assert HOSTILE in "".join(user.text)
    assert HOSTILE.title() in "".join(everybody.text)
    assert HOSTILE in "".join(letters.text)


async def test_pages_are_not_part_of_the_described_service() -> None:
    async with (await populated()).client() as client:
        paths = (await client.get("/openapi.json")).json()["paths"]
    assert not [
        path
        for path in paths
        if not path.startswith("/v1/") and path not in {"/livez", "/readyz", "/metrics"}
    ]


async def test_assets_are_the_package_s_own_and_change_address_with_content() -> None:
    async with (await populated()).client() as client:
        page = (await client.get("/")).text
        addresses = re.findall(r'(?:href|src)="(/assets/[^"]+)"', page)
        assert len(addresses) == 3
        for address in addresses:
            assert re.search(r"\?v=[0-9a-f]{12}$", address)
            asset = await client.get(address)
            assert asset.status_code == 200
            assert "immutable" in asset.headers["cache-control"]
            assert not re.search(rb"https?://(?!www\.w3\.org)", asset.content)
        assert (await client.get("/assets/..%2frouting.py")).status_code == 404


async def test_the_three_layers_stand_side_by_side_with_their_weights() -> None:
    async with (await populated()).client() as client:
        page = read((await client.get("/user?user_id=ishmael")).text)
        profile = (await client.get("/v1/profiles/ishmael")).json()
    text = " ".join(" ".join(page.text).split())
    for name, layer in (
        ("This user", "user"),
        ("People like them", "persona"),
        ("Everybody", "global"),
    ):
        assert f"{name} {profile['weights'][layer] * 100:.0f} %" in text
    assert "Popular in the persona they resemble" in text


async def test_why_this_names_the_events_that_moved_the_user() -> None:
    async with (await populated()).client() as client:
        page = (await client.get("/user?user_id=ishmael")).text
        explained = (await client.get("/v1/profiles/ishmael/explanation")).json()
    (omoo,) = [one for one in explained["items"] if one["item_id"] == "omoo"]
    for moved in omoo["moved_by"]:
        assert f'<span class="part">{moved["part"]:+.2f}</span>' in page


async def test_a_slider_shows_the_real_projection_with_another_half_life() -> None:
    async with (await populated()).client() as client:
        part = (await client.get("/user/half-life?user_id=ishmael&half_life=0")).text
        expected = (await client.get("/v1/profiles/ishmael/explanation?half_life_s=21600")).json()
        as_it_is = (await client.get("/user/half-life?user_id=ishmael")).text
    assert f"{expected['evidence']['effective_sample_size']:,.1f} equal events" in part
    assert "Half-life 6 h and 10.0 events, against 30 d and 10.0 in force" in part
    assert "As in force" in as_it_is


async def test_somebody_unknown_is_no_error() -> None:
    async with (await populated()).client() as client:
        answer = await client.get("/user?user_id=nobody")
    assert answer.status_code == 200
    assert "Nothing is known about this user" in answer.text


async def test_an_empty_stack_has_pages_that_say_what_will_come() -> None:
    async with Shown().client() as client:
        for address, says in {
            "/users": "Nobody yet",
            "/personas": "No personas yet",
            "/everybody": "No statistics yet",
            "/cost": "No report here yet",
            "/dead-letters": "No dead letters",
            "/versions": "No other version",
            "/": "begins in two seconds",
        }.items():
            answer = await client.get(address)
            assert (answer.status_code, says in answer.text) == (200, True), address


@pytest.mark.parametrize(
    ("address", "status"),
    [
        ("/user?user_id=", 422),
        ("/user", 422),
        (f"/user?user_id={'x' * 513}", 422),
        ("/user/half-life?user_id=ann&half_life=99", 422),
        ("/everybody?persona=p99", 404),
        ("/everybody?persona=p2", 404),
        ("/dead-letter?position=nothing", 404),
    ],
)
async def test_what_cannot_be_shown_is_said_on_a_page(address: str, status: int) -> None:
    async with (await populated()).client() as client:
        answer = await client.get(address)
    assert answer.status_code == status
    assert "<h1>" in answer.text
    assert "To the first page" in answer.text


async def test_a_store_that_is_away_is_said_without_naming_hosts() -> None:
    shown = await populated()
    shown.world.user_points.down = True
    shown.world.cache.down = True
    async with shown.client() as client:
        user = await client.get("/user?user_id=ishmael")
        live = await client.get("/")
    assert user.status_code == 503
    assert "internal" not in user.text + live.text
    assert live.status_code == 200
    assert "does not answer" in live.text


async def test_a_stream_that_cannot_be_seen_is_said() -> None:
    shown = await populated()
    shown.stream.down = True
    async with shown.client() as client:
        answer = await client.get("/")
    assert answer.status_code == 200
    assert "Kafka does not respond just now" in answer.text


async def test_the_live_part_shows_rate_lag_and_freshness() -> None:
    shown = await populated()
    async with shown.client() as client:
        await client.get("/")
        second = read((await client.get("/live")).text)
    text = " ".join(" ".join(second.text).split())
    assert "Events arriving 100 per s" in text
    assert "Lag 120 records waiting" in text
    assert "Freshness 1.5 s behind" in text


async def test_a_hidden_persona_is_nowhere() -> None:
    async with (await populated()).client() as client:
        for address in ("/personas", "/everybody", "/user?user_id=ishmael"):
            page = (await client.get(address)).text
            assert "hidden away" not in page
            assert ">p2<" not in page


async def test_a_corrected_letter_is_sent_where_it_came_from() -> None:
    shown = await populated()
    async with shown.client() as client:
        form = {"position": "interactions/3/1042", "value": '{"right": 1}', "key_of_event": "on"}
        answer = await client.post("/dead-letter/send", data=form, headers=SAME_SITE)
        assert answer.status_code == 303
        landed = await client.get(answer.headers["location"])
    assert shown.letters.sent == [("interactions/3/1042", b'{"right": 1}', True)]
    assert "went back to its topic" in landed.text


async def test_a_letter_that_would_be_refused_again_is_not_sent_and_keeps_what_was_typed() -> None:
    shown = await populated()
    async with shown.client() as client:
        form = {"position": "interactions/3/1042", "value": '{"still wrong": 2}'}
        answer = await client.post("/dead-letter/send", data=form, headers=SAME_SITE)
    assert shown.letters.sent == []
    assert "would be refused again: it is wrong" in answer.text
    assert "still wrong&#34;: 2" in answer.text


async def test_a_letter_that_nobody_changed_goes_with_its_own_bytes() -> None:
    shown = Shown()
    shown.letters.held = [letter("interactions/0/1", b'{"a":\n 1}')]
    async with shown.client() as client:
        form = {"position": "interactions/0/1", "value": '{"a":\r\n 1}'}
        await client.post("/dead-letter/send", data=form, headers=SAME_SITE)
    assert shown.letters.sent == [("interactions/0/1", None, False)]


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Sec-Fetch-Site": "none"},
        {"Origin": "http://elsewhere.test"},
        {"Origin": "null"},
    ],
)
async def test_another_site_cannot_make_a_browser_send_letters(headers: dict[str, str]) -> None:
    shown = await populated()
    async with shown.client() as client:
        form = {"position": "interactions/3/1042", "value": "{}"}
        answer = await client.post("/dead-letter/send", data=form, headers=headers)
    assert answer.status_code == 403
    assert shown.letters.sent == []


async def test_an_older_browser_is_known_by_its_origin() -> None:
    shown = await populated()
    async with shown.client() as client:
        form = {"position": "interactions/3/1042", "value": "{}"}
        origin = {"Origin": "http://strata.test"}
        assert (
            await client.post("/dead-letter/send", data=form, headers=origin)
        ).status_code == 303


async def test_a_tenant_of_the_address_is_kept_through_every_link() -> None:
    shown = await populated()
    await shown.world.add_user("ahab", [like("ahab", "moby")], tenant="a&b")
    async with shown.client() as client:
        users = await client.get("/users", params={"tenant": "a&b"})
        links = [one for one in read(users.text).addresses if one.startswith("/user")]
        letters = await client.get("/dead-letters", params={"tenant": "a&b"})
    assert "/user?user_id=ahab&tenant=a%26b" in links
    assert all("tenant=a%26b" in one or one == "/user" for one in links)
    assert "ishmael" not in users.text
    assert "No dead letters" in letters.text


def _keyed(*scopes: Scope, tenant: str = "default") -> tuple[str, KeyAccess]:
    key, kept = new_key(tenant=tenant, scopes=scopes, random=lambda size: b"k" * size)
    ring = KeyRing([kept])
    return key, KeyAccess(lambda: ring)


async def test_with_keys_a_browser_is_asked_for_one() -> None:
    key, access = _keyed(Scope.ADMIN)
    async with (await populated()).client(access=access) as client:
        refused = await client.get("/")
        assert refused.status_code == 401
        assert "Basic" in refused.headers["www-authenticate"]
        # As a browser sends what somebody typed into its dialogue.
        client.auth = httpx.BasicAuth("", key)
        assert (await client.get("/user?user_id=ishmael")).status_code == 200


async def test_a_key_for_reading_alone_does_not_open_the_dashboard() -> None:
    key, access = _keyed(Scope.READ)
    async with (await populated()).client(access=access) as client:
        client.auth = httpx.BasicAuth("", key)
        assert (await client.get("/")).status_code == 403


async def test_a_key_shows_its_tenant_and_no_other() -> None:
    key, access = _keyed(Scope.ADMIN, tenant="shop")
    shown = await populated()
    await shown.world.add_user("ahab", [like("ahab", "moby")], tenant="shop")
    async with shown.client(access=access) as client:
        client.auth = httpx.BasicAuth("", key)
        mine = await client.get("/users")
        assert "ahab" in mine.text
        assert "ishmael" not in mine.text
        assert "Nothing is known" in (await client.get("/user?user_id=ishmael")).text
        assert "No dead letters" in (await client.get("/dead-letters")).text
        assert (await client.get("/users?tenant=default")).status_code == 403


async def test_without_keys_a_foreign_name_of_this_machine_is_refused() -> None:
    async with (await populated()).client(access=LoopbackAccess()) as client:
        assert (await client.get("/", headers={"Host": "evil.test"})).status_code == 421
        assert (await client.get("/", headers={"Host": "127.0.0.1:8700"})).status_code == 200
