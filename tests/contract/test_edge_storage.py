"""What embedded storage survives, and how it says that it cannot go on."""

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from functools import partial
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from store_records import touched

from profiles.ports import StoreUnavailable, Token, UserRecord, UserStore
from stores import qdrant_edge
from stores.connect import ProfileStores, drop_profile_stores, open_profile_stores
from stores.edge_directory import EdgeDirectory
from stores.edge_process import EdgeProcess
from stores.errors import StoreEnded, StoreFull, StoreInUse, StoreMismatch
from stores.points import Equals, Point
from stores.users import PointUserStore, user_collection

pytestmark = pytest.mark.anyio


@pytest.fixture
def url(quick_path: Path) -> str:
    return f"edge://{quick_path}/qdrant"


@pytest.fixture
async def stores(url: str, anyio_backend: str) -> AsyncIterator[ProfileStores]:
    assert anyio_backend == "asyncio"
    opened = await open_profile_stores(url, namespace="live", dimension=4)
    yield opened
    await opened.close()


async def add_users(users: UserStore, count: int) -> list[UserRecord]:
    names = [("t", f"user {number}") for number in range(count)]
    claimed = await users.claim(names, partition=0, token=Token(1))
    records = [touched(one, token=1) for one in claimed]
    await users.write(records)
    return records


async def test_everything_survives_closing_and_opening(url: str) -> None:
    stores = await open_profile_stores(url, namespace="live", dimension=4)
    records = await add_users(stores.users, 300)
    control = await stores.control.take(3, "nonce")
    await stores.close()
    stores = await open_profile_stores(url, namespace="live", dimension=4)
    found = await stores.users.read([one.key for one in records])
    assert [one and one.state for one in found] == [b"state"] * 300
    assert (
        len(await stores.users.similar(tenant="t", vector=records[0].vector, space=0, limit=9)) == 9
    )
    assert await stores.control.read(3) == control
    await stores.close()


def run_program(program: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", program],
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
        check=False,
    )


_WRITER = """
import asyncio, os, signal, sys
sys.path.insert(0, {tests!r})
from store_records import touched
from profiles.ports import Token
from stores.connect import open_profile_stores

async def main():
    stores = await open_profile_stores({url!r}, namespace="live", dimension=4)
    for batch in range(5):
        names = [("t", f"user {{batch}}/{{number}}") for number in range(100)]
        claimed = await stores.users.claim(names, partition=0, token=Token(1))
        await stores.users.write([touched(one, token=1) for one in claimed])
        if batch == 1:
            await stores.flush()
    os.kill(os.getpid(), signal.SIGKILL)

asyncio.run(main())
"""


async def test_a_killed_process_loses_nothing_it_was_told_is_written(url: str) -> None:
    tests = str(Path(__file__).parents[1] / "support")
    ended = await asyncio.to_thread(run_program, _WRITER.format(tests=tests, url=url))
    assert ended.returncode == -signal.SIGKILL
    stores = await open_profile_stores(url, namespace="live", dimension=4)
    pages = [page async for page in stores.users.scan(tenant="t")]
    assert [one.version for page in pages for one in page] == [1] * 500
    await stores.close()


async def test_a_second_process_is_refused_and_the_first_goes_on(
    stores: ProfileStores, url: str
) -> None:
    await add_users(stores.users, 10)
    program = (
        "import asyncio; from stores.connect import open_profile_stores; "
        f"asyncio.run(open_profile_stores({url!r}, namespace='live', dimension=4))"
    )
    second = await asyncio.to_thread(run_program, program)
    assert "StoreInUse" in second.stderr
    with pytest.raises(StoreInUse, match="another process"):
        await open_profile_stores(url, namespace="live", dimension=4)
    await stores.flush()
    await add_users(stores.users, 20)
    assert await stores.users.count() == 20


async def test_another_dimension_is_refused_and_the_directory_released(url: str) -> None:
    await (await open_profile_stores(url, namespace="live", dimension=4)).close()
    with pytest.raises(StoreMismatch, match="expected vector size 5, but got 4"):
        await open_profile_stores(url, namespace="live", dimension=5)
    await (await open_profile_stores(url, namespace="live", dimension=4)).close()


async def test_a_creation_that_was_killed_is_started_over(url: str, quick_path: Path) -> None:
    left_over = quick_path / "qdrant" / "live_users_v1.draft-1"
    left_over.mkdir(parents=True)
    (left_over / "edge_config.json").write_text("half")
    stores = await open_profile_stores(url, namespace="live", dimension=4)
    assert len(await add_users(stores.users, 3)) == 3
    await stores.close()


@pytest.fixture
async def users_here(quick_path: Path, anyio_backend: str) -> AsyncIterator[PointUserStore]:
    """Over a segment in this process, where its limits can be moved."""
    assert anyio_backend == "asyncio"
    opened = EdgeDirectory.open(
        quick_path / "qdrant", namespace="live", collections=[user_collection(4)]
    )
    yield PointUserStore(opened.collections[0])
    await opened.close()


