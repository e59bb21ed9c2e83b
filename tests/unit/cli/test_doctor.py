import json

import pytest
from command_line import Command

from cli.doctor.findings import Verdict
from cli.doctor.machine import examine_machine
from cli.settings import Settings


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
