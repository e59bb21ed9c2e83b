"""Traces of folds and flushes, which go on with those of the producers.

Imported only where somebody traces. By the conventions for messaging, a span about several
records has links to the spans that sent them. Where all of them were sent in one trace, it is a
child of the last one too, so that a single event can be followed under a single trace id. No
attribute holds a person's id or words.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Final

from opentelemetry.context import Context
from opentelemetry.trace import (
    Link,
    NonRecordingSpan,
    SpanContext,
    SpanKind,
    TracerProvider,
    get_current_span,
    set_span_in_context,
)
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from schemas import topics
from schemas.rejection import Reason
from streams.batches import RecordBatch
from streams.watching import Figures, Watch

__all__ = ["TracingWatch"]

_PARENT: Final = "traceparent"
_STATE: Final = "tracestate"
_MOST_LINKS: Final = 128
_propagator: Final = TraceContextTextMapPropagator()


class TracingWatch(Watch):
    """Spans of one worker.

    Args:
        group: Its consumer group.
    """

    def __init__(self, provider: TracerProvider, *, group: str) -> None:
        self._tracer = provider.get_tracer("strata.worker")
        self._group = group
        self._pending: list[SpanContext] = []

    def working(self, figures: Callable[[], Figures]) -> AbstractContextManager[None]:
        del figures
        return nullcontext()

    @contextmanager
    def folding(self, chunk: RecordBatch, counts: Mapping[str, int]) -> Iterator[None]:
        del counts
        senders = _senders(chunk)
        with self._tracer.start_as_current_span(
            f"process {chunk.topic}",
            context=_parent(senders),
            kind=SpanKind.CONSUMER,
            links=_links(senders),
            attributes={
                "messaging.system": "kafka",
                "messaging.operation.type": "process",
                "messaging.operation.name": "process",
                "messaging.destination.name": chunk.topic,
                "messaging.destination.partition.id": str(chunk.partition),
                "messaging.consumer.group.name": self._group,
                "messaging.kafka.offset": chunk.first_offset,
                "messaging.batch.message_count": len(chunk.records),
            },
            record_exception=False,
        ) as span:
            yield
        if chunk.topic != topics.ITEMS and len(self._pending) < _MOST_LINKS:
            self._pending.append(span.get_span_context())

    def rejected(self, reasons: Mapping[Reason, int]) -> None:
        if reasons:
            get_current_span().set_attribute("strata.dead_letters", sum(reasons.values()))

    @contextmanager
    def flushing(self, users: int) -> Iterator[None]:
        folds = list(self._pending)
        with self._tracer.start_as_current_span(
            "flush",
            context=_parent(folds),
            links=_links(folds),
            attributes={"strata.users": users},
            record_exception=False,
        ):
            yield
        self._pending.clear()

    def forgotten(self) -> None:
        self._pending.clear()


def _senders(chunk: RecordBatch) -> list[SpanContext]:
    """Of the spans that sent its records, each once, up to as many as a span may link to."""
    found: dict[tuple[bytes, bytes], SpanContext] = {}
    for record in chunk.records:
        if not record.headers:
            continue
        headers = dict(record.headers)
        parent = headers.get(_PARENT)
        if parent is None or len(found) >= _MOST_LINKS:
            continue
        state = headers.get(_STATE, b"")
        if (parent, state) not in found:
            carrier = {
                _PARENT: parent.decode("ascii", "replace"),
                _STATE: state.decode("ascii", "replace"),
            }
            context = get_current_span(_propagator.extract(carrier, Context())).get_span_context()
            if context.is_valid:
                found[parent, state] = context
    return list(found.values())


def _parent(spans: Iterable[SpanContext]) -> Context:
    """The last of them as parent, if all belong to one trace; else the root of a trace of its own.

    Never what happens to be in force: a flush may run inside whatever brought it about.
    """
    known = list(spans)
    if len({span.trace_id for span in known}) != 1:
        return Context()
    return set_span_in_context(NonRecordingSpan(known[-1]), Context())


def _links(spans: Iterable[SpanContext]) -> list[Link]:
    return [Link(span) for span in spans]
