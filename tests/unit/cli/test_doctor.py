import json

import pytest
from command_line import Command

from cli.doctor.findings import Verdict
from cli.doctor.machine import examine_machine
from cli.doctor.spaces import space_findings
from cli.settings import Settings
from schemas.announcements import PersonaAnnouncement


def test_without_a_stack_it_says_what_to_start(strata: Command) -> None:
    outcome = strata("doctor", "--json")
    assert outcome.code == 1
    (trouble,) = [row for row in json.loads(outcome.out) if row["verdict"] == "wrong"]
    assert (trouble["about"], trouble["advice"]) == ("stack", "run `strata up`")


def test_every_server_that_is_not_there_is_told_with_advice(
    strata: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STRATA_KAFKA_BOOTSTRAP", "127.0.0.1:9")
    monkeypatch.setenv("STRATA_REDIS_URL", "redis://:secret@127.0.0.1:9")
    monkeypatch.setenv("STRATA_QDRANT_URL", "http://:secret@127.0.0.1:9")
    monkeypatch.setenv("STRATA_HTTP_PORT", "9")
    outcome = strata("doctor")
    assert outcome.code == 1
    assert outcome.err == "strata: 4 of 10 findings need attention\n"
    for part in ("Kafka", "Redis", "Qdrant", "lookup"):
        assert f"WRONG  {part}" in outcome.out
    assert outcome.out.count("→ start") == 4
    assert "secret" not in outcome.out


def test_a_misspelt_variable_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STRATA_KAFKA_BOOTSTRAPS", "kafka:9092")
    findings = list(examine_machine(Settings(), embedded=False))
    (noticed,) = [finding for finding in findings if finding.about == "settings"]
    assert (noticed.verdict, noticed.found) == (
        Verdict.NOTE,
        "no setting is called STRATA_KAFKA_BOOTSTRAPS",
    )


def test_a_full_disk_is_wrong(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("cli.doctor.machine.free_bytes", lambda _: 1_000)
    (disk,) = [f for f in examine_machine(Settings(), embedded=True) if f.about == "disk"]
    assert disk.verdict is Verdict.WRONG


HOUR_MS = 3_600_000


def announced(at_ms: int, tenant: str, version: int, space: int) -> tuple[int, PersonaAnnouncement]:
    return at_ms, PersonaAnnouncement(tenant, version, 1, {}, space)


def test_an_item_space_is_as_old_as_the_first_word_of_it() -> None:
    said = [
        announced(0, "shop", 1, 0),
        announced(1 * HOUR_MS, "shop", 2, 1),
        announced(2 * HOUR_MS, "shop", 3, 2),
        announced(4 * HOUR_MS, "shop", 4, 2),
        announced(5 * HOUR_MS, "forum", 1, 0),
    ]
    (found,) = space_findings(said, now_ms=5 * HOUR_MS)
    assert (found.verdict, found.found) == (Verdict.OK, "shop: version 2, 3.0 h old")


def test_an_item_space_that_nobody_learned_anew_for_days_is_noted_with_what_to_do() -> None:
    said = [announced(0, "shop", 1, 1), announced(90 * HOUR_MS, "forum", 1, 7)]
    (found,) = space_findings(said, now_ms=96 * HOUR_MS)
    assert found.verdict is Verdict.NOTE
    assert found.found == "shop: version 1, 4.0 d old, forum: version 7, 6.0 h old"
    assert "partition 0" in found.advice


def test_before_anything_was_learned_there_is_no_space_to_be_old() -> None:
    for said in ([], [announced(0, "shop", 1, 0)]):
        (found,) = space_findings(said, now_ms=HOUR_MS)
        assert found.verdict is Verdict.OK
        assert "none has been learned yet" in found.found
