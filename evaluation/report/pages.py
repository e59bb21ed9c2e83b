"""What a report says, block by block."""

import re
from collections.abc import Iterator
from typing import Final

from evaluation.report.advice import events_in_words, interval_in_words
from evaluation.report.charts import crossover_chart, history_chart, price_chart
from evaluation.report.crossover import Verdict
from evaluation.report.document import (
    Block,
    Bullets,
    Document,
    Heading,
    Paragraph,
    Table,
)
from evaluation.report.figure_text import (
    ABSENT,
    band_text,
    count_text,
    maybe_text,
    number_text,
    span_text,
    whole_text,
)
from evaluation.report.results import CrossoverResult, Report, SetResult, TaskResult
from evaluation.report.silenced_pages import silenced_blocks
from profiles.queries import Level

__all__ = ["document_of"]

_TITLE: Final = "When individual data pays"
_NAME: Final = re.compile(r"[^a-z0-9]+")


def document_of(report: Report) -> Document:
    """The whole page."""
    blocks: list[Block] = [
        Paragraph(
            "Each event of the tested users was predicted before it was applied, from everybody "
            "(global), from people like the user (persona), from the user's own past (user), and "
            "from all of them (blend)."
        ),
        Heading(2, "In short"),
        _summary(report),
        Bullets(
            tuple(
                f"{one.name}, {task.task}: {task.advice[0]}"
                for one in report.sets
                for task in one.tasks
            )
        ),
    ]
    for one in report.sets:
        blocks.extend(_set_blocks(one, report))
    blocks.extend(_method(report))
    return Document(_TITLE, tuple(blocks))


def _summary(report: Report) -> Table:
    return Table(
        "Mean quality of each layer, and whether individual data pays beside the better of the "
        "broader layers",
        (
            "set",
            "task",
            "metric",
            "n",
            "users",
            *(level.value for level in Level),
            "individual data",
            "from events on",
            "95 %",
        ),
        [
            (
                one.name,
                task.task,
                task.metric,
                count_text(task.n),
                count_text(task.users),
                *(number_text(task.overall[level].mean) for level in Level),
                task.headline.verdict.value,
                events_in_words(task.headline) if _gains(task.headline) else ABSENT,
                interval_in_words(task.headline) if _gains(task.headline) else ABSENT,
            )
            for one in report.sets
            for task in one.tasks
        ],
    )


def _gains(found: CrossoverResult) -> bool:
    return found.verdict in {Verdict.PAYS, Verdict.LITTLE}


def _set_blocks(result: SetResult, report: Report) -> Iterator[Block]:
    yield Heading(2, result.name)
    if result.skipped:
        yield Bullets(
            tuple(f"Not asked: {task}, because {why}." for task, why in result.skipped.items())
        )
    for task in result.tasks:
        name = _NAME.sub("-", f"{result.name}-{task.task}".lower()).strip("-")
        yield Heading(3, f"{result.name}: {task.task}")
        yield Bullets(task.advice)
        yield _overall(task)
        if task.curve:
            yield history_chart(f"{name}-history", task.curve, metric=task.metric)
            yield _quality_table(task)
            yield price_chart(f"{name}-cost", task.curve, metric=task.metric)
            yield _held_table(task)
        yield _cost_table(task)
        yield crossover_chart(f"{name}-crossovers", task.crossovers)
        yield _crossover_table(task)
        yield from silenced_blocks(name, task, report)


def _overall(task: TaskResult) -> Table:
    return Table(
        f"Mean {task.metric} over {task.n:,} predictions of {task.users:,} users "
        f"(folds {', '.join(map(str, task.folds))}), with 95 % intervals",
        ("layer", "mean", "from", "to"),
        [
            (level.value, *map(number_text, (band.mean, band.low, band.high)))
            for level, band in task.overall.items()
        ],
    )


def _quality_table(task: TaskResult) -> Table:
    return Table(
        f"{task.metric} by events of the user so far, with 95 % intervals",
        ("events", "n", "users", *(level.value for level in Level)),
        [
            (
                span_text(point),
                count_text(point.n),
                count_text(point.users),
                *(band_text(point.quality[level]) for level in Level),
            )
            for point in task.curve
        ],
    )


