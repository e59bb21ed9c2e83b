"""`strata up` and the commands that talk to it, as processes of their own."""

import json
import re
import signal
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest
from running_stack import RunningUp, Strata

pytestmark = [pytest.mark.stack, pytest.mark.timeout(300)]
Up = Callable[[], RunningUp]


def gone(processes: list[psutil.Process], *, within_s: float) -> bool:
    _, alive = psutil.wait_procs(processes, timeout=within_s)
    return not alive


def test_events_published_show_in_answers_and_survive_a_restart(
    strata: Strata, up: Up, shop_files: tuple[Path, Path]
) -> None:
    running = up()
    assert running.children

    published = strata("publish", *map(str, shop_files), "--wait")
    assert published.returncode == 0, published.stderr
    assert re.search(r"published [\d,]+ events", published.stdout)
    assert "in effect after" in published.stdout
    before = strata("profile", "ada", "--json")
    profile = json.loads(before.stdout)
    sent = [json.loads(line) for line in shop_files[1].read_text().splitlines()]
    of_ada = [event for event in sent if event["user_id"] == "ada"]
    assert profile["evidence"]["events"] == len(of_ada)
    assert profile["interests"][0]["title"]

    second = strata("up")
    assert second.returncode == 1
    assert re.fullmatch(
        rf"strata: data directory .+ is in use by process {running.process.pid}\n", second.stderr
    )

    rebuilt = strata("statistics", "--rebuild", "--json")
    assert rebuilt.returncode == 0, rebuilt.stderr
    statistics = json.loads(rebuilt.stdout)
    assert sum(sum(counts.values()) for counts in statistics["events"].values()) == len(sent)

    examined = strata("doctor", "--json")
    assert examined.returncode == 0, examined.stdout
    findings = {row["about"]: row for row in json.loads(examined.stdout)}
    assert findings["lag"]["found"] == "every record has been taken in"
    assert findings["statistics"]["found"].endswith("epoch 2")

    running.process.send_signal(signal.SIGTERM)
    assert running.process.wait(timeout=40) == 0
    assert gone(running.children, within_s=1)
    stopped = strata("profile", "ada")
    assert stopped.returncode == 1
    assert "no stack is running" in stopped.stderr

    up()
    after = strata("profile", "ada", "--json")
    assert json.loads(after.stdout) == profile


def test_a_refused_record_can_be_listed_shown_corrected_and_sent_again(
    strata: Strata, up: Up, tmp_path: Path
) -> None:
    up()
    assert "no dead letters" in strata("dead-letters", "list").stdout
    bad = tmp_path / "bad.jsonl"
    view = {
        "event_id": "e1",
        "type": "interaction",
        "occurred_at": "2024-01-01T00:00:00Z",
        "user_id": "anna",
        "item_id": "moby",
        "action": "view",
    }
    bad.write_text(json.dumps(view) + "\nnot json\n")
    published = strata("publish", str(bad), "--wait")
    assert published.returncode == 1
    assert f"{bad}:2: not-json" in published.stderr
    assert "1 invalid lines were not sent" in published.stderr.splitlines()[-1]
    assert strata("publish", str(bad), "--allow-invalid").returncode == 0

    address = json.loads((Path(strata.environment["STRATA_DATA_DIR"]) / "running.json").read_text())
    send_raw(address["kafka_bootstrap"], b"anna", b'{"half": \x1b[31m')
    listed = wait_for_letters(strata)
    (letter,) = listed
    assert (letter["reason"], letter["cut"]) == ("not-json", False)
    shown = strata("dead-letters", "show", letter["position"])
    assert '{"half": \\x1b[31m' in shown.stdout
    assert "\x1b" not in shown.stdout

    again = strata("dead-letters", "republish", letter["position"])
    assert again.returncode == 1
    assert "would be refused again: not-json" in again.stderr
    corrected = tmp_path / "corrected.json"
    corrected.write_text(json.dumps(view | {"event_id": "e2", "item_id": "omoo"}))
    sent = strata("dead-letters", "republish", letter["position"], "--value-from", str(corrected))
    assert sent.returncode == 0, sent.stderr
    known = wait_for_profile(strata, "anna", events=2)
    assert {interest["item_id"] for interest in known["interests"]} == {"moby", "omoo"}


def send_raw(bootstrap: str, key: bytes, value: bytes) -> None:
    import asyncio

    from aiokafka import AIOKafkaProducer

    async def send() -> None:
        producer = AIOKafkaProducer(bootstrap_servers=bootstrap)
        await producer.start()
        try:
            await producer.send_and_wait("strata.interactions", value, key=key)
        finally:
            await producer.stop()

    asyncio.run(send())


def wait_for_letters(strata: Strata) -> list[dict[str, object]]:
    for _ in range(30):
        letters: list[dict[str, object]] = json.loads(
            strata("dead-letters", "list", "--json").stdout
        )
        if letters:
            return letters
    pytest.fail("no dead letter came")


def wait_for_profile(strata: Strata, user_id: str, *, events: int) -> dict[str, object]:
    for _ in range(30):
        profile: dict[str, object] = json.loads(strata("profile", user_id, "--json").stdout)
        evidence = profile["evidence"]
        if isinstance(evidence, dict) and evidence["events"] == events:
            return profile
    pytest.fail(f"{user_id} did not reach {events} events")


def test_a_child_that_dies_ends_everything_with_one_line(strata: Strata, up: Up) -> None:
    running = up()
    (kafka,) = [child for child in running.children if "java" in child.name()]
    kafka.kill()
    assert running.process.wait(timeout=60) == 1
    assert gone(running.children, within_s=5)
    assert running.log.read_text().splitlines()[-1].startswith("strata: kafka died")
    assert "no stack is running" in strata("personas").stderr


def test_what_a_killed_stack_leaves_does_not_mislead(strata: Strata, up: Up) -> None:
    running = up()
    running.process.kill()
    running.process.wait()
    assert gone(running.children, within_s=20)
    assert "ended without notice: run `strata up`" in strata("personas").stderr
    up()
    assert strata("personas").returncode == 0
