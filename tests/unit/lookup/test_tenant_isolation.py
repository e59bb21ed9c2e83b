"""What one tenant is told is the same whether another exists or not, whatever both are called."""

from collections.abc import Callable, Iterable
from typing import Any, Final
from urllib.parse import quote

import anyio
import httpx
import msgspec
import pytest
from documents_world import document, documents_over, passages_of
from hypothesis import example, given, settings
from hypothesis import strategies as st
from ingest_world import RATED, Publishing
from keyed_world import EVERYTHING, Keyed
from lookup_world import DIMENSION, SEA, World, like

from lookup.persons import Persons
from lookup.service import create_app
from profiles.documents.passages import passage_id
from profiles.ids import item_key, user_key
from profiles.personas import Label, Persona, PersonaSet, encode_personas
from profiles.policy import DEFAULT_POLICY
from profiles.ports import PersonaDocument, Token
from schemas.keys import record_key
from schemas.partitions import partition_of
from schemas.snapshots import Blob, statistics_name
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


class Populated:
    """A service whose stores hold one or two tenants."""

    def __init__(self) -> None:
        self.keyed = Keyed(Publishing(World()))
        self.passages = PointPassageStore(MemoryPoints(passage_collection(DIMENSION)))

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
        assert await PointPersonaStore(self.world.persona_points).publish(
            PersonaDocument(
                tenant,
                1,
                Token(1),
                encode_personas(PersonaSet(tenant, 1, 9, (persona,), 0.5, 40)),
                {},
            )
        )
        written = document(user_id, "d", f"{secret} {item_id}", tenant=tenant)
        await self.passages.replace([passages_of(written)])

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
    await beside.add(other, user_id, item_id, CANARY)
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
    assert CANARY in str(told)


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
