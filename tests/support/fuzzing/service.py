"""A running service to be fuzzed: real HTTP, keys in force, two tenants in the stores."""

import asyncio
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from ingest_world import MemoryEventLog, Publishing
from keyed_world import Keyed
from lookup_world import LIBRARY, World, like

from lookup.server import Serving, serve
from profiles.personas import Label, Persona

__all__ = ["FuzzedService", "service_running"]


@dataclass(frozen=True, slots=True)
class FuzzedService:
    """Where it listens, and a key to everything of the tenant "default"."""

    url: str
    key: str


@contextmanager
def service_running(log: MemoryEventLog | None = None) -> Iterator[FuzzedService]:
    """Serve from a thread of its own until the end of the block."""
    loop = asyncio.new_event_loop()
    publishing = Publishing(
        World(),
        log=log or MemoryEventLog(),
        wait_s=0.02,
        now_ms=lambda: time.time_ns() // 1_000_000,
    )
    keyed = Keyed(publishing)
    key = keyed.key("default", requests_per_s=1e6, burst=1_000_000)

    async def start() -> Serving:
        await _populate(publishing)
        return await serve(keyed.app(), port=0)

    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    serving = asyncio.run_coroutine_threadsafe(start(), loop).result(30)
    try:
        yield FuzzedService(serving.url, key)
    finally:
        asyncio.run_coroutine_threadsafe(serving.stop(), loop).result(30)
        loop.call_soon_threadsafe(loop.stop)
        thread.join(30)
        loop.close()


async def _populate(publishing: Publishing) -> None:
    world = publishing.world
    for tenant in ("default", "shop"):
        for item_id, vector in LIBRARY.items():
            await world.add_item(item_id, vector, tenant=tenant)
        await world.add_user("anna", [like("anna", "moby")], persona="p1", tenant=tenant)
    await world.publish_personas(Persona("p1", 40, (Label("sea", 3.0, 20),)))
    await world.publish_statistics({"moby": 7.0, "sonnets": 5.0})
    await world.publish_statistics({"moby": 6.0}, scope="p1")
