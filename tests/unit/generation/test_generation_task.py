"""What is asked, what each level is told, and that nothing is known before its time."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from generation_world import compared, described, files_of, written
from typer.testing import CliRunner

from evaluation.generation.contexts import Asked, Brief, Context, Writings
from evaluation.generation.extractive import ExtractiveWriter
from evaluation.generation.figures import Judged, generation_report
from evaluation.generation.metrics import Similarity, overlap
from evaluation.generation.run import evaluate_generation
from evaluation.generation.task import Kind
from schemas.fast import decode
from streams.embedding import HashingEmbedder

Event = dict[str, Any]


def asked_of(events: Sequence[Event], *, warm: Sequence[Event] = ()) -> list[Asked]:
    writings = Writings()
    found = []
    for event in warm:
        writings.note(decode(json.dumps(event).encode(), received_ms=10**15))  # type: ignore[arg-type]  # ours are valid
    writings.end_warm()
    for event in events:
        read = decode(json.dumps(event).encode(), received_ms=10**15)
        asked = writings.ask(read)  # type: ignore[arg-type]  # as above
        if asked is not None:
            found.append(asked)
        writings.note(read)  # type: ignore[arg-type]  # as above
    return found


def outputs(brief: Brief) -> set[str]:
    return {told.output for told in brief.told}


def test_no_level_is_told_what_is_to_be_written_or_what_comes_later() -> None:
    events = written(4)
    asked = asked_of(events, warm=written(6, first_at=1, of="w"))
    titles = [event["title"] for event in events]
    for place, one in enumerate(asked):
        assert outputs(one.briefs[Context.USER]) <= set(titles[place % 4 : place : 4])


def test_levels_are_told_of_different_people() -> None:
    asked = asked_of(written(4), warm=[])[-1]
    assert asked.history == 7
    assert outputs(asked.briefs[Context.NONE]) == set()
    assert outputs(asked.briefs[Context.USER]) <= {
        f"What should I know about {one}?"
        for one in ("hops", "malt", "yeast", "casks", "glasses", "cellars", "labels")
    }
    assert "About water now" in outputs(asked.briefs[Context.GLOBAL])


def test_a_persona_is_of_those_who_write_alike() -> None:
    warm = written(20, first_at=1, of="w")
    asked = [one for one in asked_of(written(2, first_at=9_000), warm=warm) if one.history]
    plain = [one for one in asked if one.user_id == "u0"]
    assert plain
    for one in plain:
        said = outputs(one.briefs[Context.PERSONA])
        assert said
        assert all(title.startswith("About ") for title in said)


def test_a_user_without_history_is_told_nothing_of_themselves_and_the_blend_falls_back() -> None:
    (newcomer,) = asked_of(written(1)[:1], warm=written(6, first_at=1, of="w"))
    assert newcomer.history == 0
    assert newcomer.briefs[Context.USER] == newcomer.briefs[Context.NONE]
    assert newcomer.briefs[Context.PERSONA] == newcomer.briefs[Context.NONE]
    assert newcomer.briefs[Context.BLEND] == newcomer.briefs[Context.GLOBAL]


@pytest.mark.parametrize(
    "withdrawal",
    [
        {"type": "erasure"},
        {"type": "consent", "data_type": "documents", "granted": False},
    ],
)
def test_what_was_withdrawn_is_told_to_nobody(withdrawal: Event) -> None:
    events = written(2)
    gone = {**withdrawal, "event_id": "gone", "user_id": "u0", "occurred_at": 150}
    after = [{**event, "occurred_at": event["occurred_at"] + 500} for event in written(2)]
    asked = asked_of([*events, gone, after[0], after[1]])
    assert asked[-2].user_id == "u0"
    assert asked[-2].history == 0
    others = {title for one in asked[-1].briefs.values() for title in outputs(one)}
    assert others & {"About hops now"} == {"About hops now"}  # written again, after the withdrawal
    assert not others & {"About malt now", "About water now"}


def test_consent_for_another_kind_of_data_changes_nothing() -> None:
    gone = {
        "type": "consent",
        "data_type": "interactions",
        "granted": False,
        "event_id": "gone",
        "user_id": "u0",
        "occurred_at": 150,
    }
    asked = asked_of([*written(1), gone, {**written(1)[0], "occurred_at": 600}])
    assert asked[-1].history == 8


def test_a_reason_is_asked_for_with_the_chosen_argument_first() -> None:
    events = [*described(["a", "b"]), *compared("ann", ("b", "a"), 100, "b is better argued")]
    (asked,) = asked_of(events)
    brief = asked.briefs[Context.NONE]
    assert brief.kind is Kind.REASON
    assert brief.chosen
    assert brief.inputs[0].startswith("The case for b")
    assert asked.reference == "b is better argued"


def test_a_reason_without_a_choice_says_so() -> None:
    events = [*described(["a", "b"]), compared("ann", ("b", "a"), 100, "neither convinces")[1]]
    (asked,) = asked_of(events)
    assert not asked.briefs[Context.NONE].chosen


def test_cutting_the_test_file_leaves_earlier_predictions_byte_identical(tmp_path: Path) -> None:
    test = [*written(3), *compared("u1", ("a", "b"), 900, "a is better argued")]
    test += compared("u1", ("b", "a"), 901, "b is better argued")
    parts = {"items": described(["a", "b"]), "warm": written(8, first_at=1, of="w")}

    def predicted(events: Sequence[Event]) -> list[str]:
        files = files_of(tmp_path, test=events, **parts)
        out = tmp_path / "predictions.jsonl"
        evaluate_generation(
            items=files["items"],
            warm=files["warm"],
            test=files["test"],
            writer=ExtractiveWriter(),
            embedder=None,
            predictions=out,
        )
        return out.read_text().splitlines()

    lines = predicted(test)
    assert len(lines) == 5 * 26
    for cut in (1, 10, 25):
        seen = predicted(test[:cut])
        assert seen == lines[: len(seen)]
        assert len(seen) >= 5 * min(cut, 24)


def test_manner_is_taken_from_the_examples() -> None:
    """The same text gets a question from who asks, and fewer words from who is brief."""
    asked = asked_of(written(4), warm=[])
    writer = ExtractiveWriter()
    last = {one.user_id: one.briefs[Context.USER] for one in asked}
    brief, asking = writer.write([last["u0"], last["u1"]])
    assert len(brief.split()) == 3
    assert asking == "What should I know about water?"


def test_the_report_has_the_form_of_every_task_and_names_lifts(tmp_path: Path) -> None:
    runner = CliRunner()
    from cli.main import app

    files = files_of(tmp_path, warm=written(6, first_at=1, of="w"), test=written(4))
    arguments = ["evaluate", "--task", "generation", "--similarity", "hashing:64"]
    for name, path in files.items():
        arguments += [f"--{name}", str(path)]
    out = tmp_path / "report.json"
    result = runner.invoke(app, [*arguments, "--json", str(out)])
    assert result.exit_code == 0, result.output
    report = json.loads(out.read_text())
    assert report["task"] == "generation"
    assert report["n"] == 32
    assert set(report["levels"]) == {"none", "global", "persona", "user", "blend"}
    for level in report["levels"].values():
        assert {"rouge1", "rougeL", "chrf", "similarity", "n"} <= set(level["overall"])
        assert [row["from"] for row in level["by_history"]] == [0, 1, 5]
        assert sum(row["n"] for row in level["by_history"]) == 32
    lift = report["lift"]["user_minus_none"]
    assert lift["with_history"]["n"] == 28
    figures = report["levels"]
    expected = figures["user"]["overall"]["rouge1"] - figures["none"]["overall"]["rouge1"]
    assert lift["overall"]["rouge1"]["mean"] == pytest.approx(expected, abs=1e-5)


def test_personal_context_that_brings_nothing_has_a_lift_of_nothing() -> None:
    figures = {context: {"rouge1": 0.5} for context in Context}
    judged = [Judged(f"e{n}", f"u{n % 3}", n // 3, figures) for n in range(9)]
    report = generation_report(judged, generator="fixed")
    lift: Any = report["lift"]
    assert lift["user_minus_none"]["overall"]["rouge1"] == {"mean": 0.0, "interval": [0.0, 0.0]}


def test_a_lift_is_paired_and_its_interval_is_over_users() -> None:
    """One user gains .4 on many documents; the others nothing: the interval holds zero."""
    judged = []
    for user, count, gain in (("much", 40, 0.4), ("a", 1, 0.0), ("b", 1, 0.0), ("c", 1, 0.0)):
        for number in range(count):
            one = {context: {"rouge1": 0.3} for context in Context}
            one[Context.USER] = {"rouge1": 0.3 + gain}
            judged.append(Judged(f"{user}{number}", user, 1, one))
    report: Any = generation_report(judged, generator="fixed")
    lift = report["lift"]["user_minus_none"]["overall"]["rouge1"]
    assert lift["mean"] == pytest.approx(0.4 * 40 / 43)
    assert lift["interval"][0] == 0.0


def test_nothing_to_write_is_a_report_without_levels() -> None:
    assert generation_report([], generator="fixed")["n"] == 0


def test_overlaps_are_those_of_the_papers() -> None:
    """Two of three words shared, one in order: by hand."""
    found = overlap("red hops taste", "hops red beer")
    assert found["rouge1"] == pytest.approx(2 / 3)
    assert found["rougeL"] == pytest.approx(1 / 3)
    assert overlap("", "anything") == {"rouge1": 0.0, "rougeL": 0.0, "chrf": 0.0}
    assert overlap("麦酒は美味しい", "麦酒は美味しい")["chrf"] == 1.0


def test_similarity_is_the_cosine_of_vectors() -> None:
    embedder = HashingEmbedder(32)
    similar = Similarity(embedder, ["red hops", "green hops", ""])
    a, b = embedder.embed(["red hops", "green hops"])
    assert similar.of("red hops", "green hops") == pytest.approx(float(np.dot(a, b)))
    assert similar.of("red hops", "red hops") == pytest.approx(1.0)
    assert similar.of("", "red hops") == 0.0
