"""The whole service behind API keys."""

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final

import httpx
from fastapi import FastAPI
from ingest_world import Publishing

from lookup.access import Access, KeyAccess
from lookup.keys import ApiKey, KeyRing, keys_as_toml, new_key
from lookup.scopes import Scope

__all__ = ["EVERYTHING", "Keyed", "bearer", "key_rows"]

EVERYTHING: Final = tuple(Scope)
NOW: Final = datetime(2025, 3, 1, tzinfo=UTC)


def bearer(key: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {key}"}


@dataclass
class Keyed:
    """A service and the keys it knows."""

    publishing: Publishing
    keys: list[ApiKey] = field(default_factory=list)
    now: Callable[[], datetime] = lambda: NOW

    def key(self, tenant: str, scopes: Sequence[Scope] = EVERYTHING, **limits: Any) -> str:
        """A new key, as its owner has it."""
        key, kept = new_key(tenant=tenant, scopes=scopes, random=os.urandom)
        self.keys.append(kept.model_copy(update=limits))
        return key

    @property
    def access(self) -> Access:
        return KeyAccess(lambda: KeyRing(self.keys), now=self.now)

    def app(self) -> FastAPI:
        return self.publishing.app(access=self.access)

    def client(self, key: str | None = None) -> httpx.AsyncClient:
        return httpx.AsyncClient(
            transport=httpx.ASGITransport(self.app(), raise_app_exceptions=False),
            base_url="http://strata.test",
            headers={} if key is None else bearer(key),
        )


def key_rows() -> bytes:
    """A file of two keys, the same each time."""

    def of(byte: int) -> ApiKey:
        return new_key(
            tenant=f"t{byte}", scopes=[Scope.READ], random=lambda size: bytes([byte]) * size
        )[1]

    return keys_as_toml([of(1), of(2)]).encode()
