"""The Faust application: topics, agents, and what a rebalance means to the engines."""

from collections.abc import AsyncIterable, Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import faust

from schemas import topics
from stores.kafka import KafkaAddress
from streams.batches import RecordBatch
from streams.ownership import Place
from streams.transport import BatchConsumer, BatchSchema, BatchTransport

__all__ = ["Handlers", "StrataApp", "build_app"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Handlers:
    """What the application calls; none of them lets an exception out.

    Attributes:
        profiles: Each batch of a user-keyed topic.
        items: Each batch of the item topic.
        statistics: Each batch of profile updates.
        revoked: All partitions are being given up; returns when that is safe.
        assigned: Partitions by topic that this worker reads now.
    """

    profiles: Callable[[RecordBatch], Awaitable[None]]
    items: Callable[[RecordBatch], Awaitable[None]]
    statistics: Callable[[RecordBatch], Awaitable[None]]
    revoked: Callable[[], Awaitable[None]]
    assigned: Callable[[frozenset[tuple[str, int]]], Awaitable[None]]


class StrataApp(faust.App):
    """A Faust app that reads in batches; its own commits, tables and web server are off.

    Attributes:
        until: As of `build_app`.
    """

    until: Mapping[Place, int]

    def _new_transport(self) -> BatchTransport:
        return BatchTransport(self.conf.broker_consumer, self)

    @property
    def batches(self) -> BatchConsumer:
        consumer: BatchConsumer = self.consumer
        return consumer


def _credentials(bootstrap: str) -> faust.SASLCredentials | faust.SSLCredentials | None:
    """As Faust names them; None for an address that is spoken to in the clear."""
    if not isinstance(bootstrap, KafkaAddress):
        return None
    security = bootstrap.security
    if security.has_password:
        return faust.SASLCredentials(
            username=security.username,
            password=security.password,
            mechanism=security.mechanism,
            ssl_context=security.ssl_context(),
        )
    return faust.SSLCredentials(security.ssl_context()) if security.is_encrypted else None


def build_app(
    handlers: Handlers,
    *,
    bootstrap: str,
    group: str,
    directory: Path,
    session_timeout_s: float = 8.0,
    batches_buffered: int = 4,
    profile_updates: str = topics.PROFILE_UPDATES,
    events: Sequence[str] = topics.USER_TOPICS,
    until: Mapping[Place, int] | None = None,
) -> StrataApp:
    """Wire agents to handlers.

    Args:
        bootstrap: "host:port" of one or more brokers, comma-separated.
        group: Consumer group; one per namespace.
        directory: Where Faust may write, though it has no reason to.
        session_timeout_s: After a crash, partitions move on after this long; 6–10
            is a good range (Faust's default of 60 leaves them idle for a minute).
        batches_buffered: Per topic, waiting between consumer and agent.
        profile_updates: Topic of the updates that the workers of this group send.
        events: Topics of users' events.
        until: Offsets by (topic, partition) from which on nothing is handed to an agent.
    """
    app = StrataApp(
        group,
        broker=";".join(f"kafka://{address}" for address in bootstrap.split(",")),
        broker_credentials=_credentials(bootstrap),
        store="memory://",
        datadir=str(directory),
        web_enabled=False,
        topic_allow_declare=False,
        topic_disable_leader=True,
        stream_buffer_maxsize=batches_buffered,
        stream_wait_empty=False,
        broker_session_timeout=session_timeout_s,
        # Whoever lives and commits nothing learns of a rebalance with its next heartbeat: so much
        # is added to the session before the partitions of a dead worker move.
        broker_heartbeat_interval=session_timeout_s / 8,
        broker_rebalance_timeout=60.0,
        broker_request_timeout=max(30.0, 2 * session_timeout_s),
        # A store that is away for long must not cost the partitions: the watchdog
        # ends a worker that stands still, and heartbeats tell a living one.
        broker_max_poll_interval=24 * 3600.0,
        consumer_max_fetch_size=8 << 20,
    )

    app.until = dict(until or {})

    def source(*names: str) -> Any:  # noqa: ANN401 - Faust's topic
        return app.topic(*names, schema=BatchSchema(), acks=False)

    @app.agent(source(*events), name="profile")
    async def profile_agent(stream: AsyncIterable[RecordBatch]) -> None:
        async for batch in stream:
            await handlers.profiles(batch)

    @app.agent(source(topics.ITEMS), name="item")
    async def item_agent(stream: AsyncIterable[RecordBatch]) -> None:
        async for batch in stream:
            await handlers.items(batch)

    @app.agent(source(profile_updates), name="statistics")
    async def statistics_agent(stream: AsyncIterable[RecordBatch]) -> None:
        async for batch in stream:
            await handlers.statistics(batch)

    # Keyword form: Faust holds receivers weakly unless told otherwise.
    async def on_revoked(_: Any, revoked: Any, **__: Any) -> None:  # noqa: ANN401, ARG001
        await handlers.revoked()

    async def on_assigned(_: Any, assigned: Any, **__: Any) -> None:  # noqa: ANN401
        await handlers.assigned(frozenset((tp.topic, tp.partition) for tp in assigned))

    app.on_partitions_revoked.connect(on_revoked, weak=False)
    app.on_partitions_assigned.connect(on_assigned, weak=False)
    return app
