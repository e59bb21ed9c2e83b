"""What workers count about themselves, for Prometheus; base units, no person's name, no tenant.

Histograms and counters of what passes are raised once per batch or flush (`streams.watching`);
everything else is read from the workers when somebody asks.
"""

import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Final

from prometheus_client import CollectorRegistry, Counter, Histogram
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.registry import Collector

from schemas import topics
from schemas.rejection import Reason
from streams.batches import RecordBatch
from streams.retrying import retries
from streams.watching import Figures, Watch

__all__ = ["WorkerMetrics"]

_FAST_S: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
_FRESHNESS_S: Final = (0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0, 1800.0)
_USERS: Final = (1, 10, 50, 100, 500, 1_000, 5_000, 10_000, 50_000)

_OUTCOMES: Final[Mapping[str, str]] = {
    "folded": "folded",
    "repeated": "repeated",
    "redelivered": "redelivered",
    "refused": "refused",
    "forwarded": "forwarded",
    "dead-letters": "dead_letter",
}

# What a topic carries is named after the type that most of it is: of records that cannot be read,
# nothing else is known. `identity` counts as attributes, `item_retired` as item.
_TYPE_OF: Final[Mapping[str, str]] = {
    topic: kind for kind, topic in reversed(list(topics.TOPIC_OF.items()))
}

_READ: Final = frozenset({*topics.USER_TOPICS, topics.ITEMS, topics.PROFILE_UPDATES})

_FIGURES: Final[tuple[tuple[str, str, Callable[[Figures], float]], ...]] = (
    ("strata_owned_partitions", "Partitions of users that the worker owns.",
     lambda one: one.owned_partitions),
    ("strata_held_users", "Users in memory.", lambda one: one.held_users),
    ("strata_dirty_users", "Users who have changed and are not stored yet.",
     lambda one: one.dirty_users),
    ("strata_personas", "Personas in force, of all tenants.", lambda one: one.personas),
    ("strata_items", "Items with a vector, of all tenants.", lambda one: one.items),
)  # fmt: skip
_TOTALS: Final[tuple[tuple[str, str, Callable[[Figures], float]], ...]] = (
    ("strata_written_users", "States of users stored.", lambda one: one.written_users),
    ("strata_applied_updates", "Changes of users added to the counters.",
     lambda one: one.applied_updates),
    ("strata_rebuilds", "Times that a partition's counters were summed afresh.",
     lambda one: one.rebuilds),
    ("strata_sweeps", "Times that a partition's users were gone through.", lambda one: one.sweeps),
    ("strata_swept_users", "Users brought up to date by sweeps.", lambda one: one.swept_users),
    ("strata_embedded_items", "Texts of items turned into vectors.",
     lambda one: one.embedded_items),
    ("strata_erased_users", "Users erased.", lambda one: one.erased_users),
)  # fmt: skip


class WorkerMetrics(Collector):
    """Of the workers of one process, each under the version of profiles that it works for.

    Args:
        registry: Where they are exposed; every name in it comes from here once.
        clock_s: Seconds since the epoch.
    """

    def __init__(
        self, registry: CollectorRegistry, *, clock_s: Callable[[], float] = time.time
    ) -> None:
        self.clock_s = clock_s
        self._workers: dict[str, Callable[[], Figures]] = {}
        self.events = Counter(
            "strata_events_total",
            "Records of events by what became of them; after a failure some are counted again.",
            ("version", "type", "outcome"),
            registry=registry,
        )
        self.letters = Counter(
            "strata_dead_letters_total",
            "Records that are no event, by reason.",
            ("version", "reason"),
            registry=registry,
        )
        self.freshness_s = Histogram(
            "strata_freshness_seconds",
            "From the broker's time of a batch's oldest record until its effect can be looked up.",
            ("version",),
            buckets=_FRESHNESS_S,
            registry=registry,
        )
        self.folds_s = Histogram(
            "strata_fold_duration_seconds",
            "For the records of one batch, at most 512: read, decided on, folded in memory.",
            ("version", "type"),
            buckets=_FAST_S,
            registry=registry,
        )
        self.flushes_s = Histogram(
            "strata_flush_duration_seconds",
            "Making what was folded durable, visible and committed.",
            ("version",),
            buckets=_FAST_S,
            registry=registry,
        )
        self.flushed_users = Histogram(
            "strata_flush_users",
            "Users whom a flush has stored.",
            ("version",),
            buckets=_USERS,
            registry=registry,
        )
        self.failed_flushes = Counter(
            "strata_flush_failures_total",
            "Flushes that did not end; their records are read again.",
            ("version",),
            registry=registry,
        )
        registry.register(self)

    def watch(self, version: str) -> Watch:
        """For a worker of the version."""
        return _Watched(self, version)

    @contextmanager
    def working(self, version: str, figures: Callable[[], Figures]) -> Iterator[None]:
        """Ask this worker for its figures meanwhile."""
        self._workers[version] = figures
        try:
            yield
        finally:
            # Another worker of the version may have begun meanwhile.
            if self._workers.get(version) is figures:
                del self._workers[version]

    def describe(self) -> Iterable[GaugeMetricFamily | CounterMetricFamily]:
        """Names alone: nothing is asked of the workers."""
        return _families({})

    def collect(self) -> Iterable[GaugeMetricFamily | CounterMetricFamily]:
        """Figures of the workers, now."""
        return _families({version: asked() for version, asked in list(self._workers.items())})


