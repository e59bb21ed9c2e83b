"""From a request that publishes, through Kafka and the worker, to a request that looks it up."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Final

import httpx
import pytest
import structlog
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from write_side.ground import Ground, fresh_topics
from write_side.running import options_of, running
from write_side.waiting import eventually

from cli.composition import OpenStores, compose_lookup
from cli.declarations import read_declarations
from cli.logs import configure_logs
from cli.settings import Settings
from lookup.ingest import Ingest
from lookup.ingest_kafka import KafkaEventLog
from lookup.service import create_app
from lookup.tracing import RequestTracing
from streams.tracing import TracingWatch

pytestmark = [pytest.mark.anyio, pytest.mark.stack]

TRACE: Final = "4bf92f3577b34da6a3ce929d0e0e4736"
CALLER: Final = {"traceparent": f"00-{TRACE}-00f067aa0ba902b7-01", "baggage": "person=anna"}
WORDS: Final = "my sister is ill and nobody must know"
USER: Final = "anna.ekman@example.org"


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


async def test_one_trace_from_the_producer_to_the_answer_and_not_a_word_of_the_person(
    kafka_bootstrap: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    configure_logs(level="debug", form="json")
    exported = InMemorySpanExporter()
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exported))
    tracing = RequestTracing(provider)
    ground = Ground.new(
        bootstrap=kafka_bootstrap,
        redis_url="memory://",
        qdrant_url="memory://",
        directory=str(tmp_path),
        partitions=1,
    )
    await fresh_topics(kafka_bootstrap, partitions=1)
    options = replace(options_of(ground), watch=TracingWatch(provider, group=ground.namespace))
    settings = Settings()
    async with (
        ground.opened() as opened,
        KafkaEventLog.opened(kafka_bootstrap, sending=tracing.sending) as log,
        running(ground, opened, options=options) as worker,
    ):
        stores = OpenStores(profiles=opened.profiles, redis=opened.live)
        lookup = compose_lookup(settings, stores, declarations=read_declarations(settings))
        app = create_app(
            lookup,
            ingest=Ingest(log=log, answers=opened.live.answers, partitions=1, now_ms=lambda: 2**42),
            traced=tracing.around,
        )
        await worker.worker.ready.wait()
        async with httpx.AsyncClient(
            transport=httpx.ASGITransport(app), base_url="http://strata"
        ) as client:
            told = await client.post("/v1/events", json=events(), headers=CALLER)
            assert told.status_code == 202, told.text

            async def is_known() -> bool:
                return bool((await client.get(f"/v1/profiles/{USER}")).json()["known"])

            await eventually(is_known, timeout_s=60)
            answer = await client.get(f"/v1/profiles/{USER}", headers=CALLER)
            assert answer.json()["known"]
            structlog.get_logger("test").info("the lines above were captured")
        await lookup.close()

    mine = [span for span in exported.get_finished_spans() if trace_of(span) == TRACE]
    names = {span.name for span in mine}
    assert names >= {
        "POST /v1/events",
        "send",
        "process strata.interactions",
        "process strata.documents",
        "flush",
        "GET /v1/profiles/{user_id:path}",
    }
    sent = one(mine, lambda span: span.name == "send")
    fold = one(mine, lambda span: span.name == "process strata.interactions")
    assert fold.parent is not None
    assert fold.parent.span_id == sent.context.span_id
    assert [link.context.span_id for link in fold.links] == [sent.context.span_id]
    assert fold.attributes is not None
    assert fold.attributes["messaging.system"] == "kafka"
    assert fold.attributes["messaging.consumer.group.name"] == ground.namespace
    spans = " ".join(span.to_json() for span in exported.get_finished_spans())
    written = capsys.readouterr().err
    assert "the lines above were captured" in written
    assert "announcements read" in written
    for text in (WORDS, USER, "anna", "sister"):
        assert text not in spans
        assert text not in written


def events() -> list[dict[str, object]]:
    about = {"user_id": USER, "occurred_at": "2023-11-14T12:00:00Z"}
    return [
        {**about, "event_id": "e-1", "type": "interaction", "item_id": "emma", "action": "like"},
        {**about, "event_id": "e-2", "type": "document", "document_id": "d", "text": WORDS},
    ]


def trace_of(span: ReadableSpan) -> str:
    return f"{span.context.trace_id:032x}"


def one(spans: list[ReadableSpan], wanted: Callable[[ReadableSpan], bool]) -> ReadableSpan:
    (found,) = filter(wanted, spans)
    return found
