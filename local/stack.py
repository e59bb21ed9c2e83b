"""Kafka and Redis as one: started together, watched together, stopped together."""

from collections.abc import Callable
from dataclasses import dataclass
from types import TracebackType
from typing import Self

from local.directory import DataDirectory
from local.disk import MINIMUM_FREE_BYTES
from local.jars import KafkaJars
from local.kafka import KafkaServer, silent
from local.redis import RedisServer


@dataclass(frozen=True, slots=True)
class Addresses:
    """Where the parts of the stack are.

    Attributes:
        kafka_bootstrap: `127.0.0.1:PORT`.
        redis_url: `redis://127.0.0.1:PORT/0`.
        qdrant_url: `edge:///absolute/directory`, which is opened by who uses it.
    """

    kafka_bootstrap: str
    redis_url: str
    qdrant_url: str


class EmbeddedStack:
    """Kafka and Redis as children, and a place for Qdrant's segment, in one data directory.

    What was stored is there again at the next start. The ports are other ones then, unless
    they were given.
    """

    def __init__(
        self,
        directory: DataDirectory,
        *,
        kafka_port: int | None = None,
        redis_port: int | None = None,
        kafka_heap: str = "512m",
        kafka_jars: KafkaJars | None = None,
        minimum_free_bytes: int = MINIMUM_FREE_BYTES,
        progress: Callable[[str], None] = silent,
    ) -> None:
        """Nothing is started yet.

        Args:
            directory: Locked by the caller, who closes it after `stop`.
            kafka_port, redis_port: A given port is used or refused; without one a free port
                is found.
            kafka_heap: Limit of Kafka's Java heap, as after `-Xmx`.
            kafka_jars: Which Kafka; by default 4.4.0 from Maven Central.
            minimum_free_bytes: Space to insist on before starting.
            progress: Told one line before each step that takes long.
        """
        self._directory = directory
        self._progress = progress
        self._redis = RedisServer(directory, port=redis_port, minimum_free_bytes=minimum_free_bytes)
        self._kafka = KafkaServer(
            directory,
            port=kafka_port,
            heap=kafka_heap,
            jars=kafka_jars,
            minimum_free_bytes=minimum_free_bytes,
            progress=progress,
        )
        self._addresses: Addresses | None = None

    def start(self) -> Addresses:
        """Start both at the same time and return when both serve requests.

        After an error nothing is left running. Starting again changes nothing.

        Raises:
            LocalStackError: see `local.errors`; its message is fit for a person.
        """
        if self._addresses is None:
            try:
                self._redis.launch()
                self._kafka.launch()
                self._progress("waiting for Kafka and Redis")
                self._redis.wait_ready()
                self._kafka.wait_ready()
            except BaseException:
                self.stop()
                raise
            self._addresses = Addresses(
                kafka_bootstrap=self._kafka.address,
                redis_url=self._redis.address,
                qdrant_url=f"edge://{self._directory.path / 'qdrant'}",
            )
        return self._addresses

    def check(self) -> None:
        """Return if both run and have space; to be called now and then.

        Raises:
            ChildDied: one of them has ended.
            DiskFull: one of them has met a full disk since last asked.
        """
        self._kafka.check()
        self._redis.check()

    def stop(self) -> None:
        """Stop both in an orderly way, at most 15 s. Stopping again changes nothing."""
        self._kafka.ask_to_stop()
        self._redis.ask_to_stop()
        self._kafka.stop()
        self._redis.stop()
        self._addresses = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()
