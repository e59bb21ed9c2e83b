"""Who watches the workers of this process, and where what they count can be read."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Self

from prometheus_client import CollectorRegistry, Gauge
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from cli.settings import Settings
from cli.tracing import tracing_from_environment
from lookup.errors import PortInUse
from lookup.metrics import HttpMetrics, exposed
from lookup.server import serve
from streams.metrics import WorkerMetrics
from streams.replay import Progress
from streams.watching import Watch, Watches

if TYPE_CHECKING:
    from lookup.tracing import RequestTracing

__all__ = ["METRICS_PORT", "Observing", "ReplayMetrics", "metrics_served"]

METRICS_PORT = 8701
"""Where a worker's metrics are unless the settings say otherwise."""


class Observing:
    """Of one process.

    Args:
        service: Under which name it traces, if the environment wants it to; None never does.

    Attributes:
        http: What the lookup service counts; its registry holds the workers' figures too.
    """

    def __init__(self, *, service: str | None = None) -> None:
        self.http = HttpMetrics()
        self._workers = WorkerMetrics(self.http.registry)
        self._tracing = None if service is None else tracing_from_environment(service)

    def watch(self, version: str) -> Watch:
        """Watches a worker of the version."""
        counted = self._workers.watch(version)
        if self._tracing is None:
            return counted
        from streams.tracing import TracingWatch  # noqa: PLC0415 - of the extra `tracing`

        return Watches(counted, TracingWatch(self._tracing, group=version))

    @property
    def requests(self) -> "RequestTracing | None":
        """Traces requests; None where nobody wants to know."""
        if self._tracing is None:
            return None
        from lookup.tracing import RequestTracing  # noqa: PLC0415 - of the extra `tracing`

        return RequestTracing(self._tracing)

    async def close(self) -> None:
        """Send what is left of the traces."""
        if self._tracing is not None:
            await asyncio.to_thread(self._tracing.shutdown)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()


class ReplayMetrics:
    """How far a version has come that is being built."""

    def __init__(self, registry: CollectorRegistry, version: str) -> None:
        self._records = Gauge(
            "strata_replay_records",
            "Records that a version is built from: those it has taken in, and all.",
            ("version", "state"),
            registry=registry,
        )
        self._behind = Gauge(
            "strata_replay_behind_records",
            "Records and changes that a version still lacks.",
            ("version",),
            registry=registry,
        )
        self._version = version

    def reached(self, now: Progress) -> None:
        self._records.labels(self._version, "done").set(now.done)
        self._records.labels(self._version, "total").set(now.total)
        self._behind.labels(self._version).set(now.behind)


@asynccontextmanager
async def metrics_served(
    settings: Settings,
    registry: CollectorRegistry,
    *,
    ready: Callable[[], bool],
    waiting_for: Callable[[], str | None] = lambda: None,
) -> AsyncIterator[str]:
    """`/metrics`, `/livez` and `/readyz` of a process that answers nothing else; its address.

    It asks for no key: nothing in it names a person or a tenant. Without a port in the settings
    several workers can share a machine: one has the usual port, the others any.

    Args:
        waiting_for: Names the part without which the process cannot start, in `/readyz`.

    Raises:
        PortInUse: the port that the settings name.
    """

    async def metrics(_: Request) -> Response:
        return exposed(registry)

    async def live(_: Request) -> Response:
        return JSONResponse({"live": True})

    async def is_ready(_: Request) -> Response:
        now, part = ready(), waiting_for()
        said = {"ready": now} if part is None else {"ready": now, "waiting_for": part}
        return JSONResponse(said, status_code=200 if now else 503)

    app = Starlette(
        routes=[Route("/metrics", metrics), Route("/livez", live), Route("/readyz", is_ready)]
    )
    host, port = settings.metrics_host, settings.metrics_port
    try:
        serving = await serve(app, host, METRICS_PORT if port is None else port)
    except PortInUse:
        if port is not None:
            raise
        serving = await serve(app, host, 0)
    try:
        yield serving.url
    finally:
        await serving.stop()
