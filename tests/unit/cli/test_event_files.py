import gzip
import json
from collections.abc import Iterable
from pathlib import Path

import pytest

from cli.errors import CommandFailed
from cli.event_files import InvalidLine, Line, OutgoingEvent, lines_of, outgoing
from schemas import topics
from schemas.limits import Limits

NOW_MS = 1_700_000_000_000
VIEW = {
    "event_id": "e1",
    "type": "interaction",
    "occurred_at": "2023-11-14T00:00:00Z",
    "user_id": "ada",
    "item_id": "moby",
    "action": "view",
}


def written(path: Path, lines: Iterable[bytes]) -> Path:
    path.write_bytes(b"\n".join(lines))
    return path


def test_lines_have_the_numbers_that_editors_show(tmp_path: Path) -> None:
    path = written(tmp_path / "a.jsonl", [b"one", b"", b"  ", b"four\r", b"five"])
    assert [(line.number, line.raw) for line in lines_of(path)] == [
        (1, b"one"),
        (4, b"four"),
        (5, b"five"),
    ]


def test_compressed_files_read_the_same(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl.gz"
    path.write_bytes(gzip.compress(b"one\ntwo\n"))
    assert [line.raw for line in lines_of(path)] == [b"one", b"two"]


@pytest.mark.parametrize(
    "damage",
    [b"not gzip at all", gzip.compress(b"one\n" * 9_000, mtime=0)[:-20]],
    ids=["another format", "cut short"],
)
def test_a_damaged_compressed_file_is_named(tmp_path: Path, damage: bytes) -> None:
    path = tmp_path / "a.jsonl.gz"
    path.write_bytes(damage)
    with pytest.raises(CommandFailed, match=r"a\.jsonl\.gz is a damaged gzip file"):
        list(lines_of(path))


def test_a_line_too_long_is_cut_and_the_next_one_is_whole(tmp_path: Path) -> None:
    limits = Limits(max_record_bytes=10)
    path = written(tmp_path / "a.jsonl", [b"x" * 200_000, b"y" * 10, b"z" * 11, b"last"])
    raws = [line.raw for line in lines_of(path, limits=limits)]
    assert [len(raw) for raw in raws] == [12, 10, 11, 4]
    assert raws[-1] == b"last"


def test_progress_reaches_the_size_on_disk(tmp_path: Path) -> None:
    path = written(tmp_path / "a.jsonl", [b"line"] * 2_000)
    seen: list[int] = []
    list(lines_of(path, read_bytes=seen.append))
    assert len(seen) > 2
    assert seen[-1] == path.stat().st_size


def test_an_event_goes_to_its_topic_under_its_user_unchanged() -> None:
    raw = json.dumps(VIEW | {"unknown": 1}).encode()
    event = outgoing(Line(Path("a"), 1, raw), now_ms=NOW_MS)
    assert isinstance(event, OutgoingEvent)
    assert (event.topic, event.key, event.value) == (topics.INTERACTIONS, b"ada", raw)


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        ({"type": "interest"}, "unknown-type"),
        ({"user_id": ""}, "invalid-id"),
        ({"occurred_at": "2023-11-17T00:00:00Z"}, "time-out-of-range"),
        ({"value": "high"}, "wrong-type"),
    ],
)
def test_what_the_stream_would_refuse_is_told_with_place_and_reason(
    changed: dict[str, str], reason: str
) -> None:
    line = Line(Path("some.jsonl"), 7, json.dumps(VIEW | changed).encode())
    invalid = outgoing(line, now_ms=NOW_MS)
    assert isinstance(invalid, InvalidLine)
    assert str(invalid).startswith(f"some.jsonl:7: {reason}: ")
