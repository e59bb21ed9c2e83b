"""What one tenant is told is the same whether another exists or not, whatever both are called."""

from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final
from urllib.parse import quote

import anyio
import httpx
import msgspec
import pytest
from dashboard_world import LettersInMemory, StreamInMemory, letter
from documents_world import document, documents_over, passages_of
from every_route import ASKED
from hypothesis import example, given, settings
from hypothesis import strategies as st
from ingest_world import RATED, Publishing
from keyed_world import EVERYTHING, Keyed
from lookup_world import DIMENSION, NOON_MS, SEA, World, like

from lookup.dashboard import Dashboard
from lookup.dashboard.sources import PersonaPast
from lookup.persons import Persons
from lookup.preferences import PreferencePairs
from lookup.scopes import PUBLIC_PATHS
from lookup.service import create_app
from profiles.documents.passages import passage_id
from profiles.ids import item_key, user_key
from profiles.personas import Label, Persona, PersonaSet, encode_personas
from profiles.policy import DEFAULT_POLICY
from profiles.ports import PersonaDocument, Token
from schemas.decoded import Choice, Preference
from schemas.keys import record_key
from schemas.partitions import partition_of
from schemas.persona_events import PersonaEvent, PersonaFate
from schemas.snapshots import Blob, released_personas_name, statistics_name
from stores.blobs import _names
from stores.memory import MemoryPoints
from stores.passages import PointPassageStore, passage_collection
from stores.personas import PointPersonaStore, _point_id

CANARY: Final = "quicksilver"

# What separators, patterns, hash tags, paths and C strings are made of.
nasty: Final = st.one_of(
    st.sampled_from(
        [
            *("a", "A", "a:b", ":", "{a}", "{}", "*", "?", "\x00", "a\x00b", "default", " "),
            *("..", "../a", "a/b", "a/explanation", "similar", "%2F", "%", '["a","b"]', "["),
            *("ß", "\U0001f600", "\u00e9", "e\u0301", "statistics:1:a:", "blob:", "\r\nX: y"),
            *("' OR 1=1 --", "$ne", "x" * 512),
        ]
    ),
    st.text(st.characters(codec="utf-8"), min_size=1, max_size=12),
)
pairs: Final = st.tuples(nasty, nasty)


@settings(max_examples=500, deadline=None)
@given(pairs, pairs)
@example(("a", "b:c"), ("a:b", "c"))
@example(("a", ""), ("", "a"))
def test_no_key_of_any_store_is_shared_by_two_tenants(
    one: tuple[str, str], other: tuple[str, str]
) -> None:
    def passage_key(tenant: str, ident: str) -> str:
        return passage_id(tenant, b"u", ident, 0)

    keys: list[Callable[[str, str], object]] = [user_key, item_key, record_key, statistics_name]
    for key_of in (*keys, passage_key):
        assert len({key_of(*one), key_of(*other)}) == len({one, other})
    tenants = {one[0], other[0]}
    blob = Blob("d", 1, 1)
    assert len({tuple(_names(tenant, blob)) for tenant in tenants}) == len(tenants)
    assert len({_point_id(tenant) for tenant in tenants}) == len(tenants)
    assert all(
        name.split(":")[0] == "blob" for tenant in tenants for name in _names(tenant, blob)
    ), "snapshots of another kind begin otherwise"


@settings(max_examples=200, deadline=None)
@given(pairs)
def test_records_of_any_name_have_a_partition(pair: tuple[str, str]) -> None:
    assert 0 <= partition_of(record_key(*pair), 7) < 7


@dataclass
class KeptPreferences:
    """A log of everybody's."""

    held: list[Preference] = field(default_factory=list)

    async def read(self) -> AsyncIterator[Sequence[Preference]]:
        yield self.held


@dataclass
class PastOfEach:
    """What became of the personas of each tenant."""

    held: dict[str, PersonaPast] = field(default_factory=dict)

    async def past(self, tenant: str) -> PersonaPast:
        return self.held.get(tenant, PersonaPast((), ()))


