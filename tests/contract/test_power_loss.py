"""What embedded storage has after a loss of power: everything that its log was synced with.

Between two checkpoints the kernel writes the segment's files, page by page, when it sees fit. So
what a loss of power leaves of them is pages as they were at the last checkpoint, or as written
since, in any mixture; of the log, whole, whatever `flush` has waited for.
"""

import os
import shutil
from pathlib import Path
from uuid import UUID

import numpy as np
import pytest

from profiles.ports import Vector
from stores.edge_files import log_synced
from stores.points import Collection, Equals, Index, Payload, Point
from stores.qdrant_edge import EdgePoints

pytestmark = pytest.mark.anyio

_PAGE = 4096
_LOG = "wal"
_IDS = [str(UUID(int=number)) for number in range(1, 1200)]
_COLLECTION = Collection(
    name="users",
    dimension=8,
    indexes={"tenant": Index.TENANT, "partition": Index.INTEGER, "token": Index.INTEGER},
)

Contents = dict[object, tuple[Payload, bytes]]


@pytest.mark.parametrize("seed", range(6))
async def test_what_was_flushed_survives_whatever_pages_were_written(
    quick_path: Path, seed: int
) -> None:
    rng = np.random.default_rng(seed)
    here, before, lost = (quick_path / name for name in ("segment", "before", "lost"))
    points = EdgePoints.open(_COLLECTION, here)
    await points.upsert(_drawn(rng, _IDS[:600], token=1))
    await points.close()
    shutil.copytree(here, before)
    points = EdgePoints.open(_COLLECTION, here)
    await _operations(points, rng, count=int(rng.integers(3, 12)))
    await points.flush()
    stored = await _everything(points)
    shutil.copytree(here, lost)
    await points.close()
    # None of them, a half, and all.
    written = _mix(before, lost, rng, share=(0.0, 0.5, 1.0)[seed % 3])
    assert written > 0 or seed % 3 == 0
    points = EdgePoints.open(_COLLECTION, lost)
    assert await _everything(points) == stored
    await points.close()


async def test_every_file_of_the_log_is_waited_for(
    quick_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Its files are of 32 MB, so this fills the first and begins the second.
    synced: set[str] = set()
    sync = os.fdatasync

    def seen(handle: int) -> None:
        synced.add(Path(f"/proc/self/fd/{handle}").readlink().name)
        sync(handle)

    points = EdgePoints.open(_COLLECTION, quick_path / "segment")
    large: Payload = {"tenant": "t", "state": "x" * 1_000_000}
    for number in range(1, 50):
        await points.upsert([Point(number, np.zeros(8, np.float32), large)])
    monkeypatch.setattr(os, "fdatasync", seen)
    await points.flush()
    files = {file.name for file in (quick_path / "segment" / _LOG).iterdir()}
    assert synced == files
    assert any(name.startswith("closed-") for name in files)
    synced.clear()
    # What is on the disk is not asked for again.
    await points.flush()
    assert synced == set()
    await points.close()


def test_a_disk_that_fails_is_not_taken_for_one_that_has_it(
    quick_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (quick_path / _LOG).mkdir()
    (quick_path / _LOG / "open-1").write_bytes(b"entries")

    def failing(_handle: int) -> None:
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(os, "fdatasync", failing)
    with pytest.raises(OSError, match="Input/output error"):
        log_synced(quick_path)


async def _operations(points: EdgePoints, rng: np.random.Generator, *, count: int) -> None:
    for _ in range(count):
        some = [_IDS[place] for place in rng.permutation(len(_IDS))[:200]]
        token = int(rng.integers(1, 4))
        where = (Equals("token", token),)
        match int(rng.integers(5)):
            case 0:
                await points.upsert(_drawn(rng, some, token=token))
            case 1:
                await points.insert_only(_drawn(rng, some, token=2))
            case 2:
                await points.update_if(_drawn(rng, some, token=3), where)
            case 3:
                await points.set_payload_if(some, {"token": 3, "more": 1}, where)
            case _:
                await points.delete_if(some[:50], where)


def _drawn(rng: np.random.Generator, ids: list[str], *, token: int) -> list[Point]:
    vectors: Vector = rng.normal(size=(len(ids), 8)).astype(np.float32)
    return [
        Point(
            one,
            vector,
            {
                "tenant": "t",
                "partition": place % 4,
                "token": token,
                "state": "x" * int(rng.integers(10, 2_000)),
            },
        )
        for place, (one, vector) in enumerate(zip(ids, vectors, strict=True))
    ]


async def _everything(points: EdgePoints) -> Contents:
    """All points, which the indexes must agree with."""
    found: Contents = {}
    start = None
    while True:
        page, start = await points.scroll((), start=start, limit=500, vectors=True)
        for one in page:
            assert one.vector is not None
            found[one.id] = (one.payload, one.vector.tobytes())
        if start is None:
            break
    for token in range(4):
        counted = await points.count((Equals("token", token),))
        assert counted == sum(payload["token"] == token for payload, _ in found.values())
    return found


def _mix(before: Path, lost: Path, rng: np.random.Generator, *, share: float) -> int:
    """Put pages of before in the place of what was written since; how many were left as written."""
    written = 0
    for file in [one for one in lost.rglob("*") if one.is_file() and _LOG not in one.parts]:
        earlier = before / file.relative_to(lost)
        old, new = earlier.read_bytes(), bytearray(file.read_bytes())
        assert len(old) == len(new)
        for start in range(0, len(new), _PAGE):
            page = slice(start, start + _PAGE)
            if new[page] == old[page]:
                continue
            if rng.random() < share:
                written += 1
            else:
                new[page] = old[page]
        file.write_bytes(bytes(new))
    return written
