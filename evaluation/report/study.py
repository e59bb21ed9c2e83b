"""From event files to the results that a report shows."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

import numpy as np

from evaluation.predictors import Options
from evaluation.protocol import Scored
from evaluation.reading import in_protocol_order
from evaluation.report.advice import advise, crossover_result
from evaluation.report.costs import held_bytes, memory_bytes
from evaluation.report.crossover import find_crossover
from evaluation.report.curves import band_of, curve_of
from evaluation.report.metering import Meter
from evaluation.report.results import (
    Cost,
    CrossoverResult,
    Report,
    SetResult,
    TaskResult,
    rounded,
)
from evaluation.report.samples import Floats, Sample, Whole, draw_users
from evaluation.report.sources import SetSource
from evaluation.run import METRICS, Progress, Streams, TaskName, score_streams
from evaluation.silencing import silenced_groups
from profiles.outcomes import is_liked, signed_weight
from profiles.policy import DEFAULT_POLICY
from profiles.queries import Level
from profiles.silencing import SilencingSettings
from schemas.decoded import FastEvent, Interaction, Item, ItemRetired, Preference

__all__ = ["StudySettings", "study"]

_COMPARED: Final = (
    (Level.PERSONA, Level.GLOBAL),
    (Level.USER, Level.PERSONA),
    (Level.USER, Level.GLOBAL),
    (Level.BLEND, Level.GLOBAL),
    (Level.BLEND, Level.PERSONA),
    (Level.BLEND, Level.USER),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class StudySettings:
    """How a study is made.

    Attributes:
        resamples: Of users, ≥ 200.
        worth: Gain per prediction that is worth having, > 0.
        tasks: Only these; None for all that the data allow.
    """

    options: Options = field(default_factory=Options)
    resamples: int = 1_000
    worth: float = 0.005
    tasks: frozenset[TaskName] | None = None
    silencing: SilencingSettings = field(default_factory=SilencingSettings)

    @property
    def seed(self) -> int:
        return self.options.seed


def study(
    sources: Iterable[SetSource],
    *,
    settings: StudySettings | None = None,
    on_progress: Callable[[str, Progress], None] = lambda _, __: None,
) -> Report:
    """Evaluate sets and say when individual data pays; deterministic but for measured times.

    Raises:
        UnreadableEvents: a file is missing or holds something that is no event.
        EmbeddingModelMissing: the text model of the options is not installed.
    """
    settings = settings or StudySettings()
    return Report(
        seed=settings.seed,
        resamples=settings.resamples,
        worth=settings.worth,
        minimum_size=settings.silencing.minimum_size,
        floor=settings.silencing.floor,
        fraction=settings.silencing.fraction,
        sets=tuple(_study_set(source, settings, on_progress) for source in sources),
    )


def _study_set(
    source: SetSource, settings: StudySettings, on_progress: Callable[[str, Progress], None]
) -> SetResult:
    runs: dict[TaskName, list[_Run]] = {}
    skipped: dict[str, str] = {}
    events: list[FastEvent] = []
    items: list[FastEvent] = []
    for fold, streams in source.parts():
        items = streams.items
        events = list(in_protocol_order([*streams.warm, *streams.test]))
        reasons = _not_allowed(streams)
        for task in TaskName:
            if settings.tasks is not None and task not in settings.tasks:
                continue
            # Who asks for a task by name gets it, if there is anything to predict.
            if task in reasons and (settings.tasks is None or not _askable(task, streams)):
                skipped[task.value] = reasons[task]
                continue
            label = f"{source.name}, {task.value}, fold {fold}"

            def show(reached: Progress, label: str = label) -> None:
                on_progress(label, reached)

            runs.setdefault(task, []).append(_run(fold, task, streams, settings.options, show))
    tasks = [
        _task_result(task, found, items=items, events=events, settings=settings)
        for task, found in runs.items()
    ]
    return SetResult(name=source.name, tasks=tuple(tasks), skipped=skipped)


def _not_allowed(streams: Streams) -> dict[TaskName, str]:
    """Tasks that the test cannot answer, and why."""
    reasons: dict[TaskName, str] = {}
    acts = [event for event in streams.test if isinstance(event, Interaction)]
    put = [event for event in acts if _is_put_before(event)]
    if not any(is_liked(event, DEFAULT_POLICY) and not _is_put_before(event) for event in acts):
        reasons[TaskName.NEXT_ITEM] = (
            "items are put before people here: which one comes next is not theirs to choose"
            if put
            else "nobody likes an item here"
        )
    if not any(signed_weight(event, DEFAULT_POLICY) is not None for event in put):
        reasons[TaskName.SIGN] = "nobody votes for or against items that are put before them here"
    if not any(map(_is_choice, streams.test)):
        reasons[TaskName.PAIRWISE] = "nobody chooses between two here"
    return reasons


def _is_put_before(event: Interaction) -> bool:
    """A vote or judgement: its rule's neutral value is 0, unlike that of a rating."""
    return DEFAULT_POLICY.rule(event.action).neutral == 0.0


