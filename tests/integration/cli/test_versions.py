"""A version is built, promoted, rolled back and dropped beside a stack that is being read."""

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import groupby
from pathlib import Path

import httpx
import pytest
from running_stack import RunningUp, Strata

pytestmark = [pytest.mark.stack, pytest.mark.timeout(900)]

READERS = tuple(f"reader-{number}" for number in range(8))
_PAUSE_S = 0.02
FAST = "half_rank = 1.0\n\n[actions.view]\nweight = 3.0\n"

Weights = tuple[tuple[str, float], ...]


@dataclass
class Reading:
    """Batches of profiles, read by a thread as fast as they come.

    Attributes:
        seen: Of each batch, what every known user is interested in, and how much.
    """

    url: str
    seen: list[dict[str, Weights]] = field(default_factory=list)
    failed: list[str] = field(default_factory=list)

    def once(self, client: httpx.Client) -> dict[str, Weights]:
        answer = client.post(f"{self.url}/v1/profiles:batchGet", json={"user_ids": READERS})
        if answer.status_code != 200:
            self.failed.append(answer.text)
            return {}
        return {
            profile["user_id"]: tuple(
                (interest["item_id"], round(interest["worth"], 9))
                for interest in profile["interests"]
            )
            for profile in answer.json()["profiles"]
            if profile["interests"]
        }

    @contextmanager
    def throughout(self) -> Iterator[None]:
        over = threading.Event()

        def read() -> None:
            with httpx.Client(timeout=10.0) as client:
                while not over.wait(_PAUSE_S):
                    self.seen.append(self.once(client))

        reader = threading.Thread(target=read)
        reader.start()
        try:
            yield
        finally:
            over.set()
            reader.join()


def story(path: Path) -> Path:
    """Every reader has seen and bought."""
    events: list[dict[str, object]] = [
        {
            "event_id": f"item-{number}",
            "type": "item",
            "occurred_at": 1_700_000_000,
            "item_id": f"book-{number}",
            "text": f"{('sea', 'ghost')[number % 2]} {number}",
        }
        for number in range(6)
    ]
    events += [
        {
            "event_id": f"event-{reader}-{turn}",
            "type": "interaction",
            "occurred_at": 1_700_000_000 + turn,
            "user_id": reader,
            "item_id": f"book-{(number + turn) % 6}",
            "action": ("view", "buy")[turn % 2],
        }
        for number, reader in enumerate(READERS)
        for turn in range(5)
    ]
    path.write_text("".join(json.dumps(event) + "\n" for event in events))
    return path


def assert_listed(strata: Strata) -> None:
    listed = strata("replay", "list", "--json")
    assert listed.returncode == 0, listed.stderr
    first, other = json.loads(listed.stdout)
    assert (first["shown"], first["in_force"]) == ("live", True)
    assert (other["name"], other["own_policy"], other["workers"]) == ("fast", True, 0)
    assert other["done"] > 0


def test_no_batch_mixes_versions_while_one_is_promoted_and_rolled_back(
    strata: Strata, up: Callable[[], RunningUp], tmp_path: Path
) -> None:
    up()
    assert strata("publish", str(story(tmp_path / "story.jsonl")), "--wait").returncode == 0
    policy = tmp_path / "fast.toml"
    policy.write_text(FAST)
    refused = strata("promote", "fast")
    assert (refused.returncode, "there is no version fast" in refused.stderr) == (1, True)
    built = strata("replay", "--into", "fast", "--nice", "0", "--policy", str(policy))
    assert built.returncode == 0, built.stderr
    assert "put it in force with `strata promote fast`" in built.stdout

    assert_listed(strata)
    compared = strata("replay", "diff", "fast", "--json")
    assert compared.returncode == 0, compared.stderr
    difference = json.loads(compared.stdout)
    assert (difference["names"], difference["users"]) == (["live", "fast"], len(READERS))
    assert (difference["facts"], difference["weighed"]) == (0, len(READERS))
    assert difference["ranked"] == len(READERS)
    assert 0 < difference["largest"][0]["distance"] == difference["distances"][2] < 1

    data = Path(strata.environment["STRATA_DATA_DIR"])
    reading = Reading(json.loads((data / "running.json").read_text())["http_url"])
    with httpx.Client(timeout=10.0) as client:
        live = reading.once(client)
        with reading.throughout():
            promoted = strata("promote", "fast")
            assert promoted.returncode == 0, promoted.stderr
            fast = reading.once(client)
            back = strata("rollback")
            assert back.returncode == 0, back.stderr
            again = reading.once(client)
            assert strata("rollback").returncode == 0
    assert not reading.failed
    assert again == live
    assert live.keys() == fast.keys()
    assert len(live) == len(READERS)
    assert all(live[user] != fast[user] for user in live)
    kinds = ["live" if one == live else "fast" if one == fast else "mixed" for one in reading.seen]
    assert set(kinds) == {"live", "fast"}
    # Whoever has seen one of them in force does not see the other again before it is switched.
    assert [kind for kind, _ in groupby(kinds)] == ["live", "fast", "live", "fast"]

    # Both versions take in what comes now.
    liked = tmp_path / "liked.jsonl"
    event = {"event_id": "new-1", "type": "interaction", "occurred_at": "2026-01-01T00:00:00Z"}
    about = {"user_id": "newcomer", "item_id": "emma", "action": "like"}
    liked.write_text(json.dumps(event | about))
    assert strata("publish", str(liked), "--wait").returncode == 0
    assert events_of(strata, "newcomer") == 1
    assert strata("replay", "drop", "fast").returncode == 1
    assert strata("rollback").returncode == 0
    assert events_of(strata, "newcomer") == 1
    dropped = strata("replay", "drop", "fast")
    assert dropped.returncode == 0, dropped.stderr
    assert list((data / "qdrant").glob("*--fast*_v1")) == []
    assert strata("rollback").returncode == 1


def events_of(strata: Strata, user: str) -> int:
    for _ in range(20):
        known: int = json.loads(strata("profile", user, "--json").stdout)["evidence"]["events"]
        if known:
            return known
    return 0
