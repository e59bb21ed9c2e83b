"""`strata report` makes pages from files or folders, or says what is wrong in one line."""

import gzip
import json
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from cli.main import run
from evaluation.report.results import Report, SetResult, TaskResult, read_report, write_report

pytest.importorskip("matplotlib")


def lines(path: Path, records: Sequence[dict[str, object]]) -> Path:
    text = "".join(json.dumps(one) + "\n" for one in records)
    if path.suffix == ".gz":
        path.write_bytes(gzip.compress(text.encode()))
    else:
        path.write_text(text, encoding="utf-8")
    return path


def items(path: Path) -> Path:
    return lines(
        path,
        [
            {
                "event_id": f"item-{number}",
                "type": "item",
                "occurred_at": 1_500_000_000,
                "item_id": f"i{number}",
                "text": f"statement {number}",
            }
            for number in range(12)
        ],
    )


def votes(users: range) -> list[dict[str, object]]:
    """Half of the users love even statements, the others odd ones; all state their half."""
    rng = np.random.default_rng(0)
    told: list[dict[str, object]] = [
        {
            "event_id": f"a-{user}",
            "type": "attributes",
            "occurred_at": 1_550_000_000,
            "user_id": f"u{user}",
            "attributes": {"half": "even" if user % 2 == 0 else "odd"},
        }
        for user in users
    ]
    for step, number in enumerate(rng.permutation(12).tolist()):
        told += [
            {
                "event_id": f"v-{user}-{number}",
                "type": "interaction",
                "occurred_at": 1_600_000_000 + 1_000 * step + user,
                "user_id": f"u{user}",
                "item_id": f"i{number}",
                "action": "vote",
                "value": 1 if (user + number) % 2 == 0 else -1,
            }
            for user in users
        ]
    return told


def folder(path: Path, *, users: int = 150) -> Path:
    path.mkdir()
    items(path / "items.jsonl.gz")
    lines(path / "events.jsonl.gz", votes(range(users)))
    return path


def made(out: Path) -> Report:
    return read_report((out / "report.json").read_bytes())


def only(report: Report) -> tuple[SetResult, TaskResult]:
    (found,) = report.sets
    (task,) = found.tasks
    return found, task


def without_times(report: Report) -> object:
    tree = json.loads(write_report(report))
    for found in tree["sets"]:
        for task in found["tasks"]:
            for name in ("learned_per_s", "fit_s", "answer_us", "answer_us_95", "model_bytes"):
                del task["cost"][name]
            del task["cost"]["model_bytes_per_user"]
            for point in task["curve"]:
                del point["answer_us"]
    return tree


