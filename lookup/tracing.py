"""Traces of requests, and of what they send to Kafka. Imported only where somebody traces.

No attribute and no name holds a person's id or words: routes are templates, and paths, queries
and keys of records stay out.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Final

from opentelemetry.trace import SpanKind, Status, StatusCode, TracerProvider
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator
from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from lookup.ingest_checking import EventRecord

__all__ = ["RequestTracing", "carried_by"]

_UNMATCHED: Final = "unmatched"
_METHODS: Final = frozenset({"GET", "HEAD", "POST", "PUT", "DELETE", "PATCH", "OPTIONS"})
# Without baggage: what callers put there may be about people, and would lie in Kafka.
_propagator: Final = TraceContextTextMapPropagator()


def carried_by() -> list[tuple[str, bytes]]:
    """The span in force, as headers of a record; none outside of any."""
    carrier: dict[str, str] = {}
    _propagator.inject(carrier)
    return [(name, value.encode()) for name, value in carrier.items()]


class RequestTracing:
    """Spans of one service, by the conventions for HTTP and for messaging."""

    def __init__(self, provider: TracerProvider) -> None:
        self._tracer = provider.get_tracer("strata.lookup")

    def around(self, app: ASGIApp) -> ASGIApp:
        """The app with a span for every request, which goes on with its caller's trace."""

        async def traced(scope: Scope, receive: Receive, send: Send) -> None:
            if scope["type"] != "http":
                await app(scope, receive, send)
                return
            method = scope["method"] if scope["method"] in _METHODS else "_OTHER"
            with self._tracer.start_as_current_span(
                method,
                context=_propagator.extract(dict(Headers(scope=scope))),
                kind=SpanKind.SERVER,
                attributes={"http.request.method": method, "url.scheme": scope["scheme"]},
                # What it says may quote the request; the log has it with the span's id.
                record_exception=False,
                set_status_on_exception=False,
            ) as span:
                status = 500

                async def noted(message: Message) -> None:
                    nonlocal status
                    if message["type"] == "http.response.start":
                        status = message["status"]
                    await send(message)

                try:
                    await app(scope, receive, noted)
                finally:
                    route = getattr(scope.get("route"), "path", _UNMATCHED)
                    span.update_name(f"{method} {route}")
                    span.set_attribute("http.route", route)
                    span.set_attribute("http.response.status_code", status)
                    if status >= 500:
                        span.set_status(Status(StatusCode.ERROR))

        return traced

    @contextmanager
    def sending(self, records: Sequence[EventRecord]) -> Iterator[Sequence[tuple[str, bytes]]]:
        """Around sending records; gives the headers by which whoever reads them goes on."""
        topics = {record.topic for record in records}
        attributes: dict[str, str | int] = {
            "messaging.system": "kafka",
            "messaging.operation.type": "send",
            "messaging.operation.name": "send",
            "messaging.batch.message_count": len(records),
        }
        if len(topics) == 1:
            attributes["messaging.destination.name"] = next(iter(topics))
        with self._tracer.start_as_current_span(
            " ".join(["send", *topics]) if len(topics) == 1 else "send",
            kind=SpanKind.PRODUCER,
            attributes=attributes,
            record_exception=False,
        ):
            yield carried_by()
