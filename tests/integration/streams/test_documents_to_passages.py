"""Documents through a real Kafka into Qdrant's segment, and found again."""

from typing import Any, Final

import numpy as np
import pytest
from documents_world import documents_over
from write_side.ground import Ground, Opened, embedder
from write_side.publishing import Event, Raw, publish
from write_side.running import running

from lookup.queries import Lookup
from lookup.routes_documents import Documents
from profiles.ids import event_hash, user_key
from schemas import topics
from schemas.keys import record_key

pytestmark = [pytest.mark.anyio, pytest.mark.stack]

START_S: Final = 1_600_000_000
USERS: Final = ("ann", "bob", "cid", "dan")
SUBJECTS: Final = ("hops and malt", "yeast and water", "oak and smoke", "glass and foam")


def wrote(user: str, name: str, text: str, at_s: int) -> dict[str, Any]:
    return {
        "event_id": f"{user}-{name}-{at_s}",
        "type": "document",
        "occurred_at": START_S + at_s,
        "user_id": user,
        "document_id": name,
        "text": text,
    }


def said(kind: str, user: str, at_s: int, **more: object) -> dict[str, Any]:
    return {
        "event_id": f"{user}-{kind}-{at_s}",
        "type": kind,
        "occurred_at": START_S + at_s,
        "user_id": user,
        **more,
    }


def story() -> list[dict[str, Any]]:
    """Documents in up to five versions each; cid withdraws consent, dan is erased."""
    events = [
        wrote(user, f"d{number}", f"{user} on {SUBJECTS[number]}, {version} times.", at_s)
        for user in USERS
        for number in range(4)
        for version, at_s in enumerate(range(number, 20 + number, 4))
    ]
    events += [wrote("ann", "d3", " ", 90), wrote("ann", "long", "More about foam. " * 400, 5)]
    events.append(said("consent", "cid", 15, data_type="documents", granted=False))
    events.append(said("consent", "cid", 30, data_type="documents", granted=True))
    events.append(said("erasure", "dan", 99))
    return events


def expected() -> dict[str, dict[str, str]]:
    """Per user, the text of the latest version of each document that may be kept."""
    forgotten = {"cid": START_S + 15, "dan": START_S + 99}
    latest: dict[tuple[str, str], dict[str, Any]] = {}
    for event in story():
        if event["type"] != "document":
            continue
        if event["occurred_at"] <= forgotten.get(event["user_id"], 0):
            continue
        place = (event["user_id"], event["document_id"])
        held = latest.get(place)
        if held is None or _order(event) > _order(held):
            latest[place] = event
    found: dict[str, dict[str, str]] = {user: {} for user in USERS}
    for (user, name), event in latest.items():
        if event["text"].strip():
            found[user][name] = event["text"].strip()
    return found


def _order(event: dict[str, Any]) -> tuple[int, int]:
    return event["occurred_at"], event_hash(event["event_id"])


async def kept(opened: Opened) -> dict[str, dict[str, str]]:
    found: dict[str, dict[str, str]] = {}
    for user in USERS:
        key = user_key("default", user)
        passages = await opened.profiles.passages.latest("default", key, limit=10_000)
        texts = found.setdefault(user, {})
        for passage in sorted(passages, key=lambda one: one.index):
            before = texts.get(passage.document_id)
            texts[passage.document_id] = f"{before} {passage.text}" if before else passage.text
    return found


async def test_the_latest_kept_versions_are_passages_whatever_the_order_and_the_restarts(
    ground: Ground,
) -> None:
    told = story()
    events = [told[index] for index in np.random.default_rng(7).permutation(len(told))]
    bad = Raw(
        topic=topics.DOCUMENTS,
        key=record_key("default", "ann"),
        value=b'{"type": "document", "text": "\xff\xfe"}',
    )
    half = len(events) // 2
    halves: tuple[list[Event | Raw], ...] = ([*events[:half]], [bad, *events[half:]])
    for part in halves:
        await publish(ground.bootstrap, part, partitions=ground.partitions)
        async with ground.opened() as opened, running(ground, opened) as work:
            await work.until_quiet(learned=False)
    async with ground.opened() as opened:
        assert await kept(opened) == expected()
    # Everything once more, which brings nothing back.
    await publish(ground.bootstrap, events, partitions=ground.partitions)
    async with ground.opened() as opened, running(ground, opened) as work:
        await work.until_quiet(learned=False)
        assert await kept(opened) == expected()
        documents = _documents(opened)
        answer = await documents.retrieval.retrieve("default", "bob", "smoke from oak")
        assert answer.passages[0].document_id == "d2"
        assert all(passage.text.startswith("bob") for passage in answer.passages)
        erased = await documents.retrieval.retrieve("default", "dan", "smoke from oak")
        assert erased.passages == ()
        context = await documents.contexts.context(
            "default", "bob", query="smoke from oak", token_budget=2_000
        )
        assert '- wrote: "bob on oak and smoke, 4 times." [user; document "d2"' in context.text


def _documents(opened: Opened) -> Documents:
    lookup = Lookup(
        users=opened.profiles.users,
        items=opened.profiles.items,
        personas=opened.profiles.personas,
        cache=opened.live.cache,
        aggregates=opened.live.aggregates,
    )
    return documents_over(
        lookup,
        users=opened.profiles.users,
        items=opened.profiles.items,
        passages=opened.profiles.passages,
        embedder=embedder(),
    )
