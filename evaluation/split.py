"""Split public users into those whose events are known and those who are predicted."""

from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Final

from evaluation.reading import lines_of, read_line
from schemas.decoded import Item, ItemRetired

__all__ = ["FOLDS", "Split", "fold_of", "split_users"]

FOLDS: Final = 5


@dataclass(frozen=True, slots=True)
class Split:
    """Two event files over disjoint users, in the order of the source."""

    warm: Path
    test: Path


def fold_of(user_id: str) -> int:
    """Fold of a user, in [0, 5); independent of any other split by hash.

    >>> fold_of("429")
    2
    """
    return int(sha256(f"eval:{user_id}".encode()).hexdigest()[:8], 16) % FOLDS


def split_users(events: Path, folder: Path, *, test_fold: int) -> Split:
    """Write the events of one fold's users to `test.jsonl`, all others to `warm.jsonl`.

    Lines are copied as they are. Events of items go to the warm file.

    Args:
        folder: Exists; its `warm.jsonl` and `test.jsonl` are replaced.
        test_fold: In [0, 5).

    Raises:
        UnreadableEvents: a line is no event.
        ValueError: there is no such fold.
    """
    if not 0 <= test_fold < FOLDS:
        raise ValueError(f"test_fold must be in 0..{FOLDS - 1}, not {test_fold}")
    split = Split(folder / "warm.jsonl", folder / "test.jsonl")
    with split.warm.open("wb") as warm, split.test.open("wb") as test:
        for number, line in lines_of(events):
            event = read_line(events, number, line)
            known = isinstance(event, Item | ItemRetired) or fold_of(event.user_id) != test_fold
            (warm if known else test).write(line + b"\n")
    return split
