"""A full disk is said, not suffered."""

import asyncio
import errno
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest
from aiokafka import AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.errors import KafkaError

from local.child import Child
from local.directory import DataDirectory
from local.disk import full_disk_named
from local.errors import DiskFull
from local.kafka import KafkaServer
from local.ports import answers
from local.redis import RedisServer
from local.stack import EmbeddedStack

Children = Callable[[], list[psutil.Process]]
_NOTICED_WITHIN_S = 20.0


@pytest.fixture
def small_disk(data_path: Path) -> Iterator[DataDirectory]:
    """A data directory on a disk of 32 MiB of its own."""
    mount = ["mount", "-t", "tmpfs", "-o", "size=32m", "tmpfs", str(data_path)]
    try:
        mounted = subprocess.run(mount, capture_output=True, text=True, check=False)
    except FileNotFoundError:
        pytest.skip("needs mount(8)")
    if mounted.returncode != 0:
        pytest.skip(f"needs the right to mount: {mounted.stderr.strip()}")
    try:
        with DataDirectory.lock(data_path) as directory:
            yield directory
    finally:
        subprocess.run(["umount", data_path], check=True)


def complaint(server: RedisServer | KafkaServer) -> str:
    deadline = time.monotonic() + _NOTICED_WITHIN_S
    while time.monotonic() < deadline:
        try:
            server.check()
        except DiskFull as full:
            return str(full)
        time.sleep(0.1)
    pytest.fail("a full disk went unnoticed")


@pytest.mark.stack
def test_too_little_space_stops_the_start(directory: DataDirectory, new_children: Children) -> None:
    with pytest.raises(DiskFull) as raised:
        EmbeddedStack(directory, minimum_free_bytes=2**60).start()
    assert str(raised.value).startswith(f"no space left for {directory.path}: ")
    assert str(raised.value).endswith(f" MiB free, {2**40} MiB needed")
    assert new_children() == []


@pytest.mark.stack
def test_the_default_minimum_refuses_a_small_disk(small_disk: DataDirectory) -> None:
    with pytest.raises(DiskFull, match=r"32 MiB free, 512 MiB needed"):
        EmbeddedStack(small_disk).start()


@pytest.mark.stack
def test_redis_that_survives_a_full_disk_is_noticed(small_disk: DataDirectory) -> None:
    with RedisServer(small_disk, minimum_free_bytes=0) as server:
        server.check()
        value = b"x" * 2**20
        command = b"*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$%d\r\n%s\r\n" % (len(value), value)
        answers(server.port, command * 40, expected=[b"-MISCONF"], timeout_s=5)
        assert complaint(server).startswith(f"no space left for {small_disk.path}/redis: ")


@pytest.mark.stack
def test_kafka_that_dies_of_a_full_disk_is_noticed(small_disk: DataDirectory) -> None:
    async def fill(bootstrap: str) -> None:
        admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
        await admin.start()
        await admin.create_topics([NewTopic("flood", num_partitions=1, replication_factor=1)])
        await admin.close()
        producer = AIOKafkaProducer(bootstrap_servers=bootstrap, request_timeout_ms=3000)
        await producer.start()
        try:
            for _ in range(64):
                await asyncio.wait_for(producer.send_and_wait("flood", b"x" * 900_000), timeout=5)
        except (KafkaError, TimeoutError):
            pass
        finally:
            # There may be nobody left to say goodbye to.
            await asyncio.wait_for(producer.stop(), timeout=10)

    with KafkaServer(small_disk, minimum_free_bytes=0) as server:
        asyncio.run(fill(server.address))
        assert complaint(server).startswith(f"no space left for {small_disk.path}/kafka: ")


@pytest.mark.stack
def test_a_start_on_a_disk_without_any_space_says_so(
    small_disk: DataDirectory, new_children: Children
) -> None:
    ballast = f"of={small_disk.path}/ballast"
    subprocess.run(["dd", "if=/dev/zero", ballast, "bs=4k"], check=False, capture_output=True)
    with pytest.raises(DiskFull), EmbeddedStack(small_disk, minimum_free_bytes=0) as stack:
        stack.check()
    assert new_children() == []


def test_the_words_of_a_full_disk_in_a_log_are_understood(directory: DataDirectory) -> None:
    child = Child.start(
        "writer",
        ["/bin/sh", "-c", "echo 'java.io.IOException: No space left on device'; exit 1"],
        directory=directory,
        working_path=directory.path,
    )
    child.wait(timeout_s=10)
    with pytest.raises(DiskFull, match=r"^no space left for "):
        child.check()


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT])
def test_a_failed_write_of_our_own_becomes_one_clear_line(data_path: Path, number: int) -> None:
    said = pytest.raises(DiskFull, match=r"^no space left for .*: \d+ MiB free$")
    with said, full_disk_named(data_path):
        raise OSError(number, "as the kernel says it")


def test_other_failed_writes_keep_their_own_words(data_path: Path) -> None:
    with pytest.raises(PermissionError), full_disk_named(data_path):
        raise PermissionError(errno.EACCES, "as the kernel says it")
