"""Run a task over files and say how well each level predicts."""

import json
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import IO, Final, TypeVar

from threadpoolctl import threadpool_limits

from evaluation.errors import UnknownTask
from evaluation.figures import Advantage, Figure, Figures, summarise
from evaluation.predictors import Options, choice_predictor, next_item_predictor
from evaluation.protocol import BUCKETS, Bucket, Predictor, Scored, Task, run_protocol
from evaluation.reading import in_protocol_order, read_events
from evaluation.report.metering import Meter, Metered
from evaluation.tasks import NextItemTask, PairwiseTask, SignTask
from schemas.decoded import FastEvent, Item

__all__ = [
    "METRICS",
    "Progress",
    "Streams",
    "TaskName",
    "evaluate",
    "prediction_lines",
    "read_streams",
    "report_json",
    "score_streams",
    "task_named",
]

Json = None | bool | int | float | str | list["Json"] | dict[str, "Json"]
_DIGITS: Final = 6
QueryT = TypeVar("QueryT")
AnswerT = TypeVar("AnswerT")


class TaskName(StrEnum):
    NEXT_ITEM = "next-item"
    SIGN = "sign"
    PAIRWISE = "pairwise"


METRICS: Final = {
    TaskName.NEXT_ITEM: NextItemTask.metric,
    TaskName.SIGN: SignTask.metric,
    TaskName.PAIRWISE: PairwiseTask.metric,
}


def task_named(name: str) -> TaskName:
    """The task of this name.

    Raises:
        UnknownTask: there is none.
    """
    try:
        return TaskName(name)
    except ValueError as error:
        raise UnknownTask(f"no task {name!r}: one of {', '.join(TaskName)}") from error


@dataclass(frozen=True, slots=True)
class Streams:
    """Events by their part in the protocol, in file order."""

    items: list[FastEvent]
    warm: list[FastEvent]
    test: list[FastEvent]


@dataclass(frozen=True, slots=True)
class Progress:
    """`done` of `total` events have been applied."""

    done: int
    total: int


def evaluate(
    task: TaskName,
    *,
    items: Path,
    warm: Path,
    test: Path,
    predictions: Path | None = None,
    options: Options | None = None,
    on_progress: Callable[[Progress], None] = lambda _: None,
) -> Figures:
    """Predict every event of the test file before applying it; means and intervals.

    Deterministic: equal files and options give equal figures and equal bytes in `predictions`,
    and a prefix of the test file gives a prefix of them.

    Args:
        items, warm, test: `.jsonl` or `.jsonl.gz`.
        predictions: Written while the run goes on, one JSON object per level and prediction.
        on_progress: Called after every event.

    Raises:
        UnreadableEvents: a file is missing or holds something that is no event.
        EmbeddingModelMissing: the text model of the options is not installed.
        OSError: `predictions` cannot be written.
    """
    options = options or Options()
    kept = score_streams(
        task,
        read_streams(items=items, warm=warm, test=test),
        predictions=predictions,
        options=options,
        on_progress=on_progress,
    )
    return summarise(kept, metric=METRICS[task], seed=options.seed)


def read_streams(*, items: Path, warm: Path, test: Path) -> Streams:
    """The events of three files.

    Raises:
        UnreadableEvents: a file is missing or holds something that is no event.
    """
    return Streams(read_events(items), read_events(warm), read_events(test))


def score_streams(
    task: TaskName,
    streams: Streams,
    *,
    predictions: Path | None = None,
    options: Options | None = None,
    on_progress: Callable[[Progress], None] = lambda _: None,
    meter: Meter | None = None,
) -> list[Scored]:
    """As `evaluate`, one by one: every prediction with its user and history.

    Args:
        meter: Is told how long answers and learning take.
    """
    options = options or Options()
    total, done = len(streams.items) + len(streams.warm) + len(streams.test), 0

    def advance() -> None:
        nonlocal done
        done += 1
        on_progress(Progress(done, total))

    scored = _predicted(task, streams, options, advance, meter)
    # Sums in one order whatever the machine; and small matrices are faster on one thread.
    with threadpool_limits(limits=1, user_api="blas"):
        return _collected(scored, predictions)


