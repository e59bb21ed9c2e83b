"""Worker and service that start before their parts wait for each, say which, and then work."""

import asyncio
import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import AsyncExitStack, contextmanager
from pathlib import Path
from typing import Any, Final
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
from proxy import Trouble, proxied
from write_side.ground import Ground

pytestmark = [pytest.mark.anyio, pytest.mark.stack]

_PATIENCE_S: Final = 120.0
PARTS: Final = ("Qdrant", "Redis", "Kafka")
"""In the order in which they are asked for."""


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
        return port


@contextmanager
def strata(command: str, settings: dict[str, str], log: Path) -> Iterator[subprocess.Popen[bytes]]:
    plain = {name: text for name, text in os.environ.items() if not name.startswith("STRATA_")}
    with log.open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "cli.main", command],
            env=plain | settings,
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    try:
        yield process
    finally:
        # In an orderly way it would have to speak through proxies that this thread drives.
        process.kill()
        process.wait()


async def until(url: str, said: Callable[[int, Any], bool], alive: Callable[[], bool]) -> None:
    """Until `/readyz` says it."""
    deadline_s = time.monotonic() + _PATIENCE_S
    async with httpx.AsyncClient(timeout=10.0) as client:
        while True:
            assert time.monotonic() < deadline_s
            assert alive()
            try:
                answer = await client.get(f"{url}/readyz")
            except httpx.TransportError:
                await asyncio.sleep(0.2)
                continue
            if said(answer.status_code, answer.json()):
                return
            await asyncio.sleep(0.1)


async def test_worker_and_service_wait_for_parts_that_come_after_them_and_name_each(
    shared_ground: Ground, tmp_path: Path
) -> None:
    ground = shared_ground
    qdrant = urlsplit(ground.qdrant_url)
    ports = {name: free_port() for name in ("worker", "serve")}
    urls = {name: f"http://127.0.0.1:{port}" for name, port in ports.items()}
    logs = {name: tmp_path / f"{name}.log" for name in ports}
    async with AsyncExitStack() as stack:
        rest, grpc, redis, kafka = [
            await stack.enter_async_context(proxied(port, names_itself=names))
            for port, names in (
                (qdrant.port or 0, False),
                (int(parse_qs(qdrant.query)["grpc_port"][0]), False),
                (urlsplit(ground.redis_url).port or 0, False),
                (int(ground.bootstrap.rpartition(":")[2]), True),
            )
        ]
        proxies = {"Qdrant": (rest, grpc), "Redis": (redis,), "Kafka": (kafka,)}
        for proxy in (rest, grpc, redis, kafka):
            proxy.meet(Trouble.REFUSING)
        settings = {
            "STRATA_KAFKA_BOOTSTRAP": f"127.0.0.1:{kafka.port}",
            "STRATA_REDIS_URL": f"redis://127.0.0.1:{redis.port}/0",
            "STRATA_QDRANT_URL": f"http://127.0.0.1:{rest.port}?grpc_port={grpc.port}",
            "STRATA_NAMESPACE": ground.namespace,
            "STRATA_PARTITIONS": str(ground.partitions),
            "STRATA_EMBEDDING_MODEL": "hashing",
            "STRATA_METRICS_PORT": str(ports["worker"]),
            "STRATA_HTTP_PORT": str(ports["serve"]),
        }
        processes = {
            name: stack.enter_context(strata(name, settings, logs[name])) for name in ports
        }

        def is_alive(name: str) -> Callable[[], bool]:
            return lambda: processes[name].poll() is None

        for part in PARTS:

            def waits(status: int, said: Any, part: str = part) -> bool:
                return status == 503 and part in (said.get("waiting_for"), *said.get("stores", ()))

            for name, url in urls.items():
                await until(url, waits, is_alive(name))
            async with httpx.AsyncClient() as client:
                refused = await client.get(f"{urls['serve']}/v1/profiles/anna")
            assert (refused.status_code, part in refused.json()["detail"]) == (503, True)
            for proxy in proxies[part]:
                proxy.meet(Trouble.NONE)
        for name, url in urls.items():
            await until(url, lambda status, _: status == 200, is_alive(name))
        async with httpx.AsyncClient(timeout=10.0) as client:
            known = await client.get(f"{urls['serve']}/v1/profiles/anna")
        assert known.status_code == 200
        for log in logs.values():
            said = log.read_text()
            assert [part for part in PARTS if f"part='{part}'" in said] == list(PARTS)
