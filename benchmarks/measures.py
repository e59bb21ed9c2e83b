"""What is measured, beside what, and what should come out."""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Final

from benchmarks.contenders.task import Result
from benchmarks.footprint import bytes_per_user
from benchmarks.ground import Ground
from benchmarks.http_lookups import Served, served
from benchmarks.load import Load
from benchmarks.lookups import cached, direct_us
from benchmarks.people import people
from benchmarks.running import run
from benchmarks.spread import Bound, Figure
from lookup.loops import run as run_serving

__all__ = ["MEASURES", "Bench", "Measure"]

_PERSONS: Final = 500
_HISTORY: Final = 100
_USUAL_PARTITIONS: Final = 4

Options = Mapping[str, float | str]
_PLAIN: Final[Options] = {}


@dataclass(slots=True)
class Bench:
    """Where and how much is measured.

    Attributes:
        repeats: Pairs of runs of each comparison, one contender after the other.
        say: Told one line before each step.
    """

    ground: Ground
    load: Load
    repeats: int
    say: Callable[[str], None]
    _filled: Load | None = None

    def rate(self, contender: str, load: Load | None = None, options: Options = _PLAIN) -> float:
        """Events per second of one run, over topics that hold `load`."""
        return self.result(contender, load, options).per_second

    def over(self, partitions: int) -> "Bench":
        """The same, with another number of partitions; what is filled is filled anew."""
        return Bench(replace(self.ground, partitions=partitions), self.load, self.repeats, self.say)

    def result(self, contender: str, load: Load | None = None, options: Options = _PLAIN) -> Result:
        """One run, over topics that hold `load`."""
        load = self.load if load is None else load
        if load != self._filled:
            self.say(f"publishing {load.events:,} events of {load.users:,} users")
            asyncio.run(self.ground.fill(items=load.item_events(), events=load.interactions()))
            self._filled = load
        else:
            asyncio.run(self.ground.renew())
        self.say(f"running {contender}")
        return run(
            contender, self.ground, events=load.events, options={"items": load.items, **options}
        )

    def pairs(
        self, ours: Callable[[], float], theirs: Callable[[], float]
    ) -> list[tuple[float, float | None]]:
        """One after the other, as often as asked: a slow hour is one for both."""
        return [(ours(), theirs()) for _ in range(self.repeats)]


@dataclass(frozen=True, slots=True)
class Measure:
    """One row of the table.

    Attributes:
        what: Ours, and what it is compared with.
        reach: See `Figure`.
        take: Pairs of figures.
    """

    what: str
    unit: str
    bound: Bound
    reach: float | None
    take: Callable[[Bench], list[tuple[float, float | None]]]

    def figure(self, name: str, bench: Bench) -> Figure:
        """Measure it."""
        return Figure.of(
            name, self.what, self.unit, self.take(bench), bound=self.bound, reach=self.reach
        )


def _against(
    ours: str,
    theirs: str,
    *,
    options: Options = _PLAIN,
    peer: Options = _PLAIN,
) -> Callable[[Bench], list[tuple[float, float | None]]]:
    return lambda bench: bench.pairs(
        lambda: bench.rate(ours, options=options), lambda: bench.rate(theirs, options=peer)
    )


def _users(bench: Bench) -> list[tuple[float, float | None]]:
    many, few = replace(bench.load, users=1_000_000), replace(bench.load, users=10_000)
    return bench.pairs(lambda: bench.rate("whole_job", many), lambda: bench.rate("whole_job", few))


def _items(bench: Bench) -> list[tuple[float, float | None]]:
    many, few = replace(bench.load, items=100_000), replace(bench.load, items=1_000)
    return bench.pairs(lambda: bench.rate("whole_job", many), lambda: bench.rate("whole_job", few))


def _partitions(number: int) -> Callable[[Bench], list[tuple[float, float | None]]]:
    def pairs(bench: Bench) -> list[tuple[float, float | None]]:
        # A new number fills the topics anew each time, so both sides pay for that alike.
        return bench.pairs(
            lambda: bench.over(number).rate("whole_job"),
            lambda: bench.over(_USUAL_PARTITIONS).rate("whole_job"),
        )

    return pairs


def _memory(bench: Bench) -> list[tuple[float, float | None]]:
    load = replace(bench.load, users=1_000_000)
    found = [bench.result("whole_job", load).figures["peak_mb"] for _ in range(bench.repeats)]
    return [(one, None) for one in found]


def _direct(bench: Bench) -> list[tuple[float, float | None]]:
    persons = people(_PERSONS, entries=_HISTORY)

    async def measured() -> list[tuple[float, float]]:
        await cached(bench.ground.redis_url, persons)
        return await direct_us(
            bench.ground.redis_url, persons, lookups=1_000, rounds=max(5, bench.repeats)
        )

    bench.say("looking profiles up in Redis")
    return [*asyncio.run(measured())]


