"""Files that somebody else may have written or damaged: backups, events, settings, reports."""

import contextlib
import gzip
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Final

import msgspec
import numpy as np
from report_world import report

from cli.commands.bench import committed_ratios
from cli.errors import CommandFailed, NotRunning
from cli.event_files import lines_of, outgoing
from cli.running import RunningStack, announce, find_running
from cli.settings import SETTINGS_FILE, load_settings
from evaluation.errors import UnreadableEvents
from evaluation.reading import read_events
from evaluation.report.results import ReportFormatError, read_report, write_report
from evaluation.texts import stored_vectors
from fuzzing.target import Target
from lookup.dashboard.report import ReportUnreadable, cost_curves
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
from stores.versions import FileVersionStore, Version, Versions, VersionsUnreadable

__all__ = ["FILES"]

_NOW_MS: Final = 1_700_000_000_000

# Of this process; what is read from a path is written there first.
_PLACE: Final = tempfile.TemporaryDirectory(prefix="strata-fuzzing-")


def _file(name: str, read: Callable[[Path], object]) -> Callable[[bytes], object]:
    def written(raw: bytes) -> object:
        path = Path(_PLACE.name) / name
        # Another file each time: nothing is remembered of the one before.
        path.unlink(missing_ok=True)
        path.write_bytes(raw)
        return read(path)

    return written


def _head() -> Head:
    return Head(
        created_ms=_NOW_MS,
        namespace="live",
        partitions=4,
        embedding_model="hashing",
        dimension=3,
        space_dimension=2,
        cluster="S123",
        offsets={"strata.interactions": {0: 7}},
    )


def _backup() -> bytes:
    point = ArchivedPoint.of(
        Stored(
            "0190163d-8694-739b-aea5-966c26f8ad90",
            {"tenant": "t", "about": ["a", "b"], "positions": {"offset:x": 3}, "none": None},
            np.array([0.25, -1.5, 3.0], np.float32),
            SparseVector((1, 2**32 - 1), (0.5, 2.0)),
        )
    )
    path = Path(_PLACE.name) / "sample"
    with ArchiveWriter(path, _head()) as writer:
        writer.write(Page(collection="users", points=[point]))
        writer.write(ArchivedModels(tenant="t", bodies=[b"\x00\xff", b""]))
    return path.read_bytes()


def _restored(path: Path) -> object:
    checked(path)
    return [
        point.point()
        for frame in frames_of(path)
        if isinstance(frame, Page)
        for point in frame.points
    ]


_BACKUP: Final = _backup()
_FORMAT: Final = _BACKUP[: _BACKUP.index(b"\n") + 1]
_FRAMES: Final = gzip.decompress(_BACKUP[len(_FORMAT) :])


def _packed_frames(raw: bytes) -> object:
    """What is inside is damaged, and packed as if it were not: else only gzip would be asked."""
    return _file("frames", _restored)(_FORMAT + gzip.compress(raw, 1))


_EVENT_LINES: Final = b"""
{"event_id":"e","type":"item","occurred_at":5,"item_id":"i","text":"t","attributes":{"a":["b"]}}

{"event_id":"f","type":"interaction","occurred_at":6.5,"user_id":"u","item_id":"i","action":"a"}
"""


def _published(path: Path) -> object:
    return [outgoing(line, now_ms=_NOW_MS) for line in lines_of(path)]


_VERSIONS: Final = msgspec.json.encode(
    Versions(
        revision=3,
        current="a",
        previous="",
        others={
            "a": Version(
                name="a",
                namespace="live.a",
                created_ms=_NOW_MS,
                embedding_model="hashing",
                policy="half_life_s = 5.0",
                starts={"strata.items": {0: 3}},
                files=(("/history.jsonl", 7),),
            )
        },
    )
)


def _running() -> bytes:
    stack = RunningStack(
        pid=1,
        kafka_bootstrap="127.0.0.1:1",
        redis_url="redis://127.0.0.1:2",
        qdrant_url="edge:///x",
        http_url="http://127.0.0.1:3",
        namespace="live",
        partitions=4,
        group="strata",
        embedding_model="hashing",
    )
    announce(Path(_PLACE.name), stack)
    return (Path(_PLACE.name) / "running.json").read_bytes()


def _found(path: Path) -> object:
    with contextlib.suppress(NotRunning):
        return find_running(path.parent)
    return None


def _vectors() -> bytes:
    path = Path(_PLACE.name) / "sample.npz"
    np.savez(path, keys=np.array([b"k"]), vectors=np.ones((1, 2), "<f4"))
    return path.read_bytes()


_SETTINGS: Final = b"""partitions = 8
kafka_bootstrap = "localhost:9092"
redis_url = "redis://:word@localhost:6379/0"
qdrant_url = "http://localhost:6333"
data_dir = "~/strata"
policy = "policy.toml"
http_port = 8701
log_level = "info"
"""


def _settings(path: Path) -> object:
    with contextlib.chdir(path.parent):
        return load_settings()


FILES: Final = (
    Target("backups", [_BACKUP], _file("backup", _restored), (UnusableArchive,)),
    Target("frames of backups", [_FRAMES], _packed_frames, (UnusableArchive,)),
    Target("files of events", [_EVENT_LINES], _file("events.jsonl", _published), (CommandFailed,)),
    Target(
        "packed files of events",
        [gzip.compress(_EVENT_LINES)],
        _file("events.jsonl.gz", _published),
        (CommandFailed,),
    ),
    Target(
        "files to evaluate", [_EVENT_LINES], _file("test.jsonl", read_events), (UnreadableEvents,)
    ),
    Target(
        "packed files to evaluate",
        [gzip.compress(_EVENT_LINES)],
        _file("test.jsonl.gz", read_events),
        (UnreadableEvents,),
    ),
    Target("settings", [_SETTINGS], _file(SETTINGS_FILE.name, _settings), (CommandFailed,)),
    Target("reports", [write_report(report())], read_report, (ReportFormatError,)),
    Target("reports on a page", [write_report(report())], cost_curves, (ReportUnreadable,)),
    Target(
        "files of versions",
        [_VERSIONS],
        _file("versions.json", lambda path: FileVersionStore(path).held()),
        (VersionsUnreadable,),
    ),
    Target("files of a running stack", [_running()], _file("running.json", _found)),
    Target(
        "committed ratios",
        [b'{"decode-cpu": 3.5}'],
        _file("ratios", committed_ratios),
        (CommandFailed,),
    ),
    Target("kept vectors of texts", [_vectors()], _file("vectors.npz", stored_vectors)),
)
