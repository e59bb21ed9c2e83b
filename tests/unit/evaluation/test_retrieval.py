"""Answers are asked before they are learned, and relevance is what it is said to be."""

import asyncio
import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from evaluation.retrieval import Judged, evaluate_retrieval, ndcg, reciprocal_rank, report
from streams.embedding import HashingEmbedder

QUESTIONS = {
    "q1": ("Which hops are bitter?", ["hops"]),
    "q2": ("How cold should lager be?", ["storage"]),
    "q3": ("Are noble hops worth it?", ["hops"]),
}
ANSWERS = [
    ("a1", "q1", "Magnum and Columbus carry much humulone, Saaz carries little."),
    ("a2", "q2", "Seven degrees, in a cellar without draughts."),
    ("a3", "q3", "Saaz has little humulone, so Magnum and Columbus cost less per brew."),
]


def events() -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    items = [
        {
            "event_id": f"i-{name}",
            "type": "item",
            "occurred_at": 1,
            "item_id": name,
            "text": text,
            "attributes": {"tags": tags},
        }
        for name, (text, tags) in QUESTIONS.items()
    ]
    written = [
        {
            "event_id": f"d-{name}",
            "type": "document",
            "occurred_at": 100 + place,
            "user_id": "ann",
            "document_id": name,
            "text": text,
            "kind": "answer",
            "about": [about],
        }
        for place, (name, about, text) in enumerate(ANSWERS)
    ]
    return items, written


def judged(
    folder: Path,
    test: list[dict[str, Any]],
    warm: list[dict[str, Any]],
    *,
    on_progress: Callable[[int, int], None] = lambda _done, _total: None,
) -> list[Judged]:
    items, _ = events()
    paths = {}
    for name, some in {"items": items, "warm": warm, "test": test}.items():
        paths[name] = folder / f"{name}.jsonl"
        paths[name].write_text("".join(json.dumps(one) + "\n" for one in some))
    return asyncio.run(
        evaluate_retrieval(**paths, embedder=HashingEmbedder(64), on_progress=on_progress)
    )


def filler() -> list[dict[str, Any]]:
    """Others' documents, by which words are common or particular."""
    return [
        {
            "event_id": f"f{number}",
            "type": "document",
            "occurred_at": 2,
            "user_id": f"u{number}",
            "document_id": "d",
            "text": "Much and little, carry and cost, less per brew, so it has.",
        }
        for number in range(200)
    ]


def test_both_relevances_find_the_passage_and_history_is_what_came_before(
    tmp_path: Path,
) -> None:
    found = judged(tmp_path, events()[1], filler())
    # Only the third answer has both a relevant passage before it and one that is not.
    assert [(one.relevance, one.history) for one in found] == [
        ("leaned on", 2),
        ("same subject", 2),
    ]
    for one in found:
        # The older of the two is the relevant one, and no word of the query is in either.
        newest, first = one.figures["newest"]
        assert newest == pytest.approx(1 / math.log2(3))
        assert first == 0.5
        assert one.figures["words"] == (0.0, 0.0)


def test_an_answer_is_not_seen_before_it_is_asked(tmp_path: Path) -> None:
    whole = judged(tmp_path, events()[1], filler())
    again = {**events()[1][2], "event_id": "x", "document_id": "a4", "occurred_at": 500}
    later = [*events()[1], again]
    assert judged(tmp_path, later, filler())[: len(whole)] == whole


def test_a_report_sets_each_way_against_words_alone(tmp_path: Path) -> None:
    figures: Any = report(judged(tmp_path, events()[1], filler()))
    assert (figures["task"], figures["n"]) == ("retrieval", 1)
    overall = figures["levels"]["user"]["overall"]
    assert (overall.keys(), overall["n"]) == ({"ndcg@10", "mrr", "n"}, 1)
    assert [one["from"] for one in figures["levels"]["user"]["by_history"]] == [1]
    leaned = figures["relevance"]["leaned on"]
    assert (leaned["n"], leaned["users"]) == (1, 1)
    assert leaned["ways"]["words"]["ndcg@10 over words"]["mean"] == 0.0
    assert leaned["by_history"][0]["n"] == 1


def test_figures_of_a_ranking() -> None:
    relevant = frozenset({"a", "b"})
    assert ndcg(["a", "b", "c"], relevant) == pytest.approx(1.0)
    assert ndcg(["c"], relevant) == 0.0
    assert ndcg([*"cdefghijkl", "a"], relevant) == 0.0
    assert reciprocal_rank(["c", "a"], relevant) == 0.5
    assert reciprocal_rank(["c"], relevant) == 0.0


def test_how_far_it_has_come_is_said_after_every_document(tmp_path: Path) -> None:
    _, written = events()
    reached: list[tuple[int, int]] = []
    judged(tmp_path, written, filler(), on_progress=lambda *so_far: reached.append(so_far))
    assert reached == [(done, len(written)) for done in range(1, len(written) + 1)]