class _Watched(Watch):
    """Counts what one worker does."""

    def __init__(self, metrics: WorkerMetrics, version: str) -> None:
        self._metrics = metrics
        self._version = version
        # Folded, and not visible yet: the broker's time of each batch's oldest record.
        self._pending_ms: list[int] = []

    @contextmanager
    def working(self, figures: Callable[[], Figures]) -> Iterator[None]:
        with self._metrics.working(self._version, figures):
            yield

    @contextmanager
    def folding(self, chunk: RecordBatch, counts: Mapping[str, int]) -> Iterator[None]:
        kind = _TYPE_OF.get(chunk.topic, "other")
        before = {name: counts.get(name, 0) for name in _OUTCOMES}
        started_s = time.perf_counter()
        yield
        metrics, version = self._metrics, self._version
        metrics.folds_s.labels(version, kind).observe(time.perf_counter() - started_s)
        for name, outcome in _OUTCOMES.items():
            if more := counts.get(name, 0) - before[name]:
                metrics.events.labels(version, kind, outcome).inc(more)
        oldest_ms = chunk.records[0].timestamp
        if chunk.topic == topics.ITEMS:
            # Stored and announced already.
            self._observe_freshness([oldest_ms])
        else:
            self._pending_ms.append(oldest_ms)

    def rejected(self, reasons: Mapping[Reason, int]) -> None:
        for reason, records in reasons.items():
            self._metrics.letters.labels(self._version, reason.value).inc(records)

    @contextmanager
    def flushing(self, users: int) -> Iterator[None]:
        metrics, version = self._metrics, self._version
        started_s = time.perf_counter()
        try:
            yield
        except BaseException:
            metrics.failed_flushes.labels(version).inc()
            raise
        metrics.flushes_s.labels(version).observe(time.perf_counter() - started_s)
        metrics.flushed_users.labels(version).observe(users)
        self._observe_freshness(self._pending_ms)
        self._pending_ms.clear()

    def forgotten(self) -> None:
        self._pending_ms.clear()

    def _observe_freshness(self, oldest_ms: Iterable[int]) -> None:
        now_s = self._metrics.clock_s()
        freshness_s = self._metrics.freshness_s.labels(self._version)
        for one_ms in oldest_ms:
            # The broker's clock may be ahead of ours.
            freshness_s.observe(max(0.0, now_s - one_ms / 1e3))


def _families(
    found: Mapping[str, Figures],
) -> Iterator[GaugeMetricFamily | CounterMetricFamily]:
    for name, says, value_of in _FIGURES:
        gauge = GaugeMetricFamily(name, says, labels=("version",))
        for version, figures in found.items():
            gauge.add_metric((version,), value_of(figures))
        yield gauge
    for name, says, value_of in _TOTALS:
        total = CounterMetricFamily(name, says, labels=("version",))
        for version, figures in found.items():
            total.add_metric((version,), value_of(figures))
        yield total
    yield CounterMetricFamily(
        "strata_store_retries",
        "Times that a store was unavailable and was asked again.",
        value=retries(),
    )
    lag = GaugeMetricFamily(
        "strata_lag_records",
        "Records not yet committed, of the partitions that the worker reads.",
        labels=("version", "topic"),
    )
    learned = GaugeMetricFamily(
        "strata_model_learned_timestamp_seconds",
        "When what is in force was learned, the oldest of all tenants; of the leader.",
        labels=("version", "model"),
    )
    silenced = GaugeMetricFamily(
        "strata_silenced_users_ratio",
        "Part of the users whose persona the average silences; of the leader.",
        labels=("version",),
    )
    price = GaugeMetricFamily(
        "strata_protection_price_ratio",
        "Satisfaction per user that protecting minorities would cost; of the leader.",
        labels=("version",),
    )
    for version, figures in found.items():
        for topic, records in figures.lag.items():
            # Derived topics are named after the version, which is told already.
            lag.add_metric((version, _topic_label(topic)), records)
        for model, at_s in figures.learned_s.items():
            learned.add_metric((version, model), at_s)
        if figures.silenced is not None:
            silenced.add_metric((version,), figures.silenced[0])
            price.add_metric((version,), figures.silenced[1])
    yield from (lag, learned, silenced, price)


def _topic_label(topic: str) -> str:
    return topic if topic in _READ else topics.PROFILE_UPDATES
