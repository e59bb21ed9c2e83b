"""A session reads what it has written; others need not wait for it."""

import asyncio
from collections.abc import Sequence

import pytest
from ingest_world import PARTITIONS, RATED, Publishing

from lookup.errors import EventsNotTaken
from lookup.ingest_checking import EventRecord
from schemas.positions import decode_token
from strata_client import AsyncStrata
from strata_client.errors import EventsNotTaken as ClientEventsNotTaken
from strata_client.errors import NotYet
from strata_client.quick import QuickProfile

pytestmark = pytest.mark.anyio


async def test_reads_of_a_session_wait_for_its_writes(
    strata: AsyncStrata, publishing: Publishing
) -> None:
    session = strata.session()
    assert (await session.profile("anna")).known is False
    await session.publish(RATED)
    for read in (
        session.profile("anna"),
        session.profiles(["anna"]),
        session.rank("anna"),
        session.explanation("anna"),
        session.similar_users("anna"),
        session.quick_profile("anna"),
    ):
        with pytest.raises(NotYet):
            await read
    await strata.profile("anna")
    await strata.session().profile("anna")
    await publishing.taken_in()
    await session.profile("anna")
    await session.rank("anna")


async def test_a_read_waits_as_long_as_the_service_does(publishing: Publishing) -> None:
    publishing.wait_s = 20.0
    async with AsyncStrata("http://strata.test", transport=publishing.transport()) as patient:
        session = patient.session()
        await session.publish(RATED)
        reading = asyncio.create_task(session.profile("anna"))
        await asyncio.sleep(0.1)
        assert not reading.done()
        await publishing.taken_in()
        await reading


async def test_a_session_joins_what_it_published_in_several_steps(
    strata: AsyncStrata,
) -> None:
    session = strata.session()
    tokens = [
        (await session.publish({**RATED, "user_id": f"u{n}", "event_id": f"e{n}"})).token
        for n in range(20)
    ]
    latest: dict[tuple[str, int], int] = {}
    for token in tokens:
        latest |= decode_token(token)
    assert session._session is not None
    assert session._session.token is not None
    assert decode_token(session._session.token) == latest
    assert len(latest) == PARTITIONS


async def test_what_was_sent_before_a_failure_is_the_sessions_too(
    strata: AsyncStrata, publishing: Publishing
) -> None:
    session = strata.session()
    many = [{**RATED, "event_id": f"e{n}"} for n in range(1_500)]
    taken = publishing.log.append

    async def append(records: Sequence[EventRecord]) -> list[int]:
        if len(records) < 1_000:
            raise EventsNotTaken
        return await taken(records)

    publishing.log.append = append  # type: ignore[method-assign]
    with pytest.raises(ClientEventsNotTaken):
        await session.publish(many)
    with pytest.raises(NotYet):
        await session.profile("anna")


async def test_a_token_given_counts_instead(strata: AsyncStrata) -> None:
    session = strata.session()
    before = await strata.publish({**RATED, "user_id": "ben"})
    await session.publish(RATED)
    # Of another user's partition, or of nothing: either way not what the session wrote.
    nothing = (await strata.publish([])).token
    assert nothing == ""
    with pytest.raises(NotYet):
        await session.profile("ben", at_least=before.token)


class Remembered:
    """A cache that knows one user, and counts."""

    def __init__(self, found: QuickProfile | None) -> None:
        self.found = found
        self.asked: list[tuple[str, str]] = []

    async def read(self, tenant: str, user_id: str) -> QuickProfile | None:
        self.asked.append((tenant, user_id))
        return self.found


async def test_a_quick_profile_comes_from_the_cache_or_else_from_the_service(
    strata: AsyncStrata, publishing: Publishing
) -> None:
    from_service = await strata.quick_profile("ishmael")
    assert (from_service.source, from_service.vector) == ("http", None)
    assert (from_service.worth("moby") or 0) > 0
    assert from_service.worth("odes") is None
    cache = Remembered(from_service)
    async with AsyncStrata(
        "http://strata.test", transport=publishing.transport(), cache=cache
    ) as cached:
        assert await cached.quick_profile("ishmael") is from_service
        cache.found = None
        assert (await cached.quick_profile("ishmael")).source == "http"
        assert cache.asked == [("default", "ishmael")] * 2
        session = cached.session()
        await session.quick_profile("ishmael")
        await session.publish({**RATED, "user_id": "ishmael"})
        await publishing.taken_in()
        assert (await session.quick_profile("ishmael")).source == "http"
        # What it wrote may be newer than the cache, which cannot tell.
        assert len(cache.asked) == 3