def _collected(scored: Iterator[Scored], predictions: Path | None) -> list[Scored]:
    if predictions is None:
        return list(scored)
    with predictions.open("w", encoding="utf-8", newline="\n") as out:
        return list(_written(scored, out))


def _predicted(
    task: TaskName,
    streams: Streams,
    options: Options,
    advance: Callable[[], None],
    meter: Meter | None,
) -> Iterator[Scored]:
    match task:
        case TaskName.NEXT_ITEM:
            known = [event for event in (*streams.items, *streams.warm) if isinstance(event, Item)]
            model = next_item_predictor(known, options)
            return _through(NextItemTask(), model, streams, advance, meter)
        case TaskName.SIGN:
            return _through(SignTask(), choice_predictor(), streams, advance, meter)
        case TaskName.PAIRWISE:
            return _through(PairwiseTask(), choice_predictor(), streams, advance, meter)


def _through(
    task: Task[QueryT, AnswerT],
    predictor: Predictor[QueryT, AnswerT],
    streams: Streams,
    advance: Callable[[], None],
    meter: Meter | None,
) -> Iterator[Scored]:
    return run_protocol(
        task,
        predictor if meter is None else Metered(predictor, meter),
        items=in_protocol_order(streams.items),
        warm=in_protocol_order(streams.warm),
        test=in_protocol_order(streams.test),
        advance=advance,
    )


def _written(scored: Iterable[Scored], out: IO[str]) -> Iterator[Scored]:
    for one in scored:
        out.writelines(prediction_lines(one))
        yield one


def prediction_lines(scored: Scored) -> Iterator[str]:
    """One line per level: `event_id`, `level`, and `items` (best first) or `score`.

    A score is log-odds towards "for", or towards the chosen side; zero is a tie.
    """
    for level, shown in scored.shown.items():
        answer: Json = list(shown) if isinstance(shown, tuple) else shown
        name = "items" if isinstance(shown, tuple) else "score"
        line = {"event_id": scored.event_id, "level": level.value, name: answer}
        yield json.dumps(line, ensure_ascii=False, allow_nan=False) + "\n"


def report_json(task: TaskName, figures: Figures) -> dict[str, Json]:
    """The figures in the form of the command's JSON; numbers rounded to six digits.

    Beside what the interface promises, each figure has its 95 % `interval`, and
    `blend_minus_best_layer` the paired differences.
    """
    levels: dict[str, Json] = {}
    n = 0
    for level, by_bucket in figures.by_level.items():
        whole = by_bucket[None]
        n = whole.n
        levels[level.value] = {
            "overall": _figure_json(figures.metric, whole),
            "by_history": [
                _range_json(bucket) | _figure_json(figures.metric, by_bucket[bucket])
                for bucket in BUCKETS
                if bucket in by_bucket
            ],
        }
    comparisons: dict[str, Json] = {}
    if None in figures.advantages:
        comparisons = {
            "overall": _advantage_json(figures.advantages[None]),
            "by_history": [
                _range_json(bucket) | _advantage_json(figures.advantages[bucket])
                for bucket in BUCKETS
                if bucket in figures.advantages
            ],
        }
    return {"task": task.value, "n": n, "levels": levels, "blend_minus_best_layer": comparisons}


def _range_json(bucket: Bucket) -> dict[str, Json]:
    return {"from": bucket.first, "to": bucket.last}


def _figure_json(metric: str, figure: Figure) -> dict[str, Json]:
    return {
        metric: round(figure.mean, _DIGITS),
        "n": figure.n,
        "interval": [round(figure.low, _DIGITS), round(figure.high, _DIGITS)],
    }


def _advantage_json(advantage: Advantage) -> dict[str, Json]:
    return {
        "over": advantage.over.value,
        "difference": round(advantage.mean, _DIGITS),
        "standard_error": round(advantage.standard_error, _DIGITS),
        "interval": [round(advantage.low, _DIGITS), round(advantage.high, _DIGITS)],
        "n": advantage.n,
    }
