"""Where the events of a study come from."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from evaluation.errors import UnreadableEvents
from evaluation.run import Streams, read_streams
from evaluation.split import split_users

__all__ = ["EventFiles", "FoldedSet", "SetSource"]


@dataclass(frozen=True, slots=True)
class EventFiles:
    """A set whose users are split already."""

    name: str
    items: Path
    warm: Path
    test: Path

    def parts(self) -> Iterator[tuple[int, Streams]]:
        yield 0, read_streams(items=self.items, warm=self.warm, test=self.test)


@dataclass(frozen=True, slots=True)
class FoldedSet:
    """A folder with `items.jsonl[.gz]` and `events.jsonl[.gz]`, whose users are split by fold."""

    folder: Path
    folds: tuple[int, ...]

    @property
    def name(self) -> str:
        return self.folder.resolve().name

    def parts(self) -> Iterator[tuple[int, Streams]]:
        items, events = (self._file(name) for name in ("items", "events"))
        for fold in self.folds:
            with TemporaryDirectory(prefix="strata-report-") as scratch:
                split = split_users(events, Path(scratch), test_fold=fold)
                streams = read_streams(items=items, warm=split.warm, test=split.test)
            yield fold, streams

    def _file(self, name: str) -> Path:
        for ending in (".jsonl.gz", ".jsonl"):
            path = self.folder / f"{name}{ending}"
            if path.is_file():
                return path
        raise UnreadableEvents(f"{self.folder}: no {name}.jsonl or {name}.jsonl.gz")


SetSource = EventFiles | FoldedSet
