"""The HTTP service put together: it publishes where there is a Kafka to publish to."""

import secrets
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import TYPE_CHECKING

from aiokafka.errors import KafkaConnectionError
from fastapi import FastAPI

from cli.access import access_of
from cli.composition import Addresses, OpenStores
from cli.dashboard import dashboard_opened
from cli.declarations import read_data_policy, read_personas, read_vocabulary
from cli.erasure_key import erasure_secret
from cli.errors import CommandFailed
from cli.hosting import Hosting
from cli.settings import Settings
from cli.starting import AT_ONCE, Starting
from lookup.answering import Answering
from lookup.erasures import Erasures
from lookup.ingest import Ingest
from lookup.ingest_consents import ConsentCheck
from lookup.ingest_kafka import KafkaEventLog, not_traced
from lookup.metrics import HttpMetrics
from lookup.preferences import PreferencePairs
from lookup.preferences_kafka import KafkaPreferenceLog
from lookup.service import create_app

if TYPE_CHECKING:
    from lookup.tracing import RequestTracing

__all__ = ["service_opened"]


@asynccontextmanager
async def service_opened(
    settings: Settings,
    addresses: Addresses,
    stores: OpenStores,
    answering: Answering,
    *,
    versions: Hosting | None = None,
    metrics: HttpMetrics | None = None,
    tracing: "RequestTracing | None" = None,
    starting: Starting = AT_ONCE,
) -> AsyncIterator[FastAPI]:
    """The app over what answers. Without a Kafka among the addresses it only reads.

    Args:
        stores: Of the first version, whose Redis keeps the answers of publishing.
        versions: Chooses what answers each request; always `answering` without it.
        metrics: What is exposed at `/metrics`; of the service alone without it.
        tracing: Traces requests and what they send.
        starting: Waits for Kafka if it is away.

    Raises:
        WrongUse, CommandFailed: see `cli.access`; or Kafka is named and cannot be reached.
    """
    async with AsyncExitStack() as opened:
        ingest = preferences = erasures = None
        if addresses.kafka_bootstrap:
            answers, now_ms = stores.redis.answers, lambda: time.time_ns() // 1_000_000
            ingest = Ingest(
                log=await _log_opened(opened, addresses.kafka_bootstrap, tracing, starting),
                answers=answers,
                partitions=settings.partitions,
                now_ms=now_ms,
                consents=ConsentCheck(
                    users=stores.profiles.users, data_policy=read_data_policy(settings)
                ),
                vocabulary=read_vocabulary(settings),
            )
            erasures = Erasures(
                store=stores.profiles.erasures,
                users=stores.profiles.users,
                answers=answers,
                ingest=ingest,
                secret=erasure_secret(settings),
                now_ms=now_ms,
                new_id=lambda: secrets.token_hex(16),
                others=dict if versions is None else versions.erasure_stores,
            )
            preferences = PreferencePairs(
                log=KafkaPreferenceLog(addresses.kafka_bootstrap),
                users=stores.profiles.users,
                items=stores.profiles.items,
                declared=read_personas(settings),
                data_policy=read_data_policy(settings),
            )
        dashboard = await opened.enter_async_context(
            dashboard_opened(settings, addresses, hosting=versions)
        )
        # At the end all of it is told that was counted.
        metrics = metrics or HttpMetrics()
        opened.callback(metrics.tell)
        yield create_app(
            answering.lookup,
            own_writes=answering.own_writes,
            ingest=ingest,
            documents=answering.documents,
            dashboard=dashboard,
            access=access_of(settings),
            most_at_once=settings.http_most_at_once,
            persons=answering.persons,
            preferences=preferences,
            versions=versions,
            erasures=erasures,
            metrics=metrics,
            traced=None if tracing is None else tracing.around,
        )


async def _log_opened(
    opened: AsyncExitStack,
    bootstrap: str,
    tracing: "RequestTracing | None",
    starting: Starting,
) -> KafkaEventLog:
    sending = not_traced if tracing is None else tracing.sending

    async def log_opened() -> KafkaEventLog:
        return await opened.enter_async_context(KafkaEventLog.opened(bootstrap, sending=sending))

    try:
        return await starting.reached("Kafka", log_opened)
    except KafkaConnectionError as error:
        raise CommandFailed(f"Kafka at {bootstrap} cannot be reached") from error