async def test_a_disk_that_is_nearly_full_refuses_writes_and_goes_on_reading(
    users_here: PointUserStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    # A segment whose disk fills up ends the process with SIGBUS: it must not come that far.
    records = await add_users(users_here, 10)
    with monkeypatch.context() as patched:
        full = SimpleNamespace(f_bavail=1000, f_frsize=4096)
        patched.setattr(os, "statvfs", lambda _path: full)
        with pytest.raises(StoreFull, match="3 MB left on the disk"):
            await users_here.write(records)
        assert issubclass(StoreFull, StoreUnavailable)
        assert await users_here.count() == 10
    await users_here.write(records)


async def test_storage_stays_small_under_updates_in_place(
    users_here: PointUserStore, quick_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # The bound in points is what keeps it small, so a lower one shows it sooner.
    monkeypatch.setattr(qdrant_edge, "_CHECKPOINT_AFTER_POINTS", 1000)
    records = await add_users(users_here, 200)

    def segments_bytes() -> int:
        files = (quick_path / "qdrant").glob("live_users_v1/segments/**/*")
        return sum(path.stat().st_blocks * 512 for path in files if path.is_file())

    async def update(rounds: int) -> int:
        for number in range(rounds):
            payload = os.urandom(4000) + bytes([number])
            await users_here.write([touched(one, token=1, state=payload) for one in records])
        return segments_bytes()

    settled = await update(20)
    assert await update(40) < 1.2 * settled


async def test_urls_without_an_absolute_directory_are_refused() -> None:
    with pytest.raises(ValueError, match="absolute"):
        await open_profile_stores("edge://relative", namespace="live", dimension=4)


async def test_dropping_a_namespace_leaves_no_other_one_without(quick_path: Path) -> None:
    url = f"edge://{quick_path}/qdrant"
    for namespace in ("live", "live--b"):
        stores = await open_profile_stores(url, namespace=namespace, dimension=4)
        await add_users(stores.users, 3)
        if namespace == "live--b":
            with pytest.raises(StoreInUse):
                await drop_profile_stores(url, namespace=namespace)
        await stores.close()
    await drop_profile_stores(url, namespace="live--b")
    await drop_profile_stores(url, namespace="live--b")
    left = sorted(path.name for path in (quick_path / "qdrant").glob("*_v1"))
    assert [name for name in left if "--b" in name] == []
    stores = await open_profile_stores(url, namespace="live", dimension=4)
    assert await stores.users.count() == 3
    await stores.close()


@pytest.fixture
async def process(quick_path: Path, anyio_backend: str) -> AsyncIterator[EdgeProcess]:
    assert anyio_backend == "asyncio"
    opened = await EdgeProcess.open(
        quick_path / "qdrant", namespace="live", collections=[user_collection(4)]
    )
    yield opened
    await opened.close()


async def test_a_keeper_that_dies_is_named_and_what_it_had_acknowledged_is_there(
    process: EdgeProcess, quick_path: Path
) -> None:
    users = PointUserStore(process.collections[0])
    await add_users(users, 10)
    os.kill(process.pid, signal.SIGKILL)
    with pytest.raises(StoreEnded, match="ended with -9"):
        await users.count()
    # And whoever asks after that, too.
    with pytest.raises(StoreEnded, match="ended with -9"):
        await users.count()
    reopened = EdgeDirectory.open(
        quick_path / "qdrant", namespace="live", collections=[user_collection(4)]
    )
    assert await PointUserStore(reopened.collections[0]).count() == 10
    await reopened.close()


async def test_a_keeper_leaves_a_terminals_signals_to_its_parent(process: EdgeProcess) -> None:
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        os.kill(process.pid, number)
    assert len(await add_users(PointUserStore(process.collections[0]), 3)) == 3


async def test_a_keeper_ends_with_its_parent_and_is_waited_for(quick_path: Path) -> None:
    program = (
        "import asyncio, os, signal\n"
        "from pathlib import Path\n"
        "from stores.edge_process import EdgeProcess\n"
        "from stores.users import user_collection\n"
        "async def main():\n"
        f"    opened = await EdgeProcess.open(Path({str(quick_path)!r}) / 'qdrant',\n"
        "        namespace='live', collections=[user_collection(4)])\n"
        "    print(opened.pid, flush=True)\n"
        # Stopped, it outlives its parent for as long as it pleases us.
        "    os.kill(opened.pid, signal.SIGSTOP)\n"
        "    os.kill(os.getpid(), signal.SIGKILL)\n"
        "asyncio.run(main())\n"
    )
    # Its errors are not captured: the stopped keeper would hold their pipe open.
    ended = await asyncio.to_thread(
        partial(
            subprocess.run,
            [sys.executable, "-c", program],
            cwd=Path(__file__).parents[2],
            stdout=subprocess.PIPE,
            check=False,
        )
    )
    keeper = int(ended.stdout)
    opening = asyncio.create_task(
        EdgeProcess.open(quick_path / "qdrant", namespace="live", collections=[user_collection(4)])
    )
    await asyncio.wait([opening], timeout=0.5)
    assert not opening.done()
    os.kill(keeper, signal.SIGCONT)
    await (await opening).close()


async def test_an_error_of_the_keeper_is_raised_as_what_it_is(process: EdgeProcess) -> None:
    (points,) = process.collections
    with pytest.raises(StoreMismatch, match="4 d"):
        await points.upsert([Point(1, np.zeros(5, np.float32), {})])
    with pytest.raises(RuntimeError, match="ValueError: badly formed"):
        await points.scroll((Equals("tenant", "t"),), start="no uuid", limit=1, vectors=False)
    assert await points.count(()) == 0
