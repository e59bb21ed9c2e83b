"""Commands that talk to a running stack, as processes of their own."""

import asyncio
import json
import re
from dataclasses import dataclass
from pathlib import Path

import pytest
from aiokafka import AIOKafkaProducer
from running_stack import Strata

pytestmark = [pytest.mark.stack, pytest.mark.timeout(300)]
VIEW = {
    "event_id": "e1",
    "type": "interaction",
    "occurred_at": "2024-01-01T00:00:00Z",
    "user_id": "anna",
    "item_id": "moby",
    "action": "view",
}


@dataclass(frozen=True, slots=True)
class Known:
    events: int
    items: frozenset[str]


def known_of(strata: Strata, user_id: str) -> Known:
    profile = json.loads(strata("profile", user_id, "--json").stdout)
    return Known(
        profile["evidence"]["events"],
        frozenset(interest["item_id"] for interest in profile["interests"]),
    )


def counted_events(strata: Strata) -> int:
    statistics = json.loads(strata("statistics", "--json").stdout)
    return sum(sum(by_action.values()) for by_action in statistics["events"].values())


def counted_documents(strata: Strata) -> int:
    statistics = json.loads(strata("statistics", "--json").stdout)
    return sum(statistics["events"].get("documents", {}).values())


def assert_documents_counted(strata: Strata, number: int) -> None:
    for _ in range(30):
        if counted_documents(strata) == number:
            break
    assert counted_documents(strata) == number


def send_raw(strata: Strata, key: bytes, value: bytes) -> None:
    running = Path(strata.environment["STRATA_DATA_DIR"]) / "running.json"
    bootstrap = json.loads(running.read_text())["kafka_bootstrap"]

    async def send() -> None:
        producer = AIOKafkaProducer(bootstrap_servers=bootstrap)
        await producer.start()
        try:
            await producer.send_and_wait("strata.interactions", value, key=key)
        finally:
            await producer.stop()

    asyncio.run(send())


def test_what_was_published_is_in_profiles_and_statistics(
    standing: Strata, shop_files: tuple[Path, Path]
) -> None:
    published = standing("publish", *map(str, shop_files), "--wait")
    assert published.returncode == 0, published.stderr
    assert "in effect after" in published.stdout
    sent = [json.loads(line) for line in shop_files[1].read_text().splitlines()]
    of_ada = [event for event in sent if event["user_id"] == "ada"]
    assert known_of(standing, "ada").events == len(of_ada)

    rebuilt = standing("statistics", "--rebuild", "--json")
    assert rebuilt.returncode == 0, rebuilt.stderr
    for _ in range(30):
        if counted_events(standing) == len(sent):
            break
    assert counted_events(standing) == len(sent)
    assert not json.loads(standing("statistics", "--json").stdout)["stale"]


def test_a_healthy_stack_has_nothing_wrong(standing: Strata) -> None:
    examined = standing("doctor", "--json")
    assert examined.returncode == 0, examined.stdout
    findings = {row["about"]: row for row in json.loads(examined.stdout)}
    assert findings["lag"]["found"] == "every record has been taken in"
    assert "12 exist" in findings["topics"]["found"]
    assert findings["topic settings"]["verdict"] == "ok"


def test_invalid_lines_are_named_and_the_others_sent(standing: Strata, tmp_path: Path) -> None:
    mixed = tmp_path / "mixed.jsonl"
    mixed.write_text(json.dumps(VIEW | {"user_id": "bert"}) + "\nnot json\n")
    published = standing("publish", str(mixed), "--wait")
    assert published.returncode == 1
    assert f"{mixed}:2: not-json" in published.stderr
    assert published.stderr.splitlines()[-1].startswith("strata: 1 invalid lines were not sent")
    assert known_of(standing, "bert") == Known(1, frozenset({"moby"}))
    assert standing("publish", str(mixed), "--allow-invalid").returncode == 0


def test_a_refused_record_can_be_listed_shown_corrected_and_sent_again(
    standing: Strata, tmp_path: Path
) -> None:
    send_raw(standing, b"anna", b'{"half": \x1b[31m')
    for _ in range(30):
        letters = json.loads(standing("dead-letters", "list", "--json").stdout)
        if letters:
            break
    (letter,) = letters
    position = str(letter["position"])
    assert (letter["reason"], letter["cut"]) == ("not-json", False)
    shown = standing("dead-letters", "show", position)
    assert '{"half": \\x1b[31m' in shown.stdout
    assert "\x1b" not in shown.stdout

    again = standing("dead-letters", "republish", position)
    assert again.returncode == 1
    assert re.fullmatch(r"strata: [^\n]+ would be refused again: not-json[^\n]+\n", again.stderr)

    corrected = tmp_path / "corrected.json"
    corrected.write_text(json.dumps(VIEW))
    sent = standing("dead-letters", "republish", position, "--value-from", str(corrected))
    assert sent.returncode == 0, sent.stderr
    for _ in range(30):
        if (known := known_of(standing, "anna")).events:
            break
    assert known == Known(1, frozenset({"moby"}))


def test_a_removed_line_is_out_of_profile_counters_and_passages_and_stays_out(
    standing: Strata, tmp_path: Path
) -> None:
    def published(*events: dict[str, object]) -> None:
        path = tmp_path / "events.jsonl"
        path.write_text("".join(json.dumps(event) + "\n" for event in events))
        sent = standing("publish", str(path), "--wait")
        assert sent.returncode == 0, sent.stderr

    def mine() -> dict[str, list[str]]:
        found = json.loads(standing("profile", "remi", "--mine", "--json").stdout)
        return {kind["data_type"]: [one["id"] for one in kind["lines"]] for kind in found["kinds"]}

    def removal(number: int, **named: str) -> dict[str, object]:
        return {
            "event_id": f"remi-removes-{number}",
            "type": "removal",
            "occurred_at": "2024-05-03T00:00:00Z",
            "user_id": "remi",
            **named,
        }

    at = "2024-05-01T12:00:00Z"
    common = {"user_id": "remi", "occurred_at": at}
    kept: tuple[dict[str, object], ...] = (
        {"event_id": "r1", "type": "interaction", "item_id": "x", "action": "like", **common},
        {"event_id": "r2", "type": "document", "document_id": "d", "text": "A secret.", **common},
        {"event_id": "r3", "type": "attributes", "attributes": {"city": "Ghent"}, **common},
    )
    before = counted_documents(standing)
    published(*kept)
    assert_documents_counted(standing, before + 1)
    assert {kind: len(ids) for kind, ids in mine().items()} == {
        "attributes": 1,
        "documents": 1,
        "interactions": 1,
        "preferences": 0,
    }
    gone = (
        removal(1, data_type="interactions", removed_id="r1", removed_at=at),
        removal(2, data_type="documents", removed_id="r2", removed_at=at),
        removal(3, data_type="attributes", attribute="city"),
    )
    published(*gone)
    published(*kept)
    assert not any(mine().values())
    profile = json.loads(standing("profile", "remi", "--json").stdout)
    assert (profile["interests"], profile["attributes"]) == ([], {})
    assert "A secret." not in standing("export", "remi").stdout
    assert_documents_counted(standing, before)
