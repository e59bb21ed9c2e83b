"""Which running parts a command talks to: those named by the settings, or the stack that runs."""

from dataclasses import dataclass

from cli.running import find_running
from cli.settings import Settings

__all__ = ["KafkaSite", "RedisSite", "kafka_site", "lookup_url", "redis_site"]


@dataclass(frozen=True, slots=True, kw_only=True)
class KafkaSite:
    """A Kafka with the counts and names in use there."""

    kafka_bootstrap: str
    partitions: int
    group: str


def kafka_site(settings: Settings) -> KafkaSite:
    """The Kafka that the settings name, else that of the stack in the data directory.

    Raises:
        NotRunning: neither.
    """
    if settings.kafka_bootstrap is not None:
        return KafkaSite(
            kafka_bootstrap=settings.kafka_bootstrap,
            partitions=settings.partitions,
            group=settings.consumer_group,
        )
    stack = find_running(settings.data_dir)
    return KafkaSite(
        kafka_bootstrap=stack.kafka_bootstrap, partitions=stack.partitions, group=stack.group
    )


def lookup_url(settings: Settings, *, given: str | None = None) -> str:
    """Where questions are answered: as given, as set, or of the running stack.

    Where the stores are servers of their own, it is where `strata serve` listens by default.

    Raises:
        NotRunning: nothing is named and no stack runs in the data directory.
    """
    named = given or settings.url
    if named is not None:
        return named.rstrip("/")
    if settings.redis_url and settings.qdrant_url:
        return f"http://{settings.http_host}:{settings.http_port}"
    return find_running(settings.data_dir).http_url


@dataclass(frozen=True, slots=True, kw_only=True)
class RedisSite:
    """A Redis with the names and counts in use there."""

    redis_url: str
    namespace: str
    partitions: int


def redis_site(settings: Settings) -> RedisSite:
    """The Redis that the settings name, else that of the stack in the data directory.

    Raises:
        NotRunning: neither.
    """
    if settings.redis_url is not None:
        return RedisSite(
            redis_url=settings.redis_url,
            namespace=settings.namespace,
            partitions=settings.partitions,
        )
    stack = find_running(settings.data_dir)
    return RedisSite(
        redis_url=stack.redis_url, namespace=stack.namespace, partitions=stack.partitions
    )
