import functools
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from evaluation_world import write_items, write_ratings
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bookshop.catalogue import load_books
from bookshop.simulator import simulate
from evaluation.errors import UnknownTask, UnreadableEvents
from evaluation.predictors import Options
from evaluation.run import Progress, TaskName, evaluate, report_json, task_named
from evaluation.split import FOLDS, fold_of, split_users
from profiles.nextitem.settings import Settings
from profiles.queries import Level

_SMALL = Settings(
    neighbours=8,
    taste_dimension=6,
    occasion_dimension=6,
    text_dimension=4,
    most_personas=3,
    fitted_predictions=40,
)
_ITEMS = [f"i{number}" for number in range(30)]


def _ratings(*, users: range, seed: int) -> list[tuple[str, str, float, int]]:
    """Two tastes, low and high items; each user walks through theirs."""
    rng = np.random.default_rng(seed)
    ratings = []
    for user in users:
        first = 15 * (user % 2)
        for step, item in enumerate(rng.permutation(15)[:10]):
            value = float(rng.integers(6, 11)) / 2
            ratings.append((f"u{user}", f"i{first + item}", value, 60 * step + user))
    return sorted(ratings, key=lambda rating: rating[3])


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("files")
    return {
        "items": write_items(folder / "items.jsonl", _ITEMS),
        "warm": write_ratings(folder / "warm.jsonl", _ratings(users=range(12), seed=1)),
        "test": write_ratings(folder / "test.jsonl", _ratings(users=range(12, 16), seed=2)),
    }


@pytest.fixture(scope="module")
def options(tmp_path_factory: pytest.TempPathFactory) -> Options:
    return Options(
        embedding_model="hashing:16",
        next_item=_SMALL,
        vectors_folder=tmp_path_factory.mktemp("vectors"),
    )


@pytest.fixture(scope="module")
def predicted(
    files: dict[str, Path], options: Options, tmp_path_factory: pytest.TempPathFactory
) -> Callable[[int], bytes]:
    """The predictions file for the first so many events of the test file."""
    folder = tmp_path_factory.mktemp("cut")
    lines = files["test"].read_bytes().splitlines(keepends=True)

    @functools.cache
    def run(events: int) -> bytes:
        cut, out = folder / "cut.jsonl", folder / "predictions.jsonl"
        cut.write_bytes(b"".join(lines[:events]))
        evaluate(
            TaskName.NEXT_ITEM,
            items=files["items"],
            warm=files["warm"],
            test=cut,
            predictions=out,
            options=options,
        )
        return out.read_bytes()

    return run


