"""Fixtures: see `write_side.fixtures`."""

from write_side.fixtures import anyio_backend, ground, qdrant_server, shared_ground

__all__ = ["anyio_backend", "ground", "qdrant_server", "shared_ground"]
