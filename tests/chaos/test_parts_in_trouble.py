"""A worker whose parts are slow, refuse, break off or do not answer waits, and then catches up."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from functools import partial
from typing import Final
from urllib.parse import parse_qs, urlsplit

import pytest
from aiokafka.admin import AIOKafkaAdminClient
from oracle import first_ten
from proxy import Proxy, Trouble, proxied
from write_side.equality import differences
from write_side.ground import Ground
from write_side.observing import observe
from write_side.publishing import Event, publish
from write_side.running import Running, learning, options_of, running
from write_side.stories import village
from write_side.waiting import eventually

pytestmark = [pytest.mark.anyio, pytest.mark.stack]

SESSION_S: Final = 6.0
TROUBLES: Final = (Trouble.SLOW, Trouble.CUT, Trouble.UNANSWERED, Trouble.REFUSING)
LASTS_S: Final = 2.5


def waves() -> list[list[Event]]:
    """Events of every reader in every wave; the first knows all items."""
    story = village(events_per_reader=len(TROUBLES) + 1)
    count = len(TROUBLES) + 1
    each = len(story.events) // count
    parts = [list(story.events[turn * each : (turn + 1) * each]) for turn in range(count)]
    return [[*story.items, *parts[0]], *parts[1:]]


async def members_of(ground: Ground) -> list[str]:
    """Ids under which the group knows its members; a member that was given up gets another."""
    admin = AIOKafkaAdminClient(bootstrap_servers=ground.bootstrap)
    await admin.start()
    try:
        (answer,) = await admin.describe_consumer_groups([ground.namespace])
        groups = answer.to_object()["groups"]
        return [member["member_id"] for group in groups for member in group["members"]]
    finally:
        await admin.close()


async def in_trouble(ground: Ground, work: Running, proxies: Sequence[Proxy]) -> None:
    """One trouble after the other while events come, each ended by peace."""
    first, *others = waves()
    await publish(ground.bootstrap, first, partitions=ground.partitions)
    await work.until_quiet(learned=False)
    for trouble, wave in zip(TROUBLES, others, strict=True):
        for proxy in proxies:
            proxy.meet(trouble)
        await publish(ground.bootstrap, wave, partitions=ground.partitions)
        await asyncio.sleep(SESSION_S + LASTS_S if trouble is Trouble.REFUSING else LASTS_S)
        # A busy machine comes to it later.
        await eventually(partial(_have_met, proxies, trouble))
        assert not work.task.done()
        for proxy in proxies:
            proxy.meet(Trouble.NONE)


async def _have_met(proxies: Sequence[Proxy], trouble: Trouble) -> bool:
    return any(proxy.met[trouble] for proxy in proxies)


async def assert_all_is_well(ground: Ground, work: Running) -> None:
    await work.until_quiet(learned=False)
    async with ground.opened() as opened:
        observed = await observe(ground, opened)
    events = [event for wave in waves() for event in wave]
    verdict = differences(observed, events, partitions=ground.partitions)
    assert not verdict.lines, first_ten(iter(verdict.lines))
    assert verdict.compared["users"] > 0


@asynccontextmanager
async def working(ground: Ground, seen: Ground) -> AsyncIterator[Running]:
    """A worker that reaches its parts as `seen` says."""
    options = replace(
        options_of(ground),
        bootstrap=seen.bootstrap,
        learning=learning(learns=False),
        session_timeout_s=SESSION_S,
    )
    async with (
        ground.opened() as direct,
        replace(seen, timeout_s=1.0).opened() as opened,
        running(ground, direct, options=options, stores=opened.for_worker()) as work,
    ):
        yield work


async def test_redis_in_trouble(shared_ground: Ground) -> None:
    """Its partitions stay its own, as heartbeats go on."""
    ground = shared_ground
    async with proxied(urlsplit(ground.redis_url).port or 0) as proxy:
        seen = replace(ground, redis_url=f"redis://127.0.0.1:{proxy.port}/0")
        async with working(ground, seen) as work:
            await work.worker.ready.wait()
            members = await members_of(ground)
            await in_trouble(ground, work, [proxy])
            assert await members_of(ground) == members
            await assert_all_is_well(ground, work)


async def test_qdrant_in_trouble(shared_ground: Ground) -> None:
    """A write that was not answered may have been applied, or not, or in part."""
    ground = shared_ground
    url = urlsplit(ground.qdrant_url)
    async with (
        proxied(url.port or 0) as rest,
        proxied(int(parse_qs(url.query)["grpc_port"][0])) as grpc,
    ):
        there = f"http://127.0.0.1:{rest.port}?grpc_port={grpc.port}"
        async with working(ground, replace(ground, qdrant_url=there)) as work:
            await work.worker.ready.wait()
            members = await members_of(ground)
            await in_trouble(ground, work, [rest, grpc])
            assert await members_of(ground) == members
            await assert_all_is_well(ground, work)


async def test_kafka_in_trouble(shared_ground: Ground) -> None:
    """What was sent and not answered is sent again, and counted once."""
    ground = shared_ground
    async with proxied(int(ground.bootstrap.rpartition(":")[2]), names_itself=True) as proxy:
        seen = replace(ground, bootstrap=f"127.0.0.1:{proxy.port}")
        async with working(ground, seen) as work:
            await in_trouble(ground, work, [proxy])
            await assert_all_is_well(ground, work)
