"""Redis: reachable, which, in step with this clock, and how far the statistics are built."""

import time
from collections.abc import AsyncIterator
from typing import Final

from redis.asyncio import Redis
from redis.exceptions import RedisError

from cli.connecting import RedisSite
from cli.doctor.findings import Finding, right, wrong
from cli.settings import without_password
from profiles.declared import asked_epoch, declaration_of
from profiles.ports import StoreUnavailable
from stores.connect import open_redis
from stores.errors import StoreMismatch, UnknownStore

__all__ = ["examine_redis"]

_TIMEOUT_S: Final = 5.0
_MOST_SKEW_S: Final = 5.0
_ADVICE: Final = "start it, or correct STRATA_REDIS_URL"


async def examine_redis(site: RedisSite, *, declaration: int | None) -> AsyncIterator[Finding]:
    """Findings in the order in which they depend on each other.

    Args:
        declaration: Version of the declared personas of the settings; None if they
            cannot be read.
    """
    shown = without_password(site.redis_url)
    client = Redis.from_url(
        site.redis_url, socket_timeout=_TIMEOUT_S, socket_connect_timeout=_TIMEOUT_S
    )
    try:
        about = await client.info("server")
        asked = time.time()
        seconds, microseconds = await client.time()
        now = time.time()
        memory = await client.info("memory")
    except (RedisError, OSError, ValueError) as error:
        yield wrong("Redis", f"{shown} does not answer: {error}", _ADVICE)
        return
    finally:
        await client.aclose()
    kind = (
        f"Valkey {about['valkey_version']}"
        if "valkey_version" in about
        else (f"Redis {about.get('redis_version')}")
    )
    yield right("Redis", f"{shown} answers, {kind}, {memory.get('used_memory_human')} in use")
    # The server read its clock somewhere between the two readings of ours.
    skew_s = seconds + microseconds / 1e6 - (asked + now) / 2
    if abs(skew_s) - (now - asked) / 2 > _MOST_SKEW_S:
        yield wrong(
            "clocks",
            f"that of Redis is {abs(skew_s):.0f} s {'ahead of' if skew_s > 0 else 'behind'} ours",
            "let NTP set both",
        )
    else:
        yield right("clocks", f"Redis' and ours differ by {abs(skew_s) * 1_000:.0f} ms")
    async for finding in _built(site, declaration):
        yield finding


async def _built(site: RedisSite, declaration: int | None) -> AsyncIterator[Finding]:
    try:
        stores = await open_redis(
            site.redis_url, namespace=site.namespace, partitions=site.partitions
        )
    except (StoreUnavailable, UnknownStore, StoreMismatch) as error:
        yield wrong("statistics", str(error), _ADVICE)
        return
    try:
        wanted = await stores.aggregates.wanted_epoch()
        built = [await stores.aggregates.built_epoch(part) for part in range(site.partitions)]
    except StoreUnavailable as error:
        yield wrong("statistics", str(error), _ADVICE)
        return
    finally:
        await stores.close()
    stale = [
        part for part, build in enumerate(built) if build is None or asked_epoch(build) != wanted
    ]
    elsewhere = [
        part
        for part, build in enumerate(built)
        if build is not None and declaration not in (None, declaration_of(build))
    ]
    if stale:
        yield wrong(
            "statistics",
            f"partitions {', '.join(map(str, stale))} are not built for epoch {wanted}: answers "
            "say `stale`",
            "wait if a rebuild is under way; otherwise a worker must own them",
        )
    elif elsewhere:
        yield wrong(
            "statistics",
            f"partitions {', '.join(map(str, elsewhere))} are counted by other declared personas "
            "than the settings name",
            "restart the workers with the same STRATA_PERSONAS",
        )
    else:
        yield right("statistics", f"all {site.partitions} partitions are built, epoch {wanted}")
