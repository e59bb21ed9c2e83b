"""The service under load beside ingest: `python -m held_load --rate 1000 --minutes 5`.

Starts what `strata worker` and `strata serve` want (Kafka, Redis, the Qdrant test server), then
both commands, each in processes of its own, and loads the service as `benchmarks.holding` does.
"""

import argparse
import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import psutil
from qdrant_server.fixture import QdrantTestServer

from benchmarks.holding import arguments, held, mix_of
from local.directory import DataDirectory
from local.stack import EmbeddedStack
from lookup.loops import run

__all__ = ["service_standing"]

_UP_WITHIN_S: Final = 120.0
_STOP_S: Final = 60.0
# Name of a part → what its command line has in it; the first that fits.
_PARTS: Final = {
    "worker": "cli.main worker",
    "service": "cli.main serve",
    "Qdrant's test server": "qdrant_server",
    "Kafka": "java",
    "Redis": "-server",
}


@contextmanager
def service_standing(directory: Path, *, processes: int) -> Iterator[str]:
    """Where the service listens that stands over servers and beside a worker, until the end."""
    with (
        DataDirectory.lock(directory / "stack") as owned,
        EmbeddedStack(owned) as stack,
        QdrantTestServer(directory / "qdrant") as qdrant,
    ):
        addresses = stack.start()
        environment = {
            **{name: value for name, value in os.environ.items() if name[:7] != "STRATA_"},
            "STRATA_KAFKA_BOOTSTRAP": addresses.kafka_bootstrap,
            "STRATA_REDIS_URL": addresses.redis_url,
            "STRATA_QDRANT_URL": qdrant.grpc_url,
            "STRATA_DATA_DIR": str(directory / "data"),
            "STRATA_ERASURE_KEY": "of a stack that nobody uses",
            "STRATA_EMBEDDING_MODEL": "hashing",
            "STRATA_HTTP_PORT": "0",
            "STRATA_METRICS_PORT": "0",
        }
        with (
            _said(environment, directory / "worker.log", r"worker is (ready)", "worker"),
            _said(
                environment,
                directory / "serve.log",
                r"ready at (http://\S+)",
                *("serve", "--processes", str(processes)),
            ) as url,
        ):
            yield url


@contextmanager
def _said(
    environment: Mapping[str, str], log: Path, pattern: str, *arguments: str
) -> Iterator[str]:
    """What a command says when it is ready; ended at the end."""
    with log.open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "cli.main", *arguments],
            env=environment,
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    try:
        deadline_s = time.monotonic() + _UP_WITHIN_S
        while (found := re.search(pattern, log.read_text())) is None:
            if process.poll() is not None or time.monotonic() > deadline_s:
                raise RuntimeError(f"strata {arguments[0]} did not start: {log.read_text()}")
            time.sleep(0.1)
        yield found[1]
        if process.poll() is not None:
            raise RuntimeError(f"strata {arguments[0]} ended: {log.read_text()[-2_000:]}")
    finally:
        process.terminate()
        process.wait(_STOP_S)


def _spent_s() -> dict[str, float]:
    """Processor time of every process under this one, by the part that it is of."""
    spent: dict[str, float] = {}
    for child in psutil.Process().children():
        for one in (child, *child.children(recursive=True)):
            times = one.cpu_times()
            line = " ".join((*child.cmdline(), *one.cmdline()))
            part = next((name for name, mark in _PARTS.items() if mark in line), "else")
            spent[part] = spent.get(part, 0.0) + times.user + times.system
    return spent


def main() -> int:
    parser = argparse.ArgumentParser(prog="held_load", description=__doc__)
    parser.add_argument("--processes", type=int, default=2, help="of `strata serve`")
    asked = arguments(parser).parse_args()
    with (
        tempfile.TemporaryDirectory(prefix="strata-load-") as path,
        service_standing(Path(path), processes=asked.processes) as url,
    ):
        work = held(
            url,
            rate=asked.rate,
            minutes=asked.minutes,
            mix=mix_of(asked.only),
            spent_s=_spent_s,
        )
        well = run(work)
    return 0 if well else 1


if __name__ == "__main__":
    sys.exit(main())
