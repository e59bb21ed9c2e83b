"""Best of n: candidate answers in the order in which a user would prefer them."""

import json
import sys
from collections.abc import Sequence

from pydantic import ValidationError
from rich.table import Table

from cli.errors import CommandFailed, WrongUse
from cli.reading import asked
from cli.terminal import cell, stdout
from profiles.choices.reranking import MOST_TEXTS, Compared, Reranked, pairs_of, rerank
from schemas.views import ScoresView

__all__ = ["print_reranked"]


def print_reranked(
    user: str, texts: Sequence[str] | None, *, url: str | None, tenant: str | None, as_json: bool
) -> None:
    """Ask the service to compare each with each, and print them best first.

    Raises:
        WrongUse: not 2 to 14 texts.
        CommandFailed: nothing has been learned from choices yet, or the service says why not.
    """
    given = texts or [line.rstrip("\n") for line in sys.stdin if line.strip()]
    if not 2 <= len(given) <= MOST_TEXTS:
        raise WrongUse(f"give 2 to {MOST_TEXTS} texts, not {len(given)}")
    pairs = [{"a": {"text": given[a]}, "b": {"text": given[b]}} for a, b in pairs_of(len(given))]
    with asked(url, tenant=tenant) as asker:
        answer = asker.post("score", {"user_id": user, "pairs": pairs})
    try:
        scores = ScoresView.model_validate_json(answer)
    except ValidationError as error:
        raise CommandFailed(
            "the service answers in a form that this version cannot read"
        ) from error
    if scores.absent is not None:
        raise CommandFailed(scores.absent.text)
    ranked = rerank(
        len(given),
        [
            Compared(
                {level: choice.log_odds for level, choice in pair.levels.items()},
                pair.levels["blend"].standard_error,
            )
            for pair in scores.pairs
        ],
    )
    if as_json:
        sys.stdout.write(json.dumps(_as_json(scores, given, ranked), ensure_ascii=False) + "\n")
    else:
        stdout().print(_table(given, ranked))


def _as_json(
    scores: ScoresView, given: Sequence[str], ranked: Sequence[Reranked]
) -> dict[str, object]:
    return {
        "tenant": scores.tenant,
        "user_id": scores.user_id,
        "known": scores.known,
        "version": scores.version,
        "texts": [
            {
                "text": given[one.place],
                "place": one.place,
                "reward": one.reward,
                "standard_error": one.standard_error,
                "layers": dict(one.layers),
                "shares": dict(one.shares),
            }
            for one in ranked
        ],
        "stale": scores.stale,
        "stale_because": list(scores.stale_because),
    }


def _table(given: Sequence[str], ranked: Sequence[Reranked]) -> Table:
    table = Table(box=None)
    for name in ("reward", "±", "everybody", "persona", "user"):
        table.add_column(name, justify="right")
    table.add_column("text")
    for one in ranked:
        shares = (f"{one.shares[layer]:.0%}" for layer in ("global", "persona", "user"))
        table.add_row(
            f"{one.reward:+.2f}", f"{one.standard_error:.2f}", *shares, cell(given[one.place])
        )
    return table