def _http(
    of: Callable[[Served], float], *, rate: float
) -> Callable[[Bench], list[tuple[float, float | None]]]:
    async def measured(bench: Bench) -> list[tuple[Served, Served]]:
        persons = people(_PERSONS, entries=_HISTORY)
        await cached(bench.ground.redis_url, persons)
        return await served(
            bench.ground.redis_url, persons, rate=rate, seconds=5, rounds=max(3, bench.repeats)
        )

    def pairs(bench: Bench) -> list[tuple[float, float | None]]:
        bench.say(f"looking profiles up over HTTP, {rate:g} a second")
        return [(of(ours), of(theirs)) for ours, theirs in run_serving(measured(bench))]

    return pairs


def _bytes(bench: Bench) -> list[tuple[float, float | None]]:
    bench.say("storing users with 100 items of history")
    return [(asyncio.run(bytes_per_user(bench.ground, entries=_HISTORY)), None)]


_FASTER, _SLOWER = Bound.AT_LEAST, Bound.AT_MOST
_EVENTS: Final = "events/s"

MEASURES: Final[Mapping[str, Measure]] = {
    "delivery-faust": Measure(
        "delivery to an agent, no-op / stock Faust, no-op",
        *(_EVENTS, _FASTER, 25.0, _against("strata_delivery", "faust_noop")),
    ),
    "delivery-quix": Measure(
        "delivery to an agent, no-op / Quix Streams, no-op",
        *(_EVENTS, _FASTER, 2.0, _against("strata_delivery", "quix_noop")),
    ),
    "delivery-bytewax": Measure(
        "delivery to an agent, no-op / Bytewax, no-op",
        *(_EVENTS, _FASTER, 2.0, _against("strata_delivery", "bytewax_noop")),
    ),
    "decode-confluent": Measure(
        "delivery and validated decode / raw confluent-kafka and the same decode",
        _EVENTS,
        _FASTER,
        0.5,
        _against("strata_delivery", "confluent_decode", options={"decode": 1}),
    ),
    "job-faust": Measure(
        "the whole job / stock Faust, no-op",
        *(_EVENTS, _FASTER, 3.0, _against("whole_job", "faust_noop")),
    ),
    "job-quix": Measure(
        "the whole job / its first half in Quix Streams, written per event",
        *(_EVENTS, _FASTER, 10.0, _against("whole_job", "quix_job")),
    ),
    "job-quix-batched": Measure(
        "the whole job / its first half in Quix Streams, sink batched",
        *(_EVENTS, _FASTER, 3.0, _against("whole_job", "quix_job", peer={"batched": 1})),
    ),
    "backfill": Measure(
        "the whole job, flushed every 10 s / every 0.25 s",
        _EVENTS,
        _FASTER,
        2.0,
        _against(
            "whole_job", "whole_job", options={"flush_interval_s": 10.0, "dirty_users": 50_000}
        ),
    ),
    "users": Measure(
        "the whole job with 1 000 000 users / with 10 000", _EVENTS, _FASTER, 0.7, _users
    ),
    "items": Measure(
        "the whole job with 100 000 items / with 1 000", _EVENTS, _FASTER, None, _items
    ),
    "partitions-1": Measure(
        "the whole job over 1 partition / over 4", _EVENTS, _FASTER, None, _partitions(1)
    ),
    "partitions-2": Measure(
        "the whole job over 2 partitions / over 4", _EVENTS, _FASTER, None, _partitions(2)
    ),
    "memory": Measure(
        "peak memory of a worker, events of 1 000 000 users", "MB", _SLOWER, None, _memory
    ),
    "lookup-redis": Measure(
        "lookup in Redis, decoded, median / redis-py's GET of the same bytes",
        *("µs", _SLOWER, 1.5, _direct),
    ),
    "lookup-http": Measure(
        "GET /v1/profiles/{id} at 500/s, p99 / a FastAPI route that returns the same bytes",
        *("ms", _SLOWER, 1.5, _http(lambda one: one.p99_ms, rate=500)),
    ),
    "lookup-http-200": Measure(
        "GET /v1/profiles/{id} at 200/s, p99 / a FastAPI route that returns the same bytes",
        *("ms", _SLOWER, 1.5, _http(lambda one: one.p99_ms, rate=200)),
    ),
    "lookup-http-cpu": Measure(
        "GET /v1/profiles/{id}, processor time / a FastAPI route that returns the same bytes",
        *("µs", _SLOWER, 1.5, _http(lambda one: one.cpu_us, rate=500)),
    ),
    "bytes": Measure(
        "a user with 100 entries and 128 d, in Qdrant and Redis", "bytes", _SLOWER, 4_096.0, _bytes
    ),
}
