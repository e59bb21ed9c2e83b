"""When a process traces, what its spans are linked to, and what never costs anything."""

import subprocess
import sys
from collections.abc import Sequence

import pytest
import structlog
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from cli.errors import CommandFailed
from cli.logs import configure_logs
from cli.observing import Observing
from cli.tracing import carried_headers, traced_from_environment, tracing_from_environment
from schemas import topics
from streams.batches import RecordBatch
from streams.memory import MemoryRecord
from streams.tracing import TracingWatch

ONE = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
SAME_TRACE = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b8-01"
OTHER = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


@pytest.fixture
def exported() -> InMemorySpanExporter:
    return InMemorySpanExporter()


@pytest.fixture
def provider(exported: InMemorySpanExporter) -> TracerProvider:
    made = TracerProvider()
    made.add_span_processor(SimpleSpanProcessor(exported))
    return made


def batch(*parents: str | None, topic: str = topics.INTERACTIONS) -> RecordBatch:
    records = [
        MemoryRecord(
            offset, 0, b"anna", b"{}", () if one is None else (("traceparent", one.encode()),)
        )
        for offset, one in enumerate(parents)
    ]
    return RecordBatch(topic, 0, 1, records)


def folded(watch: TracingWatch, *batches: RecordBatch) -> None:
    for one in batches:
        with watch.folding(one, {}):
            pass


def test_records_of_one_trace_are_gone_on_with_in_it(
    provider: TracerProvider, exported: InMemorySpanExporter
) -> None:
    watch = TracingWatch(provider, group="g")
    folded(watch, batch(ONE, None, ONE, SAME_TRACE))
    with watch.flushing(1):
        pass
    fold, flush = exported.get_finished_spans()
    assert f"{fold.context.trace_id:032x}" == ONE.split("-")[1]
    assert len(fold.links) == 2
    assert flush.context.trace_id == fold.context.trace_id
    assert [link.context.span_id for link in flush.links] == [fold.context.span_id]


def test_records_of_several_traces_are_linked_to_and_belong_to_none(
    provider: TracerProvider, exported: InMemorySpanExporter
) -> None:
    watch = TracingWatch(provider, group="g")
    folded(watch, batch(ONE, OTHER))
    (fold,) = exported.get_finished_spans()
    assert fold.parent is None
    assert {f"{link.context.trace_id:032x}" for link in fold.links} == {
        ONE.split("-")[1],
        OTHER.split("-")[1],
    }


@pytest.mark.parametrize(
    "wrong", ["", "nonsense", "\xff" * 10, ONE[:-3], "00-" + "0" * 32 + "-1-1"]
)
def test_what_is_no_context_is_no_error(
    wrong: str, provider: TracerProvider, exported: InMemorySpanExporter
) -> None:
    folded(TracingWatch(provider, group="g"), batch(wrong, None))
    (fold,) = exported.get_finished_spans()
    assert (fold.parent, fold.links) == (None, ())


def test_links_are_bounded(provider: TracerProvider, exported: InMemorySpanExporter) -> None:
    watch = TracingWatch(provider, group="g")
    many = [f"00-4bf92f3577b34da6a3ce929d0e0e4736-{number:016x}-01" for number in range(1, 400)]
    folded(watch, batch(*many), *[batch(None)] * 300)
    with watch.flushing(0):
        pass
    spans = exported.get_finished_spans()
    assert max(len(span.links) for span in spans) == 128


def test_what_was_forgotten_is_in_no_flush(
    provider: TracerProvider, exported: InMemorySpanExporter
) -> None:
    watch = TracingWatch(provider, group="g")
    folded(watch, batch(ONE))
    watch.forgotten()
    with watch.flushing(0):
        pass
    assert exported.get_finished_spans()[-1].links == ()


@pytest.fixture
def environment(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    for name in ("OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_TRACES_EXPORTER", "OTEL_SDK_DISABLED"):
        monkeypatch.delenv(name, raising=False)
    return monkeypatch


@pytest.mark.parametrize(
    "variables",
    [
        {},
        {"OTEL_TRACES_EXPORTER": "none", "OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:1"},
        {"OTEL_SDK_DISABLED": "true", "OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:1"},
    ],
)
def test_nobody_traces_unless_the_environment_says_to_where(
    variables: dict[str, str], environment: pytest.MonkeyPatch
) -> None:
    for name, value in variables.items():
        environment.setenv(name, value)
    assert tracing_from_environment("strata") is None
    assert Observing(service="strata").requests is None


def test_the_environment_names_the_service(environment: pytest.MonkeyPatch) -> None:
    environment.setenv("OTEL_TRACES_EXPORTER", "console")
    for named in (None, "shop-strata"):
        if named is not None:
            environment.setenv("OTEL_SERVICE_NAME", named)
        provider = tracing_from_environment("strata-worker")
        assert provider is not None
        assert provider.resource.attributes["service.name"] == (named or "strata-worker")
        provider.shutdown()


def test_another_exporter_is_refused(environment: pytest.MonkeyPatch) -> None:
    environment.setenv("OTEL_TRACES_EXPORTER", "zipkin")
    with pytest.raises(CommandFailed, match="otlp, console or none"):
        tracing_from_environment("strata")


def test_a_command_is_one_span_whose_records_carry_it_and_whose_log_names_it(
    environment: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    environment.setenv("OTEL_TRACES_EXPORTER", "console")
    configure_logs(level="info", form="json")
    with traced_from_environment("strata-cli", "publish"):
        (header,) = carried_headers()
        structlog.get_logger("test").info("inside")
    name, value = header
    _, trace, span, _ = value.decode().split("-")
    assert name == "traceparent"
    written = capsys.readouterr().err
    assert f'"trace_id": "{trace}"' in written
    assert f'"span_id": "{span}"' in written
    assert carried_headers() == []
    structlog.get_logger("test").info("outside")
    assert "trace_id" not in capsys.readouterr().err


LOADED = "import sys, {modules}; print(sorted(m for m in sys.modules if 'opentelemetry' in m))"


@pytest.mark.parametrize(
    "modules",
    [
        ("cli.processes", "cli.observing", "cli.publishing", "lookup.service", "streams.worker"),
        ("strata_client", "strata_client.kafka"),
    ],
)
def test_whoever_does_not_trace_loads_none_of_it(modules: Sequence[str]) -> None:
    asked = subprocess.run(
        [sys.executable, "-c", LOADED.format(modules=", ".join(modules))],
        capture_output=True,
        text=True,
        check=True,
        timeout=120,
    )
    # redis-py loads what measures, where it is installed.
    assert "opentelemetry.sdk.trace" not in asked.stdout
    assert "opentelemetry.exporter" not in asked.stdout
