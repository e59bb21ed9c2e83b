"""Large values as chunks in the snapshot store, named by their content.

A name that holds the digest of what lies under it cannot come to mean something else:
two leaders that publish at once do not mix, and writing again changes nothing. Chunks
keep single commands short, because Redis answers one at a time.
"""

from hashlib import blake2b
from typing import Final

from profiles.ports import AggregateStore
from schemas.snapshots import Blob

__all__ = ["CHUNK_BYTES", "blob_of", "drop_blob", "get_blob", "put_blob"]

CHUNK_BYTES: Final = 4 << 20


def blob_of(body: bytes) -> Blob:
    """Where `put_blob` puts it."""
    digest = blake2b(body, digest_size=16).hexdigest()
    return Blob(digest=digest, size_bytes=len(body), chunk_bytes=CHUNK_BYTES)


async def put_blob(store: AggregateStore, tenant: str, body: bytes) -> Blob:
    """Store `body`; the result says where."""
    blob = blob_of(body)
    for number, name in enumerate(_names(tenant, blob)):
        await store.put_snapshot(name, body[number * CHUNK_BYTES : (number + 1) * CHUNK_BYTES])
    return blob


async def get_blob(store: AggregateStore, tenant: str, blob: Blob) -> bytes | None:
    """What was stored, whole and unharmed; None if it is not there, or not any more."""
    chunks: list[bytes] = []
    for name in _names(tenant, blob):
        (chunk,) = await store.get_snapshots([name])
        if chunk is None:
            return None
        chunks.append(chunk)
    body = b"".join(chunks)
    whole = blake2b(body, digest_size=16).hexdigest() == blob.digest
    return body if whole else None


async def drop_blob(store: AggregateStore, tenant: str, blob: Blob) -> None:
    await store.drop_snapshots(_names(tenant, blob))


def _names(tenant: str, blob: Blob) -> list[str]:
    count = max(1, -(-blob.size_bytes // blob.chunk_bytes))
    return [f"blob:{blob.digest}:{number}:{tenant}" for number in range(count)]
