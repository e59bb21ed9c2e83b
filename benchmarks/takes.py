"""How each kind of row comes to its pairs of figures."""

import asyncio
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Final

from benchmarks.bench import PLAIN, Bench, Options, Pairs
from benchmarks.contenders.task import Result
from benchmarks.crowds import among_us
from benchmarks.footprint import bytes_per_user
from benchmarks.http_lookups import Served, served
from benchmarks.load import Load
from benchmarks.lookups import batches_us, cached, direct_us
from benchmarks.people import people
from benchmarks.qdrant import test_server
from benchmarks.running import FEAST
from benchmarks.visible import Seen, seen
from benchmarks.workers import working
from lookup.loops import run as run_serving
from schemas import topics

__all__ = [
    "against",
    "cpu_against",
    "direct",
    "in_batches",
    "in_crowd",
    "over_http",
    "peak_memory",
    "room_of_a_user",
    "store_side",
    "two_workers",
    "visible",
    "with_items",
    "with_partitions",
    "with_users",
]

_PERSONS: Final = 500
_HISTORY: Final = 100
_USUAL_PARTITIONS: Final = 4
_FEW_USERS: Final = 10_000
_DRAIN_S: Final = 600.0
_PUSHED: Final = 10_000
_PUSHED_AT_ONCE: Final = 250

Take = Callable[[Bench], Pairs]


def against(ours: str, theirs: str, *, options: Options = PLAIN, peer: Options = PLAIN) -> Take:
    """Events per second of two contenders."""
    return lambda bench: bench.pairs(
        lambda: bench.rate(ours, options=options), lambda: bench.rate(theirs, options=peer)
    )


def cpu_against(ours: str, theirs: str, *, options: Options = PLAIN) -> Take:
    """Processor time per event of two contenders' processes, in µs."""
    return lambda bench: bench.pairs(
        lambda: bench.result(ours, options=options).cpu_us, lambda: bench.result(theirs).cpu_us
    )


def with_users(many: int) -> Take:
    """The whole job's rate with events of so many users, and of 10 000."""

    def pairs(bench: Bench) -> Pairs:
        loads = [replace(bench.load, users=users) for users in (many, _FEW_USERS)]
        return bench.pairs(
            lambda: bench.rate("whole_job", loads[0]), lambda: bench.rate("whole_job", loads[1])
        )

    return pairs


def with_items(many: int, few: int) -> Take:
    """The whole job's rate once so many items are described, and so few."""

    def pairs(bench: Bench) -> Pairs:
        loads = [replace(bench.load, items=items) for items in (many, few)]
        return bench.pairs(
            lambda: _rate_once_described(bench, loads[0]),
            lambda: _rate_once_described(bench, loads[1]),
        )

    return pairs


def _rate_once_described(
    bench: Bench, load: Load, *, workers: int = 1, options: Options = PLAIN
) -> float:
    """Events per second of workers that have taken in all items before the first event."""
    bench.described(load)
    records = list(load.interactions())
    bench.say(f"running {workers} of live_worker, with {load.items:,} items")
    with working(bench.ground, workers=workers, options={**options}) as group:
        group.wait_until_drained(_DRAIN_S)
        start_s = time.perf_counter()
        bench.ground.publish(topics.INTERACTIONS, records)
        return len(records) / (group.wait_until_drained(_DRAIN_S) - start_s)


def with_partitions(number: int) -> Take:
    """The whole job's rate over so many partitions, and over four."""

    def pairs(bench: Bench) -> Pairs:
        # A new number fills the topics anew each time, so both sides pay for that alike.
        return bench.pairs(
            lambda: bench.over(number).rate("whole_job"),
            lambda: bench.over(_USUAL_PARTITIONS).rate("whole_job"),
        )

    return pairs


def two_workers(bench: Bench) -> Pairs:
    """The whole job's rate of two workers, and of one, over the Qdrant server that tests use."""

    def rate(workers: int) -> float:
        with test_server(bench.ground.room("qdrant")) as server:
            options = {"qdrant_url": server.grpc_url}
            return _rate_once_described(bench, bench.load, workers=workers, options=options)

    return bench.pairs(lambda: rate(2), lambda: rate(1))


