"""What the client sends carries the caller's trace where there is one, and no baggage."""

import asyncio
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import httpx
import pytest
from aiokafka.structs import RecordMetadata, TopicPartition
from clients_script import Script
from opentelemetry import baggage, context
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.trace import format_span_id, format_trace_id

from strata_client import Interaction, Strata, kafka
from strata_client.kafka import KafkaPublisher
from strata_client.positions import token_of

TAKEN = httpx.Response(
    202, json={"accepted": 1, "token": token_of({("strata.interactions", 0): 1})}
)
VIEW = Interaction(user_id="anna", item_id="emma", action="view")
Headers = list[tuple[str, bytes]]


@pytest.fixture
def parent() -> Iterator[str]:
    """The header of a span that is in force, beside baggage about a person."""
    tracer = TracerProvider().get_tracer("shop")
    told = context.attach(baggage.set_baggage("person", "anna"))
    with tracer.start_as_current_span("checkout") as span:
        where = span.get_span_context()
        ids = f"{format_trace_id(where.trace_id)}-{format_span_id(where.span_id)}"
        yield f"00-{ids}-{where.trace_flags:02x}"
    context.detach(told)


@dataclass
class Producer:
    """Acknowledges everything, and keeps the headers."""

    headers: list[Headers]

    async def start(self) -> None:
        """There is nothing to connect to."""

    async def stop(self) -> None:
        """Nor to leave."""

    async def partitions_for(self, _topic: str) -> set[int]:
        return {0}

    async def send(
        self, topic: str, _value: bytes, *, partition: int, headers: Headers, **_: object
    ) -> "asyncio.Future[RecordMetadata]":
        self.headers.append(headers)
        stored: asyncio.Future[RecordMetadata] = asyncio.get_running_loop().create_future()
        place = TopicPartition(topic, partition)
        stored.set_result(RecordMetadata(topic, partition, place, 1, 0, 0, 0))
        return stored


@pytest.fixture
def sent(monkeypatch: pytest.MonkeyPatch) -> list[Headers]:
    """The headers of what goes to Kafka."""
    headers: list[Headers] = []
    monkeypatch.setattr(kafka, "AIOKafkaProducer", lambda **_: Producer(headers))
    return headers


def test_over_http_each_request_goes_on_with_the_trace(parent: str) -> None:
    script = Script(TAKEN)
    with Strata("http://strata.test", transport=script.transport) as strata:
        strata.publish(VIEW)
    (request,) = script.requests
    assert request.headers["traceparent"] == parent
    assert "baggage" not in request.headers


def test_into_kafka_each_record_goes_on_with_the_trace_also_from_another_thread(
    parent: str, sent: Sequence[Headers]
) -> None:
    """The producer has an event loop, and so a context, of its own."""
    with KafkaPublisher("kafka.test:9092") as publisher, Strata(publisher=publisher) as strata:
        strata.publish([VIEW, VIEW])
    assert sent == [[("traceparent", parent.encode())]] * 2


def test_without_a_trace_nothing_is_added(sent: Sequence[Headers]) -> None:
    script = Script(TAKEN)
    with Strata("http://strata.test", transport=script.transport) as strata:
        strata.publish(VIEW)
    with KafkaPublisher("kafka.test:9092") as publisher, Strata(publisher=publisher) as strata:
        strata.publish(VIEW)
    assert "traceparent" not in script.requests[0].headers
    assert sent == [[]]


def test_whoever_does_not_trace_loads_none_of_it() -> None:
    program = (
        "import sys; from strata_client import Strata; from strata_client._tracing import carried;"
        "assert carried() == {}; assert 'opentelemetry' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", program], check=True, timeout=120)
