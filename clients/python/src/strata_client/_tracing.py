"""The caller's trace goes on in what is published: W3C's `traceparent`, where one is in force."""

import sys
from importlib import import_module
from typing import Any

__all__ = ["carried"]


def carried() -> dict[str, str]:
    """Headers of the span in force; none where the program does not trace.

    Whoever traces has imported OpenTelemetry: this package does not ask for it. Baggage stays
    out, as it may be about people.
    """
    if "opentelemetry.trace" not in sys.modules:
        return {}
    module: Any = import_module("opentelemetry.trace.propagation.tracecontext")
    carrier: dict[str, str] = {}
    module.TraceContextTextMapPropagator().inject(carrier)
    return carrier