def visible(of: Callable[[Seen], float]) -> Take:
    """From when an event is due until a lookup shows it, published at half of the top rate."""

    def figures(bench: Bench) -> Pairs:
        while len(bench.seen) < bench.repeats:
            rate = bench.top_rate() / 2
            bench.described()
            bench.say(f"publishing {rate:,.0f} events a second, and looking them up")
            found = seen(bench.ground, bench.load, rate=rate)
            bench.say(
                f"{found.watched:,} watched, p50 {found.p50_ms:.0f} ms, p99 {found.p99_ms:.0f} ms; "
                f"the publisher was at most {found.late_ms:.0f} ms late"
            )
            bench.seen.append(found)
        return [(of(one), None) for one in bench.seen]

    return figures


def peak_memory(users: int) -> Take:
    """Of a worker over events of so many users, in MB."""

    def figures(bench: Bench) -> Pairs:
        load = replace(bench.load, users=users)
        found = [bench.result("whole_job", load) for _ in range(bench.repeats)]
        return [(one.figures["peak_mb"], None) for one in found]

    return figures


def direct(bench: Bench) -> Pairs:
    """One decoded lookup in Redis, and redis-py's GET of the same bytes."""
    persons = people(_PERSONS, entries=_HISTORY)

    async def measured() -> list[tuple[float, float]]:
        await cached(bench.ground.redis_url, persons)
        return await direct_us(
            bench.ground.redis_url, persons, lookups=1_000, rounds=max(5, bench.repeats)
        )

    bench.say("looking profiles up in Redis")
    return [*asyncio.run(measured())]


def in_batches(bench: Bench) -> Pairs:
    """A user's part of 100 decoded lookups at once, and of redis-py's MGET of the same bytes."""
    persons = people(_PERSONS, entries=_HISTORY)

    async def measured() -> list[tuple[float, float]]:
        await cached(bench.ground.redis_url, persons)
        return await batches_us(
            bench.ground.redis_url, persons, at_once=100, calls=100, rounds=max(5, bench.repeats)
        )

    bench.say("looking many profiles up at once in Redis")
    return [*asyncio.run(measured())]


def in_crowd(many: int) -> Take:
    """One decoded lookup in Redis among so many profiles, and among 10 000."""

    def pairs(bench: Bench) -> Pairs:
        bench.say(f"caching {many:,} profiles")
        found = among_us(
            bench.ground.room("crowds"),
            many=many,
            few=_FEW_USERS,
            lookups=2_000,
            rounds=max(5, bench.repeats),
        )
        return [*asyncio.run(found)]

    return pairs


def over_http(of: Callable[[Served], float], *, rate: float) -> Take:
    """`GET /v1/profiles/{id}` at a rate per second, and a route that returns the same bytes."""

    async def measured(bench: Bench) -> list[tuple[Served, Served]]:
        persons = people(_PERSONS, entries=_HISTORY)
        await cached(bench.ground.redis_url, persons)
        return await served(
            bench.ground.redis_url, persons, rate=rate, seconds=5, rounds=max(3, bench.repeats)
        )

    def pairs(bench: Bench) -> Pairs:
        bench.say(f"looking profiles up over HTTP, {rate:g} a second")
        return [(of(ours), of(theirs)) for ours, theirs in run_serving(measured(bench))]

    return pairs


def store_side(figure: str) -> Take:
    """What a row, or a read, takes in our Redis store and in Feast's."""
    options: Options = {"batch": _PUSHED_AT_ONCE, "lookups": 2_000}

    def one(bench: Bench) -> tuple[Result, Result]:
        return (
            bench.alone("strata_store", events=_PUSHED, options=options),
            bench.alone("feast_store", events=_PUSHED, options=options, interpreter=FEAST),
        )

    def pairs(bench: Bench) -> Pairs:
        bench.stored.extend(one(bench) for _ in range(bench.repeats - len(bench.stored)))
        return [(ours.figures[figure], theirs.figures[figure]) for ours, theirs in bench.stored]

    return pairs


def room_of_a_user(bench: Bench) -> Pairs:
    """Bytes of a user in Qdrant and Redis."""
    bench.say("storing users with 100 items of history")
    return [(asyncio.run(bytes_per_user(bench.ground, entries=_HISTORY)), None)]
