"""Whether this process traces, and where to: as OpenTelemetry's own variables say.

Off unless one of them names where to. Then the extra `tracing` has to be installed.
"""

import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

from structlog.typing import EventDict, WrappedLogger

from cli.errors import CommandFailed

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import TracerProvider

__all__ = ["carried_headers", "span_ids", "traced_from_environment", "tracing_from_environment"]

_NAMED: Final = (
    "OTEL_EXPORTER_OTLP_ENDPOINT",
    "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT",
    "OTEL_TRACES_EXPORTER",
)


def tracing_from_environment(service: str) -> "TracerProvider | None":
    """What gives tracers; None where nothing is to be traced.

    Args:
        service: Name of this one, unless `OTEL_SERVICE_NAME` says another.

    Raises:
        CommandFailed: tracing is wanted and not installed, or to where is not known here.
    """
    wanted = os.environ.get("OTEL_TRACES_EXPORTER", "").strip().lower()
    disabled = os.environ.get("OTEL_SDK_DISABLED", "").strip().lower() == "true"
    if disabled or wanted == "none" or not any(os.environ.get(name) for name in _NAMED):
        return None
    if wanted not in {"", "otlp", "console"}:
        raise CommandFailed("OTEL_TRACES_EXPORTER must be otlp, console or none")
    try:
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import (  # noqa: PLC0415
            OTLPSpanExporter,
        )
        from opentelemetry.sdk.resources import OTELResourceDetector, Resource  # noqa: PLC0415
        from opentelemetry.sdk.trace import TracerProvider  # noqa: PLC0415
        from opentelemetry.sdk.trace.export import (  # noqa: PLC0415
            BatchSpanProcessor,
            ConsoleSpanExporter,
        )
    except ImportError as error:
        raise CommandFailed(
            "tracing is asked for in the environment and not installed: "
            "pip install 'strata-profiles[tracing]'"
        ) from error
    named = Resource({"service.name": service}).merge(OTELResourceDetector().detect())
    provider = TracerProvider(resource=named)
    exporter = ConsoleSpanExporter(out=sys.stderr) if wanted == "console" else OTLPSpanExporter()
    provider.add_span_processor(BatchSpanProcessor(exporter))
    return provider


@contextmanager
def traced_from_environment(service: str, name: str) -> Iterator[None]:
    """One span around a command, if it is to be traced; what is left is sent at its end."""
    provider = tracing_from_environment(service)
    if provider is None:
        yield
        return
    try:
        with provider.get_tracer("strata.cli").start_as_current_span(name, record_exception=False):
            yield
    finally:
        provider.shutdown()


def carried_headers() -> Sequence[tuple[str, bytes]]:
    """The span in force, as headers of a record; none where nobody traces."""
    if "opentelemetry.sdk.trace" not in sys.modules:
        return ()
    from lookup.tracing import carried_by  # noqa: PLC0415

    return carried_by()


def span_ids(_logger: WrappedLogger, _name: str, event: EventDict) -> EventDict:
    """Puts the ids of the span in force into a line of the log."""
    if "opentelemetry.sdk.trace" in sys.modules:
        from opentelemetry.trace import get_current_span  # noqa: PLC0415

        context = get_current_span().get_span_context()
        if context.is_valid:
            event["trace_id"] = f"{context.trace_id:032x}"
            event["span_id"] = f"{context.span_id:016x}"
    return event