def _is_choice(event: FastEvent) -> bool:
    return isinstance(event, Preference) and not event.is_tie


def _askable(task: TaskName, streams: Streams) -> bool:
    acts = [event for event in streams.test if isinstance(event, Interaction)]
    match task:
        case TaskName.NEXT_ITEM:
            return any(is_liked(event, DEFAULT_POLICY) for event in acts)
        case TaskName.SIGN:
            return any(signed_weight(event, DEFAULT_POLICY) is not None for event in acts)
        case TaskName.PAIRWISE:
            return any(map(_is_choice, streams.test))


@dataclass(frozen=True, slots=True)
class _Run:
    """One task on one fold: its predictions, aligned with what they cost."""

    fold: int
    scored: Sequence[Scored]
    held: Mapping[Level, Sequence[int]]
    answers_ns: Sequence[int]
    learned: int
    learn_ns: int
    fit_ns: int
    model_bytes: int
    known_users: int
    tested_users: int
    known_events: int
    items: int


def _run(
    fold: int,
    task: TaskName,
    streams: Streams,
    options: Options,
    show: Callable[[Progress], None],
) -> _Run:
    meter = Meter()
    scored = score_streams(task, streams, options=options, on_progress=show, meter=meter)
    known = _users(streams.warm)
    return _Run(
        fold,
        scored,
        held_bytes(streams, [one.event_id for one in scored]),
        meter.answers_ns,
        meter.learned,
        meter.learn_ns,
        meter.fit_ns,
        memory_bytes(meter.model),
        len(known),
        len(_users(streams.test) - known),
        len(streams.warm),
        len(streams.items),
    )


def _users(events: Iterable[FastEvent]) -> set[str]:
    return {event.user_id for event in events if not isinstance(event, Item | ItemRetired)}


def _task_result(
    task: TaskName,
    runs: Sequence[_Run],
    *,
    items: Sequence[FastEvent],
    events: Sequence[FastEvent],
    settings: StudySettings,
) -> TaskResult:
    metric = METRICS[task]
    sample = Sample.of([one for run in runs for one in run.scored], metric)
    draws = draw_users(len(sample.users), resamples=settings.resamples, seed=settings.seed)
    overall = {
        level: band_of(values, sample.owner, draws) for level, values in sample.quality.items()
    }
    crossovers = tuple(
        _crossover(challenger, over, sample, draws, settings.worth)
        for challenger, over in _COMPARED
    )
    # Chosen after looking, which is unkind to individual data.
    broad = max(
        (Level.GLOBAL, Level.PERSONA), key=lambda level: float(sample.quality[level].mean())
    )
    headline = _crossover(Level.BLEND, broad, sample, draws, settings.worth, least=1)
    answer_us = np.concatenate([np.array(run.answers_ns, np.float64) for run in runs]) / 1e3
    held = {
        level: np.concatenate([np.array(run.held[level], np.float64) for run in runs])
        for level in Level
    }
    return TaskResult(
        task=task.value,
        metric=metric,
        folds=tuple(run.fold for run in runs),
        n=len(sample),
        users=len(sample.users),
        headline=headline,
        advice=advise(headline, crossovers, metric=metric, worth=settings.worth),
        overall=overall,
        curve=curve_of(sample, draws, held_bytes=held, answer_us=answer_us),
        crossovers=crossovers,
        cost=_cost(runs, answer_us),
        groupings=silenced_groups(
            task,
            sample,
            draws,
            items=items,
            events=events,
            settings=settings.silencing,
            seed=settings.seed,
        ),
    )


def _crossover(
    challenger: Level, over: Level, sample: Sample, draws: Whole, worth: float, *, least: int = 0
) -> CrossoverResult:
    found = find_crossover(
        sample.quality[challenger] - sample.quality[over],
        sample.history,
        sample.owner,
        draws,
        worth=worth,
        least=least,
    )
    return crossover_result(challenger, over, found)


def _cost(runs: Sequence[_Run], answer_us: Floats) -> Cost:
    def mean(values: Iterable[float]) -> float:
        return float(np.mean(list(values)))

    return Cost(
        known_users=round(mean(run.known_users for run in runs)),
        known_events=round(mean(run.known_events for run in runs)),
        items=round(mean(run.items for run in runs)),
        learned_per_s=float(
            round(sum(run.learned for run in runs) / (sum(run.learn_ns for run in runs) / 1e9))
        ),
        fit_s=rounded(mean(run.fit_ns / 1e9 for run in runs)),
        model_bytes=round(mean(run.model_bytes for run in runs)),
        model_bytes_per_user=float(
            round(mean(run.model_bytes / (run.known_users + run.tested_users) for run in runs))
        ),
        answer_us=float(round(float(np.median(answer_us)))),
        answer_us_95=float(round(float(np.quantile(answer_us, 0.95)))),
    )
