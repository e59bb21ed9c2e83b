"""`strata evaluate` writes figures and predictions in the stable form, or says what is wrong."""

import json
from pathlib import Path

import pytest

from cli.main import run


def votes(path: Path, *users: str) -> Path:
    lines = [
        {
            "event_id": f"{user}-{number}",
            "type": "interaction",
            "occurred_at": 1_600_000_000 + number,
            "user_id": user,
            "item_id": f"i{number % 4}",
            "action": "vote",
            "value": 1 if number % 2 else -1,
        }
        for number in range(8)
        for user in users
    ]
    path.write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")
    return path


def arguments(folder: Path, *more: str) -> list[str]:
    items = folder / "items.jsonl"
    items.write_text(
        "".join(
            json.dumps(
                {
                    "event_id": f"item-{number}",
                    "type": "item",
                    "occurred_at": 1_500_000_000,
                    "item_id": f"i{number}",
                    "text": f"statement {number}",
                }
            )
            + "\n"
            for number in range(4)
        ),
        encoding="utf-8",
    )
    warm = votes(folder / "warm.jsonl", "ann", "bob", "cid")
    test = votes(folder / "test.jsonl", "dan")
    files = ["--items", str(items), "--warm", str(warm), "--test", str(test)]
    return ["evaluate", "--task", "sign", *files, *more]


def test_figures_and_predictions_have_the_stable_form(tmp_path: Path) -> None:
    figures, predictions = tmp_path / "figures.json", tmp_path / "predictions.jsonl"
    outputs = ["--json", str(figures), "--predictions", str(predictions)]
    assert run(arguments(tmp_path, *outputs)) == 0
    report = json.loads(figures.read_text())
    assert (report["task"], report["n"]) == ("sign", 8)
    assert set(report["levels"]) == {"global", "persona", "user", "blend"}
    overall = report["levels"]["blend"]["overall"]
    assert overall["n"] == 8
    assert 0.0 <= overall["accuracy"] <= 1.0
    assert [(row["from"], row["to"]) for row in report["levels"]["user"]["by_history"]][:3] == [
        (0, 0),
        (1, 4),
        (5, 19),
    ]
    lines = [json.loads(line) for line in predictions.read_text().splitlines()]
    assert {line["event_id"] for line in lines} == {f"dan-{number}" for number in range(8)}
    assert {"event_id", "level", "score"} <= set(lines[0])


def test_without_a_file_the_figures_are_printed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(arguments(tmp_path)) == 0
    assert json.loads(capsys.readouterr().out)["task"] == "sign"


def test_an_unknown_task_is_wrong_use(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    wrong = arguments(tmp_path)
    wrong[2] = "guessing"
    assert run(wrong) == 2
    assert "one of next-item, sign, pairwise" in capsys.readouterr().err


def test_a_line_that_is_no_event_is_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    wrong = arguments(tmp_path)
    (tmp_path / "test.jsonl").write_text("{\n", encoding="utf-8")
    assert run(wrong) == 1
    assert "test.jsonl:1" in capsys.readouterr().err


def test_retrieval_has_its_own_report_and_no_predictions(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STRATA_EMBEDDING_MODEL", "hashing")
    asked = ["retrieval" if one == "sign" else one for one in arguments(tmp_path)]
    assert run(asked) == 0
    report = json.loads(capsys.readouterr().out)
    assert (report["task"], report["n"], report["levels"]) == ("retrieval", 0, {})
    assert run([*asked, "--predictions", str(tmp_path / "p.jsonl")]) == 2
