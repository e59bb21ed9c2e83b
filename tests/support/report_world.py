"""A report whose figures are all different, to look for in pages."""

from evaluation.report.crossover import Verdict
from evaluation.report.results import (
    Band,
    Cost,
    CrossoverResult,
    GroupingResult,
    GroupResult,
    Point,
    Report,
    ReversalResult,
    SetResult,
    TaskResult,
)
from profiles.queries import Level


def crossover(
    challenger: Level, over: Level, verdict: Verdict, events: int | None
) -> CrossoverResult:
    return CrossoverResult(
        challenger=challenger,
        over=over,
        verdict=verdict,
        events=events,
        earliest=None if events is None else max(events - 2, 0),
        latest=None if verdict is not Verdict.PAYS or events is None else events + 5,
        gain=0.0123 if events is not None else 0.0,
        gain_low=0.0045 if events is not None else None,
        gain_high=0.0234,
        beyond=0.0345 if events is not None else None,
        p_value=0.0101,
        one_user=0.0678 if events is not None else None,
        n=12_345,
        users=678,
    )


def group(name: str, *, silenced: bool) -> GroupResult:
    return GroupResult(
        group=name,
        labels=("poetry & drama",) if silenced else (),
        size=41,
        tested=17 if silenced else 0,
        predictions=1_234 if silenced else 0,
        worse=Band(0.0456, 0.0321, 0.0567) if silenced else None,
        q_value=0.0412 if silenced else None,
        satisfaction=0.3211 if silenced else 0.7654,
        protected=0.4321 if silenced else 0.7432,
        ratio=0.4195 if silenced else 1.0,
        top="<b>verse</b> | $x_1$" if silenced else None,
        top_reversed=silenced,
        silenced=silenced,
        reversed=3 if silenced else 0,
        reversals=(
            ReversalResult(
                what="verse",
                over="novels",
                group_margin=0.4444,
                overall_margin=-0.1111,
                acts=29,
                q_value=0.0312,
            ),
        )
        if silenced
        else (),
    )


def report(name: str = "shop & co") -> Report:
    quality = {level: Band(0.5 + row / 10, 0.4, 0.9) for row, level in enumerate(Level)}
    points = [(0, 0), (1, 4), (5, None)]
    task = TaskResult(
        task="sign",
        metric="accuracy",
        folds=(1, 3),
        n=15_999,
        users=987,
        headline=crossover(Level.BLEND, Level.PERSONA, Verdict.PAYS, 7),
        advice=("Individual data pays after about 7 events.", "Personas do not pay."),
        overall=quality,
        curve=tuple(
            Point(
                first=first,
                last=last,
                n=1_001 + first,
                users=101 + first,
                quality=quality,
                held_bytes={level: 50.0 * row * (first + 1) for row, level in enumerate(Level)},
                answer_us=1_717.0,
            )
            for first, last in points
        ),
        crossovers=(
            crossover(Level.PERSONA, Level.GLOBAL, Verdict.NOT, None),
            crossover(Level.USER, Level.GLOBAL, Verdict.UNCLEAR, 3),
            crossover(Level.BLEND, Level.GLOBAL, Verdict.PAYS, 0),
        ),
        cost=Cost(
            known_users=2_222,
            known_events=33_333,
            items=4_444,
            learned_per_s=5_555.0,
            fit_s=6.5432,
            model_bytes=7_777_777,
            model_bytes_per_user=3_500.0,
            answer_us=888.0,
            answer_us_95=9_999.0,
        ),
        groupings=(
            GroupingResult(
                name="persona",
                discovered=True,
                satisfaction="approval",
                users=82,
                silenced_share=0.2987,
                floor=0.1,
                price=0.0132,
                others=0.0243,
                groups=(group("p1", silenced=True), group("p2", silenced=False)),
            ),
        ),
    )
    found = SetResult(name=name, tasks=(task,), skipped={"pairwise": "nobody chooses here"})
    return Report(
        seed=0,
        resamples=1_000,
        worth=0.005,
        minimum_size=20,
        floor=0.1,
        fraction=0.8,
        sets=(found,),
    )
