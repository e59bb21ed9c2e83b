"""What the demo shows, readable without colour."""

from collections.abc import Sequence
from dataclasses import dataclass

from rich.console import Console
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from cli.demo.comparison import Comparison
from cli.demo.stage import TENANT, Stage
from cli.terminal import plain
from cli.views.population import render_trend
from cli.views.ranking import render_ranking
from cli.views.words import bar, item_name, labels_line, layers_line, persona_line
from schemas.views import (
    InterestView,
    PersonasView,
    PopularItemView,
    ProfileView,
    RankingView,
    StatisticsView,
)

__all__ = [
    "Expectation",
    "heading",
    "show_answer",
    "show_comparison",
    "show_expectations",
    "show_minority",
    "show_reader",
    "show_trends",
]

_INDENT = (0, 0, 0, 2)


@dataclass(frozen=True, slots=True)
class Expectation:
    """Something planted that should be found again, and whether it was."""

    text: str
    met: bool


def heading(out: Console, text: str) -> None:
    out.print()
    out.print(Text(f"── {text} ".ljust(min(out.width, 100), "─"), style="bold"))


def show_reader(out: Console, title: str, profile: ProfileView, ranking: RankingView) -> None:
    """One reader at one moment: how sure, which persona, what they like, what to offer."""
    rows = {
        "events": f"{profile.evidence.events}, worth "
        f"{profile.evidence.effective_sample_size:.1f} equal ones now",
        "rests on": layers_line(profile.weights, profile.level),
        "persona": persona_line(profile.persona, profile.persona_absent),
        "likes": _likes(profile.interests[:4]) or "not known",
        "offer next": "; ".join(item_name(item) for item in ranking.items) or "nothing yet",
    }
    table = Table.grid(padding=(0, 2))
    for name, text in rows.items():
        table.add_row(f"  {name}", Text(text))
    out.print(Text(f"● {title}", style="bold"))
    out.print(table)


def _likes(interests: Sequence[InterestView]) -> str:
    strongest = max((interest.worth for interest in interests), default=1.0)
    return "; ".join(
        f"{item_name(known)} {bar(known.worth / strongest, width=5)}" for known in interests
    )


def show_comparison(
    out: Console, everybody: Comparison, steady: Comparison, personas: PersonasView
) -> None:
    """Confusion table, what the found ones are named by, and how well they agree."""
    found = everybody.found
    table = Table(box=None, pad_edge=False, padding=(0, 1))
    table.add_column("planted")
    for name in found:
        table.add_column(Text(plain(name)), justify="right")
    table.add_column("all", justify="right")
    for planted in everybody.planted:
        table.add_row(
            planted,
            *(str(everybody.counts.get((planted, name), "·")) for name in found),
            str(everybody.size_planted(planted)),
        )
    out.print(Padding(table, _INDENT))
    labels = {persona.id: persona.labels for persona in personas.personas}
    named = Table.grid(padding=(0, 2))
    for name in found:
        texts = labels_line((label.text for label in labels.get(name, ())), most=4)
        named.add_row(f"  {plain(name)}", Text(texts or "(no labels)"))
    out.print(named)
    out.print(
        f"  adjusted Rand index {everybody.rand_index:.2f} over {everybody.compared} readers, "
        f"{steady.rand_index:.2f} over the {steady.compared} who neither drifted nor "
        "started cold\n  (1: the same groups; 0: chance). Their number was not given: "
        f"silhouette {personas.silhouette or 0:.2f}."
    )


def show_minority(
    out: Console,
    comparison: Comparison,
    *,
    minority: str,
    home: str,
    theirs: Sequence[PopularItemView],
    overall: Sequence[PopularItemView],
) -> None:
    """What an average over everybody would have made of them."""
    text = (
        f"  The {minority}, {comparison.size_planted(minority)} of {comparison.compared} readers: "
        f"{comparison.counts[minority, home]} of them are in {plain(home)}, which has "
        f"{comparison.size_found(home)} of these readers."
    )
    if theirs:
        favourite = theirs[0]
        place = next(
            (at for at, item in enumerate(overall, 1) if item.item_id == favourite.item_id), None
        )
        where = f"place {place}" if place else f"no place among the first {len(overall)}"
        text += (
            f"\n  What is most popular there, {item_name(favourite)}, has {where} with everybody."
        )
    out.print(Text(text))


def show_trends(out: Console, statistics: StatisticsView) -> None:
    shown = False
    for window, rising in statistics.trends.items():
        if rising:
            shown = True
            out.print(render_trend(window, rising, most=3))
    if not shown:
        out.print("  nothing")


async def show_answer(
    stage: Stage, out: Console, user_id: str, who: str, *, limit: int = 5
) -> None:
    """A ranking with its reasons."""
    ranking = await stage.lookup.rank(TENANT, user_id, limit=limit)
    out.print(Text(f"● {who}", style="bold"))
    out.print(render_ranking(ranking))


def show_expectations(out: Console, expectations: Sequence[Expectation]) -> None:
    for expectation in expectations:
        mark = Text("  yes " if expectation.met else "  NO  ", style="bold")
        out.print(mark.append(expectation.text, style=""))
