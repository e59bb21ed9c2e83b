"""Run the task over files: every document is asked for before it is applied."""

import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import IO, Final

from evaluation.generation.contexts import Asked, Brief, Context, Writings
from evaluation.generation.figures import Judged
from evaluation.generation.metrics import Similarity, overlap
from evaluation.generation.writers import Writer
from evaluation.reading import in_protocol_order, read_events
from streams.embedding import Embedder

__all__ = ["evaluate_generation"]

_AT_ONCE: Final = 64


@dataclass(frozen=True, slots=True)
class _Written:
    asked: Asked
    texts: dict[Context, str]


def evaluate_generation(
    *,
    items: Path,
    warm: Path,
    test: Path,
    writer: Writer,
    embedder: Embedder | None,
    predictions: Path | None = None,
    most: int | None = None,
    seed: int = 0,
    on_written: Callable[[int], None] = lambda _: None,
) -> list[Judged]:
    """Write every document of the test file that is asked for, by each context, before it is known.

    A text depends on nothing but its brief, and a brief on nothing but what came before: a prefix
    of the test file gives a prefix of `predictions`, as far as the writer is deterministic.

    Args:
        embedder: For the metric `similarity`; None leaves it out.
        predictions: Written while the run goes on: `event_id`, `level`, `text`.
        most: Stop after so many documents.
        on_written: Told how many documents are done.

    Raises:
        UnreadableEvents: a file is missing or holds something that is no event.
        WriterUnavailable: the writer gave up.
        OSError: `predictions` cannot be written.
    """
    asked = islice(_asked(items=items, warm=warm, test=test, seed=seed), most)
    written: list[_Written] = []
    with ExitStack() as files:
        out = (
            None
            if predictions is None
            else files.enter_context(predictions.open("w", encoding="utf-8", newline="\n"))
        )
        while chunk := list(islice(asked, _AT_ONCE)):
            for one in _write(writer, chunk):
                written.append(one)
                if out is not None:
                    _print(one, out)
            on_written(len(written))
    return _judged(written, embedder)


def _asked(*, items: Path, warm: Path, test: Path, seed: int) -> Iterator[Asked]:
    writings = Writings(seed=seed)
    for path in (items, warm):
        for event in in_protocol_order(read_events(path)):
            writings.note(event)
    writings.end_warm()
    for event in in_protocol_order(read_events(test)):
        asked = writings.ask(event)
        if asked is not None:
            yield asked
        writings.note(event)


def _write(writer: Writer, chunk: Sequence[Asked]) -> Iterator[_Written]:
    """Each different brief once: contexts without evidence ask for the same text."""
    briefs = list(dict.fromkeys(brief for one in chunk for brief in one.briefs.values()))
    texts: dict[Brief, str] = dict(zip(briefs, writer.write(briefs), strict=True))
    for one in chunk:
        yield _Written(one, {context: texts[brief] for context, brief in one.briefs.items()})


def _print(one: _Written, out: IO[str]) -> None:
    for context, text in one.texts.items():
        line = {"event_id": one.asked.event_id, "level": context.value, "text": text}
        out.write(json.dumps(line, ensure_ascii=False) + "\n")


def _judged(written: Sequence[_Written], embedder: Embedder | None) -> list[Judged]:
    similarity = None
    if embedder is not None:
        texts = (text for one in written for text in (one.asked.reference, *one.texts.values()))
        similarity = Similarity(embedder, texts)
    judged: list[Judged] = []
    for one in written:
        reference = one.asked.reference
        figures: dict[Context, dict[str, float]] = {}
        for context, text in one.texts.items():
            figures[context] = dict(overlap(text, reference))
            if similarity is not None:
                figures[context]["similarity"] = similarity.of(text, reference)
        judged.append(Judged(one.asked.event_id, one.asked.user_id, one.asked.history, figures))
    return judged