class Populated:
    """A service whose stores, log and letters hold one or two tenants."""

    def __init__(self) -> None:
        self.keyed = Keyed(Publishing(World()))
        self.passages = PointPassageStore(MemoryPoints(passage_collection(DIMENSION)))
        self.log = KeptPreferences()
        self.letters = LettersInMemory()
        self.past = PastOfEach()
        self.stream = StreamInMemory()

    @property
    def world(self) -> World:
        return self.keyed.publishing.world

    async def add(self, tenant: str, user_id: str, item_id: str, secret: str) -> None:
        await self.world.add_item(
            item_id, SEA, tenant=tenant, attributes={"title": secret, "author": secret}
        )
        liked = msgspec.structs.replace(like(user_id, item_id), tenant=tenant)
        await self.world.add_user(user_id, [liked], tenant=tenant, persona="p1")
        await self.world.publish_statistics({item_id: 9.0}, tenant=tenant)
        await self.world.publish_statistics({item_id: 9.0}, tenant=tenant, scope="p1")
        persona = Persona("p1", 40, (Label(secret, 3.0, 20),))
        personas = encode_personas(PersonaSet(tenant, 1, 9, (persona,), 0.5, 40))
        assert await PointPersonaStore(self.world.persona_points).publish(
            PersonaDocument(tenant, 1, Token(1), personas, {})
        )
        await self.world.aggregates.put_snapshot(released_personas_name(tenant), personas)
        written = document(user_id, "d", f"{secret} {item_id}", tenant=tenant)
        await self.passages.replace([passages_of(written)])
        self.letters.held.append(
            replace(letter(LETTER, secret.encode(), detail=secret), tenant=tenant)
        )
        self.past.held[tenant] = PersonaPast((_born(tenant, secret),), ())

    async def prefer(self, tenant: str, user_id: str, secret: str) -> None:
        """Of a user who was not there before."""
        chosen = Choice(text=f"{secret} chosen")
        said = Preference(tenant, f"p-{secret}", NOON_MS, user_id, chosen, Choice(text="no"))
        self.log.held.append(said)
        await self.world.add_user(user_id, [said], tenant=tenant)

    def dashboard(self) -> Dashboard:
        return Dashboard(
            flow=self.stream, letters=self.letters, past=self.past, now_ms=lambda: NOON_MS + 1_000
        )

    def client(self, key: str) -> httpx.AsyncClient:
        lookup = self.world.lookup()
        app = create_app(
            lookup,
            documents=documents_over(
                lookup, users=self.world.users, items=self.world.items, passages=self.passages
            ),
            persons=Persons(
                users=self.world.users,
                items=self.world.items,
                passages=self.passages,
                policy=DEFAULT_POLICY,
            ),
            preferences=PreferencePairs(
                log=self.log, users=self.world.users, items=self.world.items
            ),
            erasures=self.keyed.publishing.taking_erasures(),
            dashboard=self.dashboard(),
            access=self.keyed.access,
        )
        return httpx.AsyncClient(
            transport=httpx.ASGITransport(app),
            base_url="http://strata.test",
            headers={"Authorization": f"Bearer {key}", "X-Request-ID": "r"},
        )


def questions(user_id: str, item_id: str) -> Iterable[tuple[str, str, Any]]:
    """Every route that reads, about a user and an item."""
    user, item = quote(user_id, safe=""), quote(item_id, safe="")
    yield "GET", f"/v1/profiles/{user}", None
    yield "GET", f"/v1/profiles/{user}/explanation", None
    yield "POST", "/v1/profiles:batchGet", {"user_ids": [user_id, "other"]}
    yield "POST", "/v1/rank", {"user_id": user_id, "exclude_seen": False}
    yield "POST", "/v1/score", {"user_id": user_id, "items": [item_id]}
    yield "POST", "/v1/retrieve", {"user_id": user_id, "query": CANARY}
    yield "POST", "/v1/context", {"user_id": user_id, "token_budget": 2_000, "query": CANARY}
    yield "GET", "/v1/personas", None
    yield "GET", "/v1/personas/p1", None
    yield "GET", "/v1/statistics", None
    yield "GET", "/v1/statistics?persona=p1", None
    yield "GET", f"/v1/items/{item}/similar", None
    yield "GET", f"/v1/users/{user}/similar", None
    yield "GET", f"/v1/users/{user}/export", None
    yield "GET", f"/v1/users/{user}/mine", None
    yield "POST", "/v1/preferences:export", {}
    yield "POST", "/v1/preferences:export", {"user_id": user_id}
    yield "POST", "/v1/preferences:export", {"persona": "p1"}
    yield "GET", f"/v1/erasures/{user}", None
    for page in PAGES:
        yield "GET", page, None
    for page in PAGES_OF_A_USER:
        yield "GET", f"{page}?user_id={user}", None
    yield "GET", f"/dead-letter?position={quote(LETTER, safe='')}", None


