"""Serve until stdin ends: `python -m qdrant_server DIRECTORY`, prints the REST and gRPC ports.

Stdin is a pipe from who started it, so it ends with its parent, however that ends.
"""

import asyncio
import socket
import sys
from pathlib import Path

import uvicorn

from qdrant_server.engine import Engine
from qdrant_server.rest import rest_application
from qdrant_server.rpc import rpc_server


async def serve(directory: Path) -> None:
    engine = Engine(directory)
    listener = socket.create_server(("127.0.0.1", 0))
    rest = uvicorn.Server(
        uvicorn.Config(rest_application(engine), log_level="warning", lifespan="off")
    )
    rpc, rpc_port = rpc_server(engine)
    await rpc.start()
    serving = asyncio.create_task(rest.serve([listener]))
    print(listener.getsockname()[1], rpc_port, flush=True)  # noqa: T201 -- read by the fixture
    await asyncio.to_thread(sys.stdin.read)
    rest.should_exit = True
    await serving
    await rpc.stop(grace=1.0)


asyncio.run(serve(Path(sys.argv[1])))
