import json
from pathlib import Path

import numpy as np
import pytest
from evaluation_world import write_items, write_ratings

from evaluation.ablation import ablations, losses, read_known
from profiles.nextitem.settings import Settings
from profiles.ports import Vector
from schemas.decoded import Item

_SMALL = Settings(
    neighbours=16,
    taste_dimension=6,
    text_dimension=4,
    occasion_dimension=6,
    most_personas=3,
    fitted_predictions=200,
)


def _ratings(users: range) -> list[tuple[str, str, float, int]]:
    """Users walk through the items in one order, from where they begin."""
    rng = np.random.default_rng(users.start)
    return [
        (f"u{user}", f"i{(first + step) % 40}", 5.0, 60 * step + user)
        for user in users
        for first in [int(rng.integers(40))]
        for step in range(12)
    ]


def _vectors(items: list[Item]) -> list[Vector | None]:
    rng = np.random.default_rng(0)
    return [rng.standard_normal(8).astype(np.float32) for _ in items]


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("ablation")
    return {
        "items": write_items(folder / "items.jsonl", [f"i{number}" for number in range(40)]),
        "warm": write_ratings(folder / "warm.jsonl", _ratings(range(40))),
        "test": write_ratings(folder / "test.jsonl", _ratings(range(40, 60))),
    }


def test_what_carries_the_blend_is_missed_most(files: dict[str, Path]) -> None:
    known = read_known(files["items"], files["warm"], files["test"], _vectors)
    assert (len(known.warm), len(known.test), len(known.items.keys)) == (40, 20, 40)
    gains, users = ablations(known, _SMALL, predictions=150, seed=0)
    found = losses(gains, users, seed=0)
    whole = found["all of them"]
    assert (whole.difference, whole.standard_error) == (0.0, 0.0)
    assert (
        found["without transitions"].difference < -3 * found["without transitions"].standard_error
    )
    assert found["texts only"].ndcg < 0.5 * whole.ndcg
    assert found["without transitions"].difference < found["without period"].difference
    assert json.dumps(sorted(found)).count("no blend") == 3
