"""What the service counts about itself, for Prometheus; base units, no person's name.

Labels have few values: routes as templates, never paths, and no tenants.
"""

import asyncio
import os
import time
from bisect import bisect_left
from collections.abc import Sequence
from typing import Final, Protocol

from prometheus_client import (
    CONTENT_TYPE_LATEST,
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    PlatformCollector,
    ProcessCollector,
    generate_latest,
)
from prometheus_client.multiprocess import MultiProcessCollector
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

__all__ = ["BEGUN_S", "HttpMetrics", "Measured", "exposed"]

BEGUN_S: Final = "strata.begun_s"
"""In the scope of a request: when it began, by `time.perf_counter`."""

# Prometheus' client keeps there what processes count, if it is named before they begin.
_SHARED: Final = "PROMETHEUS_MULTIPROC_DIR"
_UNMATCHED: Final = "unmatched"
_METHODS: Final = frozenset({"GET", "HEAD", "POST", "PUT", "DELETE", "PATCH", "OPTIONS"})
_TENTHS: Final = tuple(tenth / 10 for tenth in range(1, 11))
# Until what is counted is told to Prometheus' client.
_TELL_S: Final = 1.0
_BUCKETS_S: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)


class Weighed(Protocol):
    """How much each layer weighs; see `WeightsView`."""

    @property
    def user(self) -> float: ...
    @property
    def persona(self) -> float: ...
    @property
    def global_(self) -> float: ...


class Answered(Protocol):
    """An answer about one user, as far as it is counted."""

    @property
    def weights(self) -> Weighed: ...
    @property
    def stale(self) -> bool: ...


class _Observed(Histogram):
    """A histogram that is told of many observations at once."""

    def add(self, counts: Sequence[int], total: float) -> None:
        """As `observe` of each.

        Args:
            counts: Observations in each bucket, the last of which has no bound.
            total: Their sum.
        """
        for bucket, number in zip(self._buckets, counts, strict=True):
            if number:
                bucket.inc(number)
        self._sum.inc(total)


class _Tally:
    """Observations that a histogram has not been told of.

    Where several processes serve, each `observe` writes twice to a file that they share. A batch
    of a hundred users makes three hundred.

    Args:
        bounds: The histogram's, ascending, without the infinite one.
    """

    __slots__ = ("_bounds", "_counts", "_histogram", "_total")

    def __init__(self, histogram: _Observed, bounds: Sequence[float]) -> None:
        self._histogram = histogram
        self._bounds = bounds
        self._clear()

    def observe(self, value: float) -> None:
        self._counts[bisect_left(self._bounds, value)] += 1
        self._total += value

    def tell(self) -> None:
        if any(self._counts):
            self._histogram.add(self._counts, self._total)
            self._clear()

    def _clear(self) -> None:
        self._counts = [0] * (len(self._bounds) + 1)
        self._total = 0.0


class _Answers:
    """Answers to one kind of request that Prometheus' client has not been told of."""

    __slots__ = ("_requests", "number", "took_s")

    def __init__(self, requests: Counter, took_s: _Tally) -> None:
        self._requests = requests
        self.number = 0
        self.took_s = took_s

    def tell(self) -> None:
        if self.number:
            self._requests.inc(self.number)
            self.number = 0
        self.took_s.tell()


class HttpMetrics:
    """Counters of one app, in a registry of its own so that several apps can live together.

    What is counted for every request is told to Prometheus' client a second later, at the end
    (`tell`), and before this process exposes anything.
    """

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self._answered: dict[tuple[str, str, int], _Answers] = {}
        self._telling: asyncio.TimerHandle | None = None
        self._under_way = 0
        ProcessCollector(registry=self.registry)
        PlatformCollector(registry=self.registry)
        self.requests = Counter(
            "strata_http_requests_total",
            "Requests answered.",
            ("method", "route", "status"),
            registry=self.registry,
        )
        self.duration_s = _Observed(
            "strata_http_request_duration_seconds",
            "From the first byte of a request to the last of its answer.",
            ("method", "route"),
            buckets=_BUCKETS_S,
            registry=self.registry,
        )
        self.in_progress = Gauge(
            "strata_http_requests_in_progress",
            "Requests not answered yet.",
            registry=self.registry,
            multiprocess_mode="livesum",
        )
        self.weights = _Observed(
            "strata_blend_weight_ratio",
            "How much each layer weighed in a profile or ranking that was answered.",
            ("layer",),
            buckets=_TENTHS,
            registry=self.registry,
        )
        self._weights = [
            _Tally(self.weights.labels(layer), _TENTHS) for layer in ("user", "persona", "global")
        ]
        self.stale = Counter(
            "strata_stale_answers_total",
            "Profiles and rankings that said to be stale.",
            registry=self.registry,
        )
        self.ingested = Counter(
            "strata_ingested_events_total",
            "Events taken over HTTP and acknowledged by Kafka.",
            ("type",),
            registry=self.registry,
        )

    def begun(self) -> None:
        """Count a request as under way until it has `ended`."""
        self._under_way += 1
        self._tell_later()

    def ended(self) -> None:
        self._under_way -= 1
        self._tell_later()

    def answered(self, method: str, route: str, status: int, took_s: float) -> None:
        """Count an answer; the series of its labels are looked up once."""
        answers = self._answered.get((method, route, status))
        if answers is None:
            answers = self._answered[method, route, status] = _Answers(
                self.requests.labels(method, route, str(status)),
                _Tally(self.duration_s.labels(method, route), _BUCKETS_S),
            )
        answers.number += 1
        answers.took_s.observe(took_s)
        self._tell_later()

    def count_ingested(self, kind: str) -> None:
        self.ingested.labels(kind).inc()

    def count_answer(self, answer: Answered) -> None:
        """Count what an answer within a request weighed."""
        user, persona, everybody = self._weights
        user.observe(answer.weights.user)
        persona.observe(answer.weights.persona)
        everybody.observe(answer.weights.global_)
        if answer.stale:
            self.stale.inc()

    def tell(self) -> None:
        """Tell Prometheus' client all that was counted."""
        if self._telling is not None:
            self._telling.cancel()
            self._telling = None
        self.in_progress.set(self._under_way)
        for weight in self._weights:
            weight.tell()
        for answers in self._answered.values():
            answers.tell()

    def _tell_later(self) -> None:
        if self._telling is None:
            self._telling = asyncio.get_running_loop().call_later(_TELL_S, self.tell)

    def exposed(self) -> Response:
        """All of them in Prometheus' text format."""
        self.tell()
        return exposed(self.registry)


def exposed(registry: CollectorRegistry) -> Response:
    """What is in the registry, in Prometheus' text format.

    Where several processes serve, what all of them have counted, without what concerns a
    process as such.
    """
    if _SHARED in os.environ:
        registry = CollectorRegistry()
        MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
    return Response(generate_latest(registry), headers={"Content-Type": CONTENT_TYPE_LATEST})


class Measured:
    """Counts and times every request; what is not answered counts as 500."""

    def __init__(self, app: ASGIApp, metrics: HttpMetrics) -> None:
        self._app = app
        self._metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        status = 500
        started_s: float = scope.get(BEGUN_S) or time.perf_counter()

        async def noted(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        self._metrics.begun()
        try:
            await self._app(scope, receive, noted)
        finally:
            self._metrics.ended()
            method = scope["method"] if scope["method"] in _METHODS else "other"
            route = getattr(scope.get("route"), "path", _UNMATCHED)
            self._metrics.answered(method, route, status, time.perf_counter() - started_s)