def test_a_folder_becomes_pages_with_the_advice_on_the_terminal(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data, out = folder(tmp_path / "halves"), tmp_path / "out"
    assert run(["report", "--data", str(data), "--fold", "0", "--out", str(out)]) == 0
    printed = capsys.readouterr().out.splitlines()
    found, task = only(made(out))
    assert printed[0] == f"halves, sign: {task.advice[0]}"
    assert printed[1:] == [str(out / f"report.{ending}") for ending in ("html", "md", "json")]
    # What people state of themselves says it all, so their own votes add nothing.
    assert task.headline.verdict in {"does not pay", "not enough data to say"}
    assert task.advice[1].startswith("Personas pay")
    assert set(found.skipped) == {"next-item", "pairwise"}
    assert task.folds == (0,)
    page = (out / "report.html").read_text(encoding="utf-8")
    assert task.advice[0] in page
    assert len(list((out / "charts").iterdir())) == page.count("<figure>")


def test_two_halves_that_disagree_are_both_seen(tmp_path: Path) -> None:
    out = tmp_path / "out"
    data = folder(tmp_path / "halves")
    assert run(["report", "--data", str(data), "--out", str(out)]) == 0
    _, task = only(made(out))
    halves = {one.name: one for one in task.groupings}["half"]
    assert {group.group for group in halves.groups} == {"even", "odd"}
    discovered = next(one for one in task.groupings if one.discovered)
    assert all(70 <= group.size <= 75 for group in discovered.groups)
    assert len(discovered.groups) == 2


def test_equal_runs_give_equal_results_but_for_times(tmp_path: Path) -> None:
    data = folder(tmp_path / "halves", users=60)
    for out in ("a", "b"):
        assert run(["report", "--data", str(data), "--out", str(tmp_path / out)]) == 0
    assert without_times(made(tmp_path / "a")) == without_times(made(tmp_path / "b"))


def test_users_that_are_split_already_are_taken_as_they_are(tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    arguments = [
        "report",
        "--items",
        str(items(tmp_path / "mine" / "items.jsonl")),
        "--warm",
        str(lines(tmp_path / "mine" / "warm.jsonl", votes(range(60)))),
        "--test",
        str(lines(tmp_path / "mine" / "test.jsonl", votes(range(60, 90)))),
        "--out",
        str(tmp_path / "out"),
    ]
    assert run(arguments) == 0
    found, task = only(made(tmp_path / "out"))
    assert (found.name, task.n, task.users) == ("mine", 30 * 12, 30)


def test_reports_made_before_are_joined(tmp_path: Path) -> None:
    outs = []
    for name in ("one", "two"):
        data = folder(tmp_path / name, users=40)
        outs.append(tmp_path / f"out-{name}")
        assert run(["report", "--data", str(data), "--out", str(outs[-1])]) == 0
    given = [part for out in outs for part in ("--results", str(out / "report.json"))]
    assert run(["report", *given, "--out", str(tmp_path / "both")]) == 0
    both = made(tmp_path / "both")
    assert both.sets == tuple(found for out in outs for found in made(out).sets)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ([], "one of --data, --results, or --items with --warm and --test is needed"),
        (["--data", "{folder}", "--results", "{file}"], "one of --data, --results"),
        (["--items", "{file}"], "--items, --warm and --test go together"),
        (["--results", "{file}", "--fold", "2"], "--fold goes with --data"),
        (["--data", "{folder}", "--fold", "5"], "--fold"),
        (["--data", "{folder}", "--task", "guessing"], "one of next-item, sign, pairwise"),
        (["--data", "{folder}", "--data", "{folder}"], "have the same name"),
        (["--data", "{folder}/nowhere"], "does not exist"),
    ],
)
def test_wrong_use_is_said_in_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], given: list[str], said: str
) -> None:
    file = items(tmp_path / "items.jsonl")
    filled = [one.format(folder=tmp_path, file=file) for one in given]
    assert run(["report", *filled, "--out", str(tmp_path / "out")]) == 2
    assert said in " ".join(capsys.readouterr().err.split())
    assert not (tmp_path / "out").exists()


def test_what_cannot_be_read_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "empty").mkdir()
    assert run(["report", "--data", str(tmp_path / "empty"), "--out", str(tmp_path / "o")]) == 1
    assert "no items.jsonl or items.jsonl.gz" in capsys.readouterr().err
    other = tmp_path / "other.json"
    other.write_text("{}", encoding="utf-8")
    assert run(["report", "--results", str(other), "--out", str(tmp_path / "o")]) == 1
    assert "not a report" in capsys.readouterr().err


def test_without_the_extra_it_says_so_before_it_begins_to_work(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in [name for name in sys.modules if name.startswith("evaluation.report.")]:
        monkeypatch.delitem(sys.modules, name)
    for name in ("matplotlib", "matplotlib.axes", "matplotlib.figure"):
        monkeypatch.setitem(sys.modules, name, None)
    data = folder(tmp_path / "halves", users=40)
    assert run(["report", "--data", str(data), "--out", str(tmp_path / "out")]) == 1
    assert "pip install 'strata-profiles[report]'" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()