PAGES: Final = ("/", "/live", "/users", "/personas", "/everybody", "/cost", "/dead-letters")
PAGES_OF_A_USER: Final = ("/user", "/user/half-life", "/mine")
LETTER: Final = "interactions/3/1042"


def _born(tenant: str, name: str) -> PersonaEvent:
    return PersonaEvent(
        event_id=f"{tenant}/1/{name}",
        occurred_at="2023-11-01T12:00:00.000Z",
        tenant=tenant,
        version=1,
        fate=PersonaFate.BIRTH,
        persona=name,
        other=None,
        members=9,
    )


async def answers(place: Populated, key: str, user_id: str, item_id: str) -> list[Any]:
    found = []
    async with place.client(key) as client:
        for method, path, body in questions(user_id, item_id):
            answer = await client.request(method, path, json=body)
            assert answer.status_code < 500, (path, answer.text)
            found.append((path, answer.status_code, answer.text))
    return found


async def compared(mine: str, other: str, user_id: str, item_id: str) -> None:
    alone, beside = Populated(), Populated()
    for place in (alone, beside):
        await place.add(mine, "me", "mine", "plain")
        await place.prefer(mine, "chooser", "plain")
    await beside.add(other, user_id, item_id, CANARY)
    await beside.prefer(other, "chooser", CANARY)
    about_theirs = []
    for place in (alone, beside):
        key = place.keyed.key(mine, EVERYTHING)
        about_theirs.append(
            [
                await answers(place, key, user_id, item_id),
                await answers(place, key, "me", "mine"),
            ]
        )
    assert about_theirs[0] == about_theirs[1]
    assert CANARY not in str(about_theirs[1])
    # The comparison would see it: whom it belongs to, is told.
    told = await answers(beside, beside.keyed.key(other, EVERYTHING), user_id, item_id)
    told_by = {path.partition("?")[0] for path, _, answer in told if CANARY in answer}
    assert told_by >= {"/v1/retrieve", "/v1/preferences:export", "/v1/personas", "/personas"}
    assert told_by >= {"/dead-letters", "/dead-letter", "/mine"}
    # Of the service as a whole, and of nobody in it.
    async with beside.client(key) as client:
        figures = (await client.get("/metrics")).text
    assert "strata_http_requests_total" in figures
    assert CANARY not in figures


@settings(max_examples=5, deadline=None)
@given(st.tuples(nasty, nasty).filter(lambda two: two[0] != two[1]), nasty, nasty)
@example(("a", "a:b"), "b:c", "i")
@example(("default", "default\x00"), "[", "a/similar")
@example(("{a}", "*"), "me", "mine")
@example(("x" * 512, "x" * 511), "y" * 512, "z" * 512)
def test_every_answer_is_the_same_without_the_other_tenant(
    tenants: tuple[str, str], user_id: str, item_id: str
) -> None:
    anyio.run(compared, *tenants, user_id, item_id)


def test_the_questions_are_all_routes_that_read() -> None:
    asked = {(method, path.partition("?")[0]) for method, path, _ in questions("{user_id}", "{i}")}
    document = Keyed(Publishing(World())).app().openapi()
    reading = {
        (method.upper(), path)
        for path, operations in document["paths"].items()
        for method, operation in operations.items()
        if "Scope of the key: `read`" in operation.get("description", "")
    }
    spelled = {
        (method, path.replace("%7Buser_id%7D", "{user_id}").replace("%7Bi%7D", "{item_id}"))
        for method, path in asked
    }
    assert {(m, p.replace("personas/p1", "personas/{persona_id}")) for m, p in spelled} >= reading
    # And all pages, of which no document tells; those about versions are of all tenants at once.
    pages = {one.path for one in ASKED if one.method == "GET" and not one.path.startswith("/v1/")}
    told = {path for method, path in spelled if method == "GET"}
    apart = {*PUBLIC_PATHS, "/metrics", "/assets/ID", "/versions", "/versions/part"}
    assert pages - apart <= told


@pytest.mark.anyio
@pytest.mark.parametrize("size", [513, 10_000, 60_000])
async def test_ids_that_no_event_could_carry_are_refused_everywhere(size: int) -> None:
    place = Populated()
    giant = "x" * size
    async with place.client(place.keyed.key("default", EVERYTHING)) as client:
        for method, path, body in questions(giant, giant):
            if giant not in path and giant not in str(body):
                continue
            assert (await client.request(method, path, json=body)).status_code == 422, path[:40]
        published = await client.post("/v1/events", json=RATED | {"user_id": giant})
        assert published.status_code in {404, 422}
