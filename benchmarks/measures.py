"""What is measured, beside what, and what should come out."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from benchmarks.bench import Bench, Pairs
from benchmarks.spread import Bound, Figure
from benchmarks.takes import (
    against,
    cpu_against,
    direct,
    in_batches,
    in_crowd,
    over_http,
    peak_memory,
    room_of_a_user,
    store_side,
    two_workers,
    visible,
    with_items,
    with_partitions,
    with_users,
)

__all__ = ["MEASURES", "Measure"]


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
    take: Callable[[Bench], Pairs]

    def figure(self, name: str, bench: Bench) -> Figure:
        """Measure it."""
        return Figure.of(
            name, self.what, self.unit, self.take(bench), bound=self.bound, reach=self.reach
        )


_FASTER, _SLOWER = Bound.AT_LEAST, Bound.AT_MOST
_EVENTS: Final = "events/s"

MEASURES: Final[Mapping[str, Measure]] = {
    "delivery-faust": Measure(
        "delivery to an agent, no-op / stock Faust, no-op",
        *(_EVENTS, _FASTER, 25.0, against("strata_delivery", "faust_noop")),
    ),
    "delivery-quix": Measure(
        "delivery to an agent, no-op / Quix Streams, no-op",
        *(_EVENTS, _FASTER, 2.0, against("strata_delivery", "quix_noop")),
    ),
    "delivery-bytewax": Measure(
        "delivery to an agent, no-op / Bytewax, no-op",
        *(_EVENTS, _FASTER, 2.0, against("strata_delivery", "bytewax_noop")),
    ),
    "decode-confluent": Measure(
        "delivery and validated decode / raw confluent-kafka and the same decode",
        _EVENTS,
        _FASTER,
        0.5,
        against("strata_delivery", "confluent_decode", options={"decode": 1}),
    ),
    "decode-cpu": Measure(
        "delivery and validated decode, processor time / raw confluent-kafka and the same decode",
        "µs",
        _SLOWER,
        None,
        cpu_against("strata_delivery", "confluent_decode", options={"decode": 1}),
    ),
    "job-cpu": Measure(
        "the whole job, the worker's processor time / stock Faust, no-op",
        *("µs", _SLOWER, None, cpu_against("whole_job", "faust_noop")),
    ),
    "job-faust": Measure(
        "the whole job / stock Faust, no-op",
        *(_EVENTS, _FASTER, 3.0, against("whole_job", "faust_noop")),
    ),
    "job-quix": Measure(
        "the whole job / its first half in Quix Streams, written per event",
        *(_EVENTS, _FASTER, 10.0, against("whole_job", "quix_job")),
    ),
    "job-quix-batched": Measure(
        "the whole job / its first half in Quix Streams, sink batched",
        *(_EVENTS, _FASTER, 3.0, against("whole_job", "quix_job", peer={"batched": 1})),
    ),
    "backfill": Measure(
        "the whole job as `strata replay` does it / as a live worker does",
        _EVENTS,
        _FASTER,
        2.0,
        against("whole_job", "whole_job", options={"backfill": 1}),
    ),
    "users": Measure(
        "the whole job with 1 000 000 users / with 10 000",
        _EVENTS,
        _FASTER,
        0.7,
        with_users(1_000_000),
    ),
    "users-100k": Measure(
        "the whole job with 100 000 users / with 10 000",
        *(_EVENTS, _FASTER, None, with_users(100_000)),
    ),
    "items": Measure(
        "the whole job once 100 000 items are described / once 1 000 are",
        _EVENTS,
        _FASTER,
        None,
        with_items(100_000, 1_000),
    ),
    "partitions-1": Measure(
        "the whole job over 1 partition / over 4", _EVENTS, _FASTER, None, with_partitions(1)
    ),
    "partitions-2": Measure(
        "the whole job over 2 partitions / over 4", _EVENTS, _FASTER, None, with_partitions(2)
    ),
    "workers-2": Measure(
        "the whole job in two workers / in one, both over the Qdrant server of the tests",
        *(_EVENTS, _FASTER, None, two_workers),
    ),
    "visible": Measure(
        "from publishing to visible in a lookup, at half of the top rate, p99",
        *("ms", _SLOWER, 500.0, visible(lambda one: one.p99_ms)),
    ),
    "visible-p50": Measure(
        "from publishing to visible in a lookup, at half of the top rate, p50",
        *("ms", _SLOWER, None, visible(lambda one: one.p50_ms)),
    ),
    "memory": Measure(
        "peak memory of a worker, events of 1 000 000 users",
        "MB",
        _SLOWER,
        None,
        peak_memory(1_000_000),
    ),
    "lookup-redis": Measure(
        "lookup in Redis, decoded, median / redis-py's GET of the same bytes",
        *("µs", _SLOWER, 1.5, direct),
    ),
    "lookup-batch": Measure(
        "100 lookups at once in Redis, decoded, of each / redis-py's MGET of the same bytes",
        *("µs", _SLOWER, None, in_batches),
    ),
    "lookup-users-100k": Measure(
        "lookup in Redis, decoded, median, among 100 000 profiles / among 10 000",
        *("µs", _SLOWER, None, in_crowd(100_000)),
    ),
    "lookup-users-1m": Measure(
        "lookup in Redis, decoded, median, among 1 000 000 profiles / among 10 000",
        *("µs", _SLOWER, None, in_crowd(1_000_000)),
    ),
    "lookup-http": Measure(
        "GET /v1/profiles/{id} at 500/s, p99 / a FastAPI route that returns the same bytes",
        *("ms", _SLOWER, 1.5, over_http(lambda one: one.p99_ms, rate=500)),
    ),
    "lookup-http-200": Measure(
        "GET /v1/profiles/{id} at 200/s, p99 / a FastAPI route that returns the same bytes",
        *("ms", _SLOWER, 1.5, over_http(lambda one: one.p99_ms, rate=200)),
    ),
    "lookup-http-cpu": Measure(
        "GET /v1/profiles/{id}, processor time / a FastAPI route that returns the same bytes",
        *("µs", _SLOWER, 1.5, over_http(lambda one: one.cpu_us, rate=500)),
    ),
    "feast-push": Measure(
        "a flushed profile into Redis, of 250 at once / Feast's push of a vector and features",
        *("µs", _SLOWER, None, store_side("push_us")),
    ),
    "feast-read": Measure(
        "lookup in Redis, decoded, median / Feast's get_online_features of one entity",
        *("µs", _SLOWER, None, store_side("read_us")),
    ),
    "bytes": Measure(
        "a user with 100 entries and 128 d, in Qdrant (without its log) and Redis",
        "bytes",
        _SLOWER,
        4_096.0,
        room_of_a_user,
    ),
}
