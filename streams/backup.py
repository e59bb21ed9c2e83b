"""Copying all that is stored into an archive while workers go on, and back into empty stores.

The copy needs no standstill. The offsets up to which everything has taken effect are read
*before* anything is copied, so whatever is copied later holds at least those events; after a
restore the stream goes on at the offsets, and what a user holds beyond them is recognised by
that user's own positions and sets, as after a crash (docs/adr/0024).
"""

import asyncio
import base64
from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from typing import Final

import structlog
from msgspec.structs import replace

from profiles.personas import decode_personas
from profiles.ports import AggregateStore, PersonaStore
from profiles.state import decode_state, encode_state
from stores.archive import ArchivedModels, ArchivedPoint, ArchiveWriter, Frame, Page
from stores.blobs import get_blob
from stores.connect import ProfileStores
from stores.points import Except, Payload, PointId, Points
from stores.users import with_state
from streams.ownership import BOOKMARK
from streams.shelf import Shelf

__all__ = ["Copied", "NotEmpty", "copy_in", "copy_out", "require_empty"]

_log = structlog.get_logger(__name__)

_PAGE: Final = 256
_ATTEMPTS: Final = 3
# Control points and personas first, because users may be ahead of them but never behind;
# passages last, because they are written after the users they belong to.
_ORDER: Final = ("control", "personas", "users", "items", "passages", "erasures")
# Higher than any token that was given after the backup: what those wrote is out of date.
_TOKENS_AHEAD: Final = 1 << 24

Copied = Callable[[int, int], None]
"""Told how many points are copied, and of how many; the second may grow."""


class NotEmpty(RuntimeError):
    """The stores hold something already, which a restore would mix with the backup."""


async def copy_out(
    stores: ProfileStores, aggregates: AggregateStore, writer: ArchiveWriter, *, copied: Copied
) -> None:
    """Write every stored point and the learned models in force.

    Raises:
        StoreUnavailable: a store does not answer; nothing has been written then.
    """
    counts = {name: await stores.collections[name].count(()) for name in _ORDER}
    done = 0
    for name in _ORDER:
        start: PointId | None = None
        before = done
        while True:
            stored, start = await stores.collections[name].scroll(
                (), start=start, limit=_PAGE, vectors=True
            )
            page = Page(collection=name, points=[ArchivedPoint.of(point) for point in stored])
            await asyncio.to_thread(writer.write, page)
            done += len(stored)
            counts[name] = max(counts[name], done - before)
            copied(done, sum(counts.values()))
            if start is None:
                break
    for tenant in await stores.personas.tenants():
        bodies = await _models_in_force(tenant, stores.personas, aggregates)
        if bodies:
            models = ArchivedModels(tenant=tenant, bodies=bodies)
            await asyncio.to_thread(writer.write, models)


async def _models_in_force(
    tenant: str, personas: PersonaStore, aggregates: AggregateStore
) -> list[bytes]:
    """All of one version; empty if none was learned, or it is not there and will be made again."""
    for _ in range(_ATTEMPTS):
        document = await personas.read(tenant)
        model = None if document is None else decode_personas(document.body).model
        if model is None:
            return []
        found = [await get_blob(aggregates, tenant, blob) for blob in model.blobs()]
        bodies = [body for body in found if body is not None]
        if len(bodies) == len(found):
            return bodies
        # Another version was put in force meanwhile, and this one removed.
    _log.warning("learned models are left out: they were not there", tenant=tenant)
    return []


async def require_empty(stores: ProfileStores) -> None:
    """Return with nothing stored; what an interrupted restore has left behind is removed.

    Raises:
        NotEmpty: a worker has been here.
    """
    if await stores.collections["control"].count(()):
        users = await stores.users.count()
        raise NotEmpty(f"a backup is restored into empty stores, and here are {users:,} users")
    # Control points come last when restoring, and first when a worker begins.
    for name in _ORDER:
        await stores.collections[name].delete((Except(()),))


async def copy_in(
    stores: ProfileStores,
    aggregates: AggregateStore,
    frames: Iterable[Frame],
    *,
    positions_hold: bool,
    copied: Copied,
    total: int,
) -> None:
    """Store what an archive holds; `require_empty` first.

    Args:
        positions_hold: The offsets stored with users and control points are those of the
            Kafka that comes now. If not, they are left out: all that it holds is new.
        total: Points in the archive.
    """
    done = 0
    control: list[Page] = []
    shelf = Shelf(aggregates, kept_s=0.0, clock_s=lambda: 0.0)
    # Read and unpacked off the loop: the file may be large and the disk slow.
    reading = iter(frames)
    while (frame := await asyncio.to_thread(next, reading, None)) is not None:
        if isinstance(frame, ArchivedModels):
            await shelf.put(frame.tenant, frame.bodies, in_force=None)
        elif isinstance(frame, Page) and frame.collection == "control":
            control.append(frame)
        elif isinstance(frame, Page):
            await _put(stores.collections[frame.collection], frame, positions_hold=positions_hold)
            done += len(frame.points)
            copied(done, total)
    await stores.flush()
    for page in control:
        await _put(stores.collections["control"], page, positions_hold=positions_hold)
    await stores.flush()


async def _put(points: Points, page: Page, *, positions_hold: bool) -> None:
    for part in _parts(page.points):
        await points.upsert(
            [
                point.point(payload=_adapted(page.collection, point.payload, positions_hold))
                for point in part
            ]
        )


def _parts(points: list[ArchivedPoint]) -> Iterator[list[ArchivedPoint]]:
    left = iter(points)
    while part := list(islice(left, _PAGE)):
        yield part


def _adapted(collection: str, payload: Payload, positions_hold: bool) -> Payload:  # noqa: FBT001 - private, and named where it is made
    match collection:
        case "control":
            held = payload["positions"]
            kept = {
                name: offset
                for name, offset in (held.items() if isinstance(held, dict) else ())
                # Other marks say what was swept; everybody is swept again.
                if positions_hold and name.startswith(BOOKMARK)
            }
            return {**payload, "token": _ahead(payload), "nonce": "", "positions": kept}
        case "personas":
            return {**payload, "token": _ahead(payload)}
        case "users" if not positions_hold:
            return with_state(payload, _without_positions)
        case "erasures" if not positions_hold and "state" in payload:
            return {**payload, "state": _in_base64(payload["state"])}
        case _:
            return payload


def _ahead(payload: Payload) -> int:
    token = payload["token"]
    if not isinstance(token, int):
        raise TypeError("a token is an integer")
    return token + _TOKENS_AHEAD


def _in_base64(encoded: object) -> str:
    if not isinstance(encoded, str):
        raise TypeError("a stored state is text in base64")
    if not encoded:
        return encoded
    return base64.b64encode(_without_positions(base64.b64decode(encoded, validate=True))).decode()


def _without_positions(encoded: bytes) -> bytes:
    return encode_state(replace(decode_state(encoded), positions={}))
