"""Kafka and Redis that can be killed with -9, and started again on the same port."""

import random
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil

from local.directory import DataDirectory
from local.kafka import KafkaServer
from local.ports import is_taken
from local.redis import RedisServer
from local.server import Server

__all__ = ["Parts", "opened_parts"]

_GONE_S = 20
# Below what systems give to outgoing connections: nobody takes the port while its server is dead.
_KEPT_PORTS = range(20_000, 32_000)


@dataclass(frozen=True, slots=True)
class Parts:
    """Two servers with a directory and a fixed port each."""

    kafka: KafkaServer
    redis: RedisServer

    @property
    def bootstrap(self) -> str:
        return self.kafka.address

    @property
    def redis_url(self) -> str:
        return self.redis.address

    def kill_kafka(self) -> None:
        """SIGKILL; what it acknowledged is with the kernel and there at the next start."""
        _kill(self.kafka)

    def restart_kafka(self) -> None:
        self.kafka.start()

    def kill_redis(self) -> None:
        _kill(self.redis)

    def restart_redis(self) -> None:
        self.redis.start()

    def empty_redis(self) -> None:
        """Of a Redis that does not run."""
        shutil.rmtree(self.redis.path)

    def copy_redis(self, into: Path) -> None:
        """Keep what a Redis that does not run has stored."""
        shutil.copytree(self.redis.path, into)

    def put_redis_back(self, copy: Path) -> None:
        """To what was kept, for a Redis that does not run."""
        self.empty_redis()
        shutil.copytree(copy, self.redis.path)


@contextmanager
def opened_parts(path: Path) -> Iterator[Parts]:
    """Both, started, in a directory of their own; what they stored stays there."""
    with DataDirectory.lock(path) as directory:
        kafka = KafkaServer(directory, port=_port_to_keep())
        redis = RedisServer(directory, port=_port_to_keep())
        with kafka, redis:
            yield Parts(kafka, redis)


def _port_to_keep() -> int:
    drawn = random.SystemRandom()
    while is_taken(port := drawn.choice(_KEPT_PORTS)):
        pass
    return port


def _kill(server: Server) -> None:
    """The server itself, not the guardian that would stop it in an orderly way."""
    child = server._child
    if child is None:
        raise RuntimeError(f"{server.name} is not running")
    programs = psutil.Process(child._guardian.pid).children(recursive=True)
    for program in programs:
        program.kill()
    psutil.wait_procs(programs, timeout=_GONE_S)
    server.stop()
