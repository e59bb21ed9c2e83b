"""What the service counts about itself, for Prometheus; base units, no person's name.

Labels have few values: routes as templates, never paths, and no tenants.
"""

import os
import time
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

__all__ = ["HttpMetrics", "Measured", "exposed"]

# Prometheus' client keeps there what processes count, if it is named before they begin.
_SHARED: Final = "PROMETHEUS_MULTIPROC_DIR"
_UNMATCHED: Final = "unmatched"
_METHODS: Final = frozenset({"GET", "HEAD", "POST", "PUT", "DELETE", "PATCH", "OPTIONS"})
_TENTHS: Final = tuple(tenth / 10 for tenth in range(1, 11))
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


class HttpMetrics:
    """Counters of one app, in a registry of its own so that several apps can live together."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self._answered: dict[tuple[str, str, int], tuple[Counter, Histogram]] = {}
        ProcessCollector(registry=self.registry)
        PlatformCollector(registry=self.registry)
        self.requests = Counter(
            "strata_http_requests_total",
            "Requests answered.",
            ("method", "route", "status"),
            registry=self.registry,
        )
        self.duration_s = Histogram(
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
        self.weights = Histogram(
            "strata_blend_weight_ratio",
            "How much each layer weighed in a profile or ranking that was answered.",
            ("layer",),
            buckets=_TENTHS,
            registry=self.registry,
        )
        self._weights = [self.weights.labels(layer) for layer in ("user", "persona", "global")]
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

    def answered(self, method: str, route: str, status: int, took_s: float) -> None:
        """Count an answer; the series of its labels are looked up once."""
        series = self._answered.get((method, route, status))
        if series is None:
            series = self._answered[method, route, status] = (
                self.requests.labels(method, route, str(status)),
                self.duration_s.labels(method, route),
            )
        requests, duration_s = series
        requests.inc()
        duration_s.observe(took_s)

    def count_ingested(self, kind: str) -> None:
        self.ingested.labels(kind).inc()

    def count_answer(self, answer: Answered) -> None:
        user, persona, everybody = self._weights
        user.observe(answer.weights.user)
        persona.observe(answer.weights.persona)
        everybody.observe(answer.weights.global_)
        if answer.stale:
            self.stale.inc()

    def exposed(self) -> Response:
        """All of them in Prometheus' text format."""
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
        started_s = time.perf_counter()

        async def noted(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        self._metrics.in_progress.inc()
        try:
            await self._app(scope, receive, noted)
        finally:
            self._metrics.in_progress.dec()
            method = scope["method"] if scope["method"] in _METHODS else "other"
            route = getattr(scope.get("route"), "path", _UNMATCHED)
            self._metrics.answered(method, route, status, time.perf_counter() - started_s)
