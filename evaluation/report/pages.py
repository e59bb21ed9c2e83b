"""What a report says, block by block."""

import re
from collections.abc import Iterator
from typing import Final

from evaluation.report.advice import events_in_words, interval_in_words
from evaluation.report.charts import (
    crossover_chart,
    gap_chart,
    group_name,
    history_chart,
    price_chart,
    protection_chart,
)
from evaluation.report.crossover import Verdict
from evaluation.report.document import (
    Block,
    Bullets,
    Document,
    Heading,
    Paragraph,
    Table,
)
from evaluation.report.results import (
    Band,
    CrossoverResult,
    GroupingResult,
    GroupResult,
    Point,
    Report,
    SetResult,
    TaskResult,
)
from profiles.queries import Level

__all__ = ["document_of"]

_TITLE: Final = "When individual data pays"
_NAME: Final = re.compile(r"[^a-z0-9]+")
_ABSENT: Final = "none"


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
                _count(task.n),
                _count(task.users),
                *(_number(task.overall[level].mean) for level in Level),
                task.headline.verdict.value,
                events_in_words(task.headline) if _gains(task.headline) else _ABSENT,
                interval_in_words(task.headline) if _gains(task.headline) else _ABSENT,
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
        yield from _silenced(name, task, report)


def _overall(task: TaskResult) -> Table:
    return Table(
        f"Mean {task.metric} over {task.n:,} predictions of {task.users:,} users "
        f"(folds {', '.join(map(str, task.folds))}), with 95 % intervals",
        ("layer", "mean", "from", "to"),
        [
            (level.value, *map(_number, (band.mean, band.low, band.high)))
            for level, band in task.overall.items()
        ],
    )


def _quality_table(task: TaskResult) -> Table:
    return Table(
        f"{task.metric} by events of the user so far, with 95 % intervals",
        ("events", "n", "users", *(level.value for level in Level)),
        [
            (
                _span(point),
                _count(point.n),
                _count(point.users),
                *(_band(point.quality[level]) for level in Level),
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
                _span(point),
                *(_whole(point.held_bytes[level]) for level in Level),
                _whole(point.answer_us),
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
            ("data needed by the broader layers: known users", _count(cost.known_users)),
            ("their events", _count(cost.known_events)),
            ("items", _count(cost.items)),
            ("events learned per second", _whole(cost.learned_per_s)),
            ("fit on the known users, s", _number(cost.fit_s)),
            ("model in memory, bytes", _count(cost.model_bytes)),
            ("the same per user, bytes", _whole(cost.model_bytes_per_user)),
            ("answer of all layers, median, µs", _whole(cost.answer_us)),
            ("answer of all layers, 95th percentile, µs", _whole(cost.answer_us_95)),
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
        _number(one.gain),
        _maybe(one.gain_low),
        _maybe(one.gain_high),
        _maybe(one.beyond),
        _maybe(one.p_value),
        _maybe(one.one_user),
        _count(one.n),
        _count(one.users),
    )


def _silenced(name: str, task: TaskResult, report: Report) -> Iterator[Block]:
    if not task.groupings:
        return
    yield Heading(4, f"Who the average silences ({task.task})")
    yield Bullets(tuple(_alarm(grouping, report) for grouping in task.groupings))
    gaps = gap_chart(f"{name}-groups", task.groupings)
    if gaps is not None:
        yield gaps
    for number, grouping in enumerate(task.groupings, 1):
        if len(grouping.groups) > 1:
            yield protection_chart(f"{name}-protecting-{number}", grouping)
        yield _groups_table(grouping)
        reversals = _reversals_table(grouping)
        if reversals is not None:
            yield reversals


def _alarm(grouping: GroupingResult, report: Report) -> str:
    silenced = [group for group in grouping.groups if group.silenced]
    named = "; ".join(f"{group_name(group)}: {_why(group, report)}" for group in silenced)
    said = (
        f"{grouping.name}: {grouping.silenced_share:.4f} of {grouping.users:,} people are in "
        f"groups that the average silences"
    )
    others = (
        ""
        if grouping.others is None
        else f", and the groups that are not raised {grouping.others:.4f}"
    )
    price = (
        f" A floor of {grouping.floor:.4f} of the weight for each group costs {grouping.price:.4f} "
        f"of satisfaction per person{others}."
    )
    return f"{said}{f' ({named})' if named else ''}.{price}"


def _why(group: GroupResult, report: Report) -> str:
    reasons: list[str] = []
    if group.top_reversed:
        reasons.append(f"everybody's preference is opposite to its own for {group.top}")
    if group.ratio is not None and group.ratio < report.fraction:
        reasons.append(f"its satisfaction is {group.ratio:.4f} of the largest group's")
    return " and ".join(reasons) or "what it likes most is turned round"


def _groups_table(grouping: GroupingResult) -> Table:
    how = (
        "found from half of the opinions, compared on the other half"
        if grouping.discovered
        else "as stated"
    )
    return Table(
        f"Groups by {grouping.name} ({how}), worst satisfied first; satisfaction: "
        f"{grouping.satisfaction}",
        (
            "group",
            "people",
            "predicted",
            "n",
            "predicted worse by",
            "q",
            "satisfaction",
            "of the largest's",
            "protected",
            "prefers most",
            "reversals",
            "silenced",
        ),
        [
            (
                group_name(group),
                _count(group.size),
                _count(group.tested),
                _count(group.predictions),
                _ABSENT if group.worse is None else _band(group.worse),
                _maybe(group.q_value),
                _number(group.satisfaction),
                _maybe(group.ratio),
                _number(group.protected),
                group.top or _ABSENT,
                _count(group.reversed),
                "yes" if group.silenced else "no",
            )
            for group in grouping.groups
        ],
    )


def _reversals_table(grouping: GroupingResult) -> Table | None:
    rows = [
        (
            group_name(group),
            one.what,
            one.over or _ABSENT,
            _number(one.group_margin),
            _number(one.overall_margin),
            _count(one.acts),
            _number(one.q_value),
        )
        for group in grouping.groups
        for one in group.reversals
    ]
    if not rows:
        return None
    return Table(
        f"Preferences by {grouping.name} that the average turns round: the surest of each group",
        ("group", "what", "over", "group's margin", "everybody's", "acts", "q"),
        rows,
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


def _span(point: Point) -> str:
    if point.last is None:
        return f"{point.first:,}+"
    return f"{point.first:,}" if point.first == point.last else f"{point.first:,} to {point.last:,}"


def _band(band: Band) -> str:
    return f"{_number(band.mean)} ({_number(band.low)} to {_number(band.high)})"


def _number(number: float) -> str:
    return f"{number:.4f}"


def _maybe(number: float | None) -> str:
    return _ABSENT if number is None else _number(number)


def _count(number: int) -> str:
    return f"{number:,}"


def _whole(number: float) -> str:
    return f"{number:,.0f}"
