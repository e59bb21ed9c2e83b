"""`strata serve` by several processes over real servers: one address, one sum, one end."""

import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import psutil
import pytest
from qdrant_server.fixture import QdrantTestServer

from cli.settings import Settings
from local.directory import DataDirectory
from local.redis import RedisServer

PATIENCE_S = 120.0


def until(done: Callable[[], bool]) -> None:
    deadline_s = time.monotonic() + PATIENCE_S
    while not done():
        assert time.monotonic() < deadline_s
        time.sleep(0.1)


class Service:
    """The command, and what it says."""

    def __init__(self, environment: dict[str, str], *arguments: str) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", "cli.main", "serve", *arguments],
            env=environment,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self.process.stdout is not None
        said = self.process.stdout.readline()
        found = re.search(r"ready at (http://\S+) by 2 processes", said)
        assert found, said
        self.url = found[1]

    def serving(self) -> set[int]:
        found: set[int] = set()
        for one in psutil.Process(self.process.pid).children():
            try:
                if "spawn_main" in " ".join(one.cmdline()):
                    found.add(one.pid)
            except psutil.NoSuchProcess:
                # It has just ended.
                continue
        return found

    def get(self, path: str) -> httpx.Response:
        # A connection of its own, which any process may get.
        return httpx.get(self.url + path, timeout=30)

    def end(self) -> None:
        self.process.kill()
        self.process.wait()
        if self.process.stdout is not None:
            self.process.stdout.close()

    def answers(self) -> bool:
        try:
            return self.get("/livez").status_code == 200
        except httpx.TransportError:
            return False

    def counted(self) -> float:
        line = r'^strata_http_requests_total\{method="GET",route="/v1/profiles.*?\} ([0-9.]+)$'
        return sum(map(float, re.findall(line, self.get("/metrics").text, re.MULTILINE)))


@pytest.fixture
def environment(tmp_path: Path) -> Iterator[dict[str, str]]:
    with (
        QdrantTestServer(tmp_path / "qdrant") as qdrant,
        DataDirectory.lock(tmp_path / "data") as directory,
        RedisServer(directory) as redis,
    ):
        yield {
            name: value for name, value in os.environ.items() if not name.startswith("STRATA_")
        } | {
            "STRATA_REDIS_URL": redis.address,
            "STRATA_QDRANT_URL": qdrant.rest_url,
            "STRATA_EMBEDDING_MODEL": "hashing",
            "STRATA_HTTP_PORT": "0",
        }


def test_two_processes_are_one_service(environment: dict[str, str]) -> None:
    service = Service(environment | {"STRATA_HTTP_PROCESSES": "2"})
    try:
        first = service.serving()
        assert len(first) == 2
        for number in range(20):
            assert service.get(f"/v1/profiles/{number}").status_code == 200
        # Whichever is asked tells what both have counted, of the other what it was a second ago.
        until(lambda: [service.counted() for _ in range(4)] == [20.0] * 4)

        killed = min(first)
        os.kill(killed, signal.SIGKILL)
        until(lambda: len(service.serving() - {killed}) == 2 and service.answers())

        everybody = service.serving()
        service.process.send_signal(signal.SIGTERM)
        assert service.process.wait(PATIENCE_S) == 0
        assert not any(map(psutil.pid_exists, everybody))
        host, port = service.url.removeprefix("http://").split(":")
        with socket.socket() as probe:
            assert probe.connect_ex((host, int(port))) != 0
    finally:
        service.end()


def test_processes_do_not_outlive_the_one_that_started_them(environment: dict[str, str]) -> None:
    service = Service(environment, "--processes", "2")
    left = service.serving()
    service.end()
    until(lambda: not any(map(psutil.pid_exists, left)))


def test_what_cannot_start_ends_with_one_line(environment: dict[str, str]) -> None:
    ended = subprocess.run(
        [sys.executable, "-m", "cli.main", "serve", "--processes", "2"],
        env=environment
        | {
            "STRATA_QDRANT_URL": "http://127.0.0.1:1?grpc_port=0",
            "STRATA_START_PATIENCE_S": "0.5",
        },
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
        check=False,
    )
    assert ended.returncode == 1
    assert "Qdrant" in ended.stderr
    assert "Traceback" not in ended.stderr


def test_the_embedded_stack_is_one_process(tmp_path: Path) -> None:
    ended = subprocess.run(
        [sys.executable, "-m", "cli.main", "up"],
        env=os.environ | {"STRATA_DATA_DIR": str(tmp_path), "STRATA_HTTP_PROCESSES": "2"},
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
        check=False,
    )
    assert ended.returncode == 2
    assert "one owner" in ended.stderr


def test_one_process_is_the_default() -> None:
    assert Settings().http_processes == 1
