"""Sign and pairwise through the same files as next-item."""

import json
from pathlib import Path

import numpy as np
import pytest

from evaluation.predictors import Options
from evaluation.run import TaskName, evaluate
from profiles.queries import Level


def _write(path: Path, lines: list[dict[str, object]]) -> Path:
    path.write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")
    return path


def _votes(users: range) -> list[dict[str, object]]:
    """Everybody likes even items and dislikes odd ones, nine times in ten."""
    rng = np.random.default_rng(users.start)
    return [
        {
            "event_id": f"v-{user}-{item}",
            "type": "interaction",
            "occurred_at": 100 * item + user,
            "user_id": f"u{user}",
            "item_id": f"i{item}",
            "action": "vote",
            "value": (1.0 if item % 2 == 0 else -1.0) * (1 if rng.random() < 0.9 else -1),
        }
        for item in range(8)
        for user in users
    ]


def _pairs(users: range) -> list[dict[str, object]]:
    """The lower number wins, nine times in ten; each choice has its reason, written first."""
    rng = np.random.default_rng(users.start)
    lines: list[dict[str, object]] = []
    for step in range(8):
        for user in users:
            low, high = sorted(int(item) for item in rng.choice(8, 2, replace=False))
            chosen, rejected = (low, high) if rng.random() < 0.9 else (high, low)
            head = {"occurred_at": 100 * step + user, "user_id": f"u{user}"}
            name = f"p-{user}-{step}"
            why = {"document_id": f"{name}-why", "text": f"i{chosen} is better"}
            lines.append({"event_id": f"{name}-why", "type": "document"} | head | why)
            sides = {"chosen": {"item_id": f"i{chosen}"}, "rejected": {"item_id": f"i{rejected}"}}
            lines.append({"event_id": name, "type": "preference"} | head | sides)
    return lines


@pytest.mark.parametrize("task", [TaskName.SIGN, TaskName.PAIRWISE])
def test_what_everybody_thinks_is_found_and_a_prefix_is_predicted_alike(
    task: TaskName, tmp_path: Path
) -> None:
    events = _votes if task is TaskName.SIGN else _pairs
    items = _write(
        tmp_path / "items.jsonl",
        [
            {
                "event_id": f"i{item}",
                "type": "item",
                "occurred_at": 0,
                "item_id": f"i{item}",
                "text": f"text {item}",
            }
            for item in range(8)
        ],
    )
    warm = _write(tmp_path / "warm.jsonl", events(range(20)))
    later = events(range(20, 26))
    outs = []
    for count in (len(later), len(later) // 2, 1):
        test, out = _write(tmp_path / "test.jsonl", later[:count]), tmp_path / f"{count}.jsonl"
        figures = evaluate(
            task, items=items, warm=warm, test=test, predictions=out, options=Options()
        )
        outs.append(out.read_bytes())
        if count == len(later):
            assert figures.by_level[Level.BLEND][None].n == 48
            assert figures.by_level[Level.BLEND][None].mean > 0.75
    assert outs[0].startswith(outs[1])
    assert outs[1].startswith(outs[2])
    assert len(outs[1]) > len(outs[0]) // 3
