"""What a report says about groups, block by block."""

from collections.abc import Iterator

from evaluation.report.charts import gap_chart, group_name, protection_chart
from evaluation.report.document import Block, Bullets, Heading, Table
from evaluation.report.figure_text import ABSENT, band_text, count_text, maybe_text, number_text
from evaluation.report.results import GroupingResult, GroupResult, Report, TaskResult

__all__ = ["silenced_blocks"]


def silenced_blocks(name: str, task: TaskResult, report: Report) -> Iterator[Block]:
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
                count_text(group.size),
                count_text(group.tested),
                count_text(group.predictions),
                ABSENT if group.worse is None else band_text(group.worse),
                maybe_text(group.q_value),
                number_text(group.satisfaction),
                maybe_text(group.ratio),
                number_text(group.protected),
                group.top or ABSENT,
                count_text(group.reversed),
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
            one.over or ABSENT,
            number_text(one.group_margin),
            number_text(one.overall_margin),
            count_text(one.acts),
            number_text(one.q_value),
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