def _held_table(task: TaskResult) -> Table:
    return Table(
        "Cost by events of the user so far: bytes that each layer keeps of the user, and the "
        "median time of an answer of all layers",
        ("events", *(f"{level.value}, bytes" for level in Level), "answer, µs"),
        [
            (
                span_text(point),
                *(whole_text(point.held_bytes[level]) for level in Level),
                whole_text(point.answer_us),
            )
            for point in task.curve
        ],
    )


def _cost_table(task: TaskResult) -> Table:
    cost = task.cost
    return Table(
        "Cost for everybody, measured in this run on this machine",
        ("what", "how much"),
        [
            ("data needed by the broader layers: known users", count_text(cost.known_users)),
            ("their events", count_text(cost.known_events)),
            ("items", count_text(cost.items)),
            ("events learned per second", whole_text(cost.learned_per_s)),
            ("fit on the known users, s", number_text(cost.fit_s)),
            ("model in memory, bytes", count_text(cost.model_bytes)),
            ("the same per user, bytes", whole_text(cost.model_bytes_per_user)),
            ("answer of all layers, median, µs", whole_text(cost.answer_us)),
            ("answer of all layers, 95th percentile, µs", whole_text(cost.answer_us_95)),
        ],
    )


def _crossover_table(task: TaskResult) -> Table:
    return Table(
        "From how many events on a layer pays beside another; the first row is the advice, for "
        "users with at least one event",
        (
            "layers",
            "verdict",
            "best rule from",
            "95 %",
            "gain",
            "at least",
            "at most",
            "gain beyond",
            "p",
            "one user's part",
            "n",
            "users",
        ),
        [_crossover_row(one) for one in (task.headline, *task.crossovers)],
    )


def _crossover_row(one: CrossoverResult) -> tuple[str, ...]:
    return (
        f"{one.challenger.value} beside {one.over.value}",
        one.verdict.value,
        events_in_words(one),
        interval_in_words(one),
        number_text(one.gain),
        maybe_text(one.gain_low),
        maybe_text(one.gain_high),
        maybe_text(one.beyond),
        maybe_text(one.p_value),
        maybe_text(one.one_user),
        count_text(one.n),
        count_text(one.users),
    )


def _method(report: Report) -> Iterator[Block]:
    yield Heading(2, "How to read this")
    yield Paragraph(
        f"Intervals come from {report.resamples:,} resamples of users (seed {report.seed}). "
        "Differences of layers are paired: both answered the same questions."
    )
    yield Paragraph(
        "A layer pays from N events on if the rule to use it for users with at least N events, and "
        "the other layer before, gains significantly; N is the rule with the largest gain per "
        "prediction, and the 95 % set holds the rules that are not significantly worse than "
        "another (White 2000; Kitagawa & Tetenov 2018; Hansen, Lunde & Nason 2011). A gain under "
        f"{report.worth:g} per prediction is taken not to be worth having: where no rule can gain "
        "as much, it does not pay; where the data allow both, they do not say."
    )
    yield Paragraph(
        "What a layer keeps of a user is measured in the stored form. The global layer keeps "
        "nothing of the user; the persona layer keeps the membership and what was stated; the user "
        "layer keeps the user's own history. Times were measured on one machine, which may have "
        "had other work; all layers are answered at once."
    )
    yield Paragraph(
        f"Groups have at least {report.minimum_size:,} people. Satisfaction with the list that the "
        "average makes is the part of a group's likes that it holds (coverage), or the mean share "
        "of the group that is for what it holds (approval). A group is silenced if that is under "
        f"{report.fraction:g} of the largest group's, or if what the group prefers most is "
        "significantly opposite to what everybody prefers. The floor asked for was "
        f"{report.floor:g}. Differences between groups are tested by exchanging users; q is the "
        "false discovery rate over all groups of a task (Benjamini & Hochberg 1995)."
    )