@settings(
    max_examples=5, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(kept=st.integers(0, 39))
def test_cutting_the_test_file_leaves_earlier_predictions_byte_identical(
    predicted: Callable[[int], bytes], kept: int
) -> None:
    whole, part = predicted(40), predicted(kept)
    assert whole.startswith(part)
    # A cut after most of the file must still have predicted something.
    assert kept < 20 or len(part) > len(whole) // 4


def test_two_runs_are_byte_identical(
    predicted: Callable[[int], bytes], files: dict[str, Path], options: Options, tmp_path: Path
) -> None:
    out = tmp_path / "again.jsonl"
    evaluate(
        TaskName.NEXT_ITEM,
        items=files["items"],
        warm=files["warm"],
        test=files["test"],
        predictions=out,
        options=options,
    )
    assert out.read_bytes() == predicted(40)


def test_lines_name_event_level_and_ten_items(
    predicted: Callable[[int], bytes], files: dict[str, Path]
) -> None:
    lines = [json.loads(line) for line in predicted(40).splitlines()]
    liked = {
        event["event_id"]
        for event in map(json.loads, files["test"].read_text(encoding="utf-8").splitlines())
        if event["value"] >= 4
    }
    assert {line["event_id"] for line in lines} == liked
    assert [line["level"] for line in lines[:4]] == ["global", "persona", "user", "blend"]
    assert all(len(line["items"]) == len(set(line["items"])) == 10 for line in lines)


def test_the_report_has_the_form_of_the_interface_and_finds_planted_tastes(
    files: dict[str, Path], options: Options
) -> None:
    seen: list[Progress] = []
    figures = evaluate(
        TaskName.NEXT_ITEM,
        items=files["items"],
        warm=files["warm"],
        test=files["test"],
        options=options,
        on_progress=seen.append,
    )
    report = json.loads(json.dumps(report_json(TaskName.NEXT_ITEM, figures)))
    levels = report["levels"]
    assert report["task"] == "next-item"
    assert list(levels) == ["global", "persona", "user", "blend"]
    for level in levels.values():
        assert level["overall"]["n"] == report["n"]
        assert [part["from"] for part in level["by_history"]] == [0, 1, 5]
        whole = sum(part["n"] * part["ndcg@10"] for part in level["by_history"]) / report["n"]
        assert level["overall"]["ndcg@10"] == pytest.approx(whole, abs=1e-5)
    assert (seen[-1].done, seen[-1].total) == (190, 190)
    global_figure = levels["global"]["overall"]["ndcg@10"]
    assert levels["blend"]["overall"]["ndcg@10"] > 1.2 * global_figure
    assert levels["persona"]["overall"]["ndcg@10"] > 1.2 * global_figure


def test_an_unknown_task_and_an_unreadable_file_are_named(
    files: dict[str, Path], options: Options, tmp_path: Path
) -> None:
    with pytest.raises(UnknownTask, match="next-item"):
        task_named("nothing")
    broken = tmp_path / "broken.jsonl"
    broken.write_bytes(files["test"].read_bytes() + b'{"type": "interaction"}\n')
    with pytest.raises(UnreadableEvents, match=r"broken\.jsonl:41"):
        evaluate(
            TaskName.NEXT_ITEM,
            items=files["items"],
            warm=files["warm"],
            test=broken,
            options=options,
        )
    with pytest.raises(UnreadableEvents, match="missing"):
        evaluate(
            TaskName.NEXT_ITEM,
            items=files["items"],
            warm=files["warm"],
            test=tmp_path / "missing.jsonl",
            options=options,
        )


def test_a_split_keeps_every_line_once_and_users_apart(
    files: dict[str, Path], tmp_path: Path
) -> None:
    lines = files["warm"].read_bytes().splitlines()
    tested = []
    for fold in range(FOLDS):
        split = split_users(files["warm"], tmp_path, test_fold=fold)
        warm, test = (path.read_bytes().splitlines() for path in (split.warm, split.test))
        assert sorted(warm + test) == sorted(lines)
        assert {fold_of(json.loads(line)["user_id"]) for line in test} <= {fold}
        tested += test
    assert sorted(tested) == sorted(lines)


def test_files_of_two_tenants_are_refused(tmp_path: Path, options: Options) -> None:
    path = write_items(tmp_path / "items.jsonl", ["a"])
    other = {"event_id": "x", "type": "item", "occurred_at": 0, "tenant": "t", "item_id": "b"}
    path.write_text(path.read_text() + json.dumps(other | {"text": "x"}) + "\n", encoding="utf-8")
    with pytest.raises(UnreadableEvents, match="second tenant"):
        evaluate(TaskName.NEXT_ITEM, items=path, warm=path, test=path, options=options)


def test_in_the_bookshop_the_blend_beats_popularity(tmp_path: Path, options: Options) -> None:
    books = load_books()
    shop = simulate(books=books, seed=7, start_ms=1_767_225_600_000, readers=60)
    items, events, folder = tmp_path / "i.jsonl", tmp_path / "e.jsonl", tmp_path
    for path, wanted in ((items, True), (events, False)):
        lines = [json.dumps(one) for one in shop.events if (one["type"] == "item") == wanted]
        path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    split = split_users(events, folder, test_fold=0)
    figures = evaluate(
        TaskName.NEXT_ITEM, items=items, warm=split.warm, test=split.test, options=options
    )
    blend, popular = figures.by_level[Level.BLEND][None], figures.by_level[Level.GLOBAL][None]
    assert blend.n > 50
    assert blend.mean > 1.3 * popular.mean
