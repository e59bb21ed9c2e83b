"""A backup is taken whole or not at all."""

import gzip
import zlib
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from profiles.documents.words import SparseVector
from stores.archive import (
    ArchivedModels,
    ArchivedPoint,
    ArchiveWriter,
    Head,
    Page,
    UnusableArchive,
    checked,
    frames_of,
)
from stores.points import Stored

HEAD = Head(
    created_ms=1_700_000_000_000,
    namespace="live",
    partitions=4,
    embedding_model="hashing",
    dimension=3,
    space_dimension=2,
    cluster="S123",
    offsets={"strata.interactions": {0: 7}},
)
POINT = ArchivedPoint.of(
    Stored(
        "0190163d-8694-739b-aea5-966c26f8ad90",
        {"tenant": "t", "about": ["a", "b"], "positions": {"offset:x": 3}, "none": None},
        np.array([0.25, -1.5, 3.0], np.float32),
        SparseVector((1, 2**32 - 1), (0.5, 2.0)),
    )
)


def written(path: Path) -> Path:
    with ArchiveWriter(path, HEAD) as writer:
        writer.write(Page(collection="users", points=[POINT] * 3))
        writer.write(Page(collection="users", points=[POINT]))
        writer.write(ArchivedModels(tenant="t", bodies=[b"\x00\xff", b""]))
    return path


def test_what_is_written_is_read_back(tmp_path: Path) -> None:
    path = written(tmp_path / "backup")
    head, first, second, models = frames_of(path)
    assert head == HEAD
    assert isinstance(first, Page)
    assert isinstance(second, Page)
    assert (len(first.points), len(second.points)) == (3, 1)
    point = second.points[0].point()
    assert point.id == POINT.id
    assert point.vector.tolist() == [0.25, -1.5, 3.0]
    assert point.words == SparseVector((1, 2**32 - 1), (0.5, 2.0))
    assert point.payload == POINT.payload
    assert models == ArchivedModels(tenant="t", bodies=[b"\x00\xff", b""])
    assert checked(path) == (HEAD, {"users": 4})


def test_only_its_owner_may_read_it(tmp_path: Path) -> None:
    assert written(tmp_path / "backup").stat().st_mode & 0o777 == 0o600


def test_a_failure_leaves_what_was_there(tmp_path: Path) -> None:
    path = written(tmp_path / "backup")
    before = path.read_bytes()
    with pytest.raises(KeyError), ArchiveWriter(path, HEAD):
        raise KeyError
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


def test_a_file_cut_off_anywhere_is_refused(tmp_path: Path) -> None:
    whole = written(tmp_path / "backup").read_bytes()
    cut = tmp_path / "cut"
    for length in range(len(whole)):
        cut.write_bytes(whole[:length])
        with pytest.raises(UnusableArchive):
            checked(cut)


@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_a_changed_byte_is_refused(
    data: st.DataObject, tmp_path_factory: pytest.TempPathFactory
) -> None:
    path = written(tmp_path_factory.mktemp("damaged") / "backup")
    whole = path.read_bytes()
    line = len(b"strata backup 3\n")
    damaged = bytearray(whole)
    # After the magic, flags, time and system bytes of gzip's header, of which some mean nothing.
    at = data.draw(st.integers(line + 10, len(damaged) - 1))
    damaged[at] ^= data.draw(st.integers(1, 255))
    path.write_bytes(damaged)
    with suppress(OSError, EOFError, zlib.error):
        # Nor do the bits between the end of what is compressed and the next byte.
        assume(gzip.decompress(damaged[line:]) != gzip.decompress(whole[line:]))
    with pytest.raises(UnusableArchive):
        checked(path)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "is no backup of Strata"),
        (b"PK\x03\x04 something else\n", "is no backup of Strata"),
        (
            b"strata backup 1\n" + gzip.compress(b"", mtime=0),
            "format 1, and .* reads format 2 and 3",
        ),
        (b"strata backup 2\n", "is cut off"),
        (b"strata backup 3\n", "is cut off"),
        (b"strata backup 2\nno gzip at all", "is damaged"),
        (b"strata backup 2\n" + gzip.compress(b"\xff\xff\xff\xff", mtime=0), "is damaged"),
    ],
)
def test_what_is_no_backup_is_named_as_such(tmp_path: Path, content: bytes, said: str) -> None:
    path = tmp_path / "file"
    path.write_bytes(content)
    with pytest.raises(UnusableArchive, match=said):
        checked(path)


def test_a_backup_of_the_format_before_is_still_read(tmp_path: Path) -> None:
    path = tmp_path / "backup"
    written(path)
    now = path.read_bytes()
    assert now.startswith(b"strata backup 3\n")
    path.write_bytes(now.replace(b"backup 3", b"backup 2", 1))
    checked(path)


def test_an_end_of_another_archive_is_refused(tmp_path: Path) -> None:
    """Frames that are whole by themselves, but are not those that the end speaks of."""
    first, second = tmp_path / "first", tmp_path / "second"
    written(first)
    with ArchiveWriter(second, HEAD) as writer:
        writer.write(Page(collection="users", points=[POINT]))
    line = b"strata backup 3\n"
    opened = [gzip.decompress(path.read_bytes().removeprefix(line)) for path in (first, second)]
    mixed = tmp_path / "mixed"
    mixed.write_bytes(line + gzip.compress(opened[0][:-60] + opened[1][-60:]))
    with pytest.raises(UnusableArchive):
        checked(mixed)
