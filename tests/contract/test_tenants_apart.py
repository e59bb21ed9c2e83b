"""No store tells a tenant anything that depends on what another one does, whatever both are called.

The same steps are taken twice: by two tenants with the same users and items, and by one of them
alone. What this one is told is the same.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import pytest
from documents_world import NOON_MS, document, passages_of
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from msgspec.structs import replace
from store_records import described, touched, vector

from profiles.documents.words import query_words
from profiles.ids import item_key, user_key
from profiles.personas import PersonaSet, encode_personas
from profiles.ports import CounterTable, PersonaDocument, Token, Vector
from schemas.snapshots import released_name, released_personas_name, statistics_name
from stores.blobs import blob_of, drop_blob, get_blob, put_blob
from stores.connect import ProfileStores, RedisStores
from stores.points import Except

pytestmark = pytest.mark.anyio

ONE: Final = Token(1)
PLACES: Final[Sequence[Vector]] = (vector(1, 0, 0, 0), vector(0.6, 0.8, 0, 0), vector(0, 0, 0, 1))

# Of names, for what separates, matches, ends and hides.
names: Final = st.sampled_from(
    ["a", "b", "a:b", "b:a", ":", "*", "{a}", "a\x00", "\x00", "a/b", "ß", "default", "live", " "]
)


@dataclass(frozen=True, slots=True)
class Step:
    """What a tenant does to one user or item, whose place and words are of `number`."""

    do: str
    tenant: str
    ident: str
    number: int


@dataclass(frozen=True, slots=True)
class Story:
    """Attributes:
    looks: The tenant that is told.
    idents: Of users and items, of both tenants.
    """

    looks: str
    idents: Sequence[str]
    steps: Sequence[Step]

    def alone(self) -> Sequence[Step]:
        return [step for step in self.steps if step.tenant == self.looks]


@st.composite
def stories(draw: st.DrawFn, *deeds: str) -> Story:
    tenants = draw(st.lists(names, min_size=2, max_size=2, unique=True))
    idents = draw(st.lists(names, min_size=2, max_size=2, unique=True))
    step = st.builds(
        Step,
        st.sampled_from(deeds),
        st.sampled_from(tenants),
        st.sampled_from(idents),
        st.integers(0, len(PLACES) - 1),
    )
    return Story(tenants[0], idents, draw(st.lists(step, min_size=2, max_size=12)))


async def in_qdrant(stores: ProfileStores, step: Step) -> None:
    place = PLACES[step.number]
    who = step.tenant, step.ident
    match step.do:
        case "user":
            (claimed,) = await stores.users.claim([who], partition=0, token=ONE)
            record = touched(claimed, token=1, direction=place, state=b"%d" % step.number)
            await stores.users.write([replace(record, persona=f"p{step.number}")])
        case "stub":
            await stores.users.claim([who], partition=0, token=ONE)
        case "gone":
            found = [one for one in await stores.users.read([user_key(*who)]) if one]
            await stores.users.remove(found, token=ONE)
        case "item":
            await stores.items.put([described(*who, place, retired=step.number == 2)])
        case "named":
            await stores.items.put_stubs([who])
        case "wrote":
            text = f"{step.tenant} whales {step.number}"
            event = document(step.ident, "d", text, tenant=step.tenant, at_ms=NOON_MS + step.number)
            await stores.passages.replace([passages_of(event)])
        case "forgot":
            await stores.passages.forget(
                step.tenant, user_key(*who), through_ms=NOON_MS + step.number
            )
        case "personas":
            body = encode_personas(PersonaSet(step.tenant, step.number + 1, 1, (), 0.0, 1))
            await stores.personas.publish(
                PersonaDocument(step.tenant, step.number + 1, ONE, body, {"p1": place})
            )


async def told_by_qdrant(stores: ProfileStores, story: Story) -> str:
    """All that the ports tell a tenant."""
    tenant = story.looks
    users = [user_key(tenant, ident) for ident in story.idents]
    items = [item_key(tenant, ident) for ident in story.idents]
    told: list[object] = [
        await stores.users.read(users),
        [one async for page in stores.users.scan(tenant=tenant) for one in page],
        [one async for page in stores.users.versions(tenant=tenant) for one in page],
        await stores.users.count(tenant=tenant),
        await stores.items.read(items),
        [one async for page in stores.items.scan(tenant=tenant) for one in page],
        await stores.personas.read(tenant),
        tenant in await stores.personas.tenants(),
        await stores.passages.sample(tenant, limit=9),
        await stores.passages.count(tenant=tenant),
    ]
    for place in PLACES:
        told += [
            await stores.users.similar(tenant=tenant, vector=place, space=0, limit=9),
            await stores.items.nearest(tenant=tenant, vector=place, limit=9),
            await stores.items.nearest_keys(tenant=tenant, vector=place, limit=9),
        ]
    for user in users:
        words = query_words("whales")
        told += [
            await stores.passages.search(tenant, user, vector=PLACES[0], words=words, limit=9),
            await stores.passages.latest(tenant, user, limit=9),
            await stores.passages.written(tenant, user),
        ]
    return "\n".join(map(str, told))


async def emptied(stores: ProfileStores) -> None:
    for points in stores.collections.values():
        await points.delete((Except(()),))


def beside(looks: str, ident: str, other: str, *deeds: str) -> Story:
    """Everything done by both to one id."""
    steps = [Step(deed, tenant, ident, 1) for deed in deeds for tenant in (looks, other)]
    return Story(looks, [ident], steps)


IN_QDRANT: Final = ("user", "item", "wrote", "personas", "stub", "named", "gone", "forgot")


@settings(
    max_examples=10,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(story=stories(*IN_QDRANT))
@example(story=beside("a", "b", "a:b", *IN_QDRANT))
@example(story=beside("*", "*", "a", *IN_QDRANT))
async def test_qdrant_tells_a_tenant_what_it_would_be_told_alone(
    stores: ProfileStores, *, story: Story
) -> None:
    answers = []
    for taken in (story.steps, story.alone()):
        await emptied(stores)
        for step in taken:
            await in_qdrant(stores, step)
        answers.append(await told_by_qdrant(stores, story))
    assert answers[0] == answers[1]


POPULARITY, TRENDS = "popularity", "trends"


def tables_of(tenant: str, ident: str) -> list[CounterTable]:
    return [
        CounterTable(tenant, "", POPULARITY),
        CounterTable(tenant, ident, POPULARITY),
        CounterTable(tenant, "", TRENDS, ident),
    ]


async def in_redis(stores: RedisStores, step: Step) -> None:
    user, fields = user_key(step.tenant, step.ident), {b"item": step.number + 1, b"other": 1}
    tables = tables_of(step.tenant, step.ident)
    match step.do:
        case "counted":
            before = (await stores.aggregates.applied(3, [user])).versions[user]
            assert await stores.aggregates.apply(
                partition=3,
                token=ONE,
                epoch=1,
                expected={user: before},
                versions={user: before + 1},
                increments={table: dict(fields) for table in tables},
                watermarks_ms={step.tenant: NOON_MS + step.number},
            )
        case "dropped":
            await stores.aggregates.drop(3, tables)
        case "trimmed":
            await stores.aggregates.trim(3, tables[step.number], keep=1)
        case "told":
            for name in snapshots_of(step.tenant, step.ident):
                await stores.aggregates.put_snapshot(name, step.tenant.encode() + b" told")
        case "untold":
            await stores.aggregates.drop_snapshots(snapshots_of(step.tenant, step.ident))
        case "learned":
            await put_blob(stores.aggregates, step.tenant, BODY)
        case "unlearned":
            await drop_blob(stores.aggregates, step.tenant, blob_of(BODY))
        case _:
            await in_cache(stores, step, user)


async def in_cache(stores: RedisStores, step: Step, user: bytes) -> None:
    match step.do:
        case "shown":
            await stores.cache.put([(user, step.number + 1, step.tenant.encode())])
        case "hidden":
            await stores.cache.forget([user])


BODY: Final = b"the same model of two tenants"


def snapshots_of(tenant: str, ident: str) -> list[str]:
    return [
        statistics_name(tenant, ""),
        statistics_name(tenant, ident),
        released_name(tenant, ident),
        released_personas_name(tenant),
    ]


async def told_by_redis(stores: RedisStores, story: Story) -> str:
    tenant, aggregates = story.looks, stores.aggregates
    users = [user_key(tenant, ident) for ident in story.idents]
    tables = [table for ident in story.idents for table in tables_of(tenant, ident)]
    names_of = [name for ident in story.idents for name in snapshots_of(tenant, ident)]
    told: list[object] = [
        [table for table in await aggregates.tables(3) if table.tenant == tenant],
        await aggregates.counters(3, tables),
        await aggregates.applied(3, users),
        (await aggregates.watermarks_ms(3)).get(tenant),
        await aggregates.get_snapshots(names_of),
        await get_blob(aggregates, tenant, blob_of(BODY)),
        await stores.cache.get(users),
    ]
    return "\n".join(map(str, told))


IN_REDIS: Final = (
    "counted",
    "told",
    "learned",
    "shown",
    "trimmed",
    "dropped",
    "untold",
    "unlearned",
    "hidden",
)


@settings(
    max_examples=40,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(story=stories(*IN_REDIS))
@example(story=beside("a", "b", "a:b", *IN_REDIS))
@example(story=beside("b", "a:b", "b:a", *IN_REDIS))
@example(story=beside("*", "*", "a", *IN_REDIS))
async def test_redis_tells_a_tenant_what_it_would_be_told_alone(
    redis_stores: RedisStores, *, story: Story
) -> None:
    answers = []
    for taken in (story.steps, story.alone()):
        await redis_stores.erase()
        await redis_stores.aggregates.begin_build(3, token=ONE, epoch=1)
        for step in taken:
            await in_redis(redis_stores, step)
        answers.append(await told_by_redis(redis_stores, story))
    assert answers[0] == answers[1]
