"""Erasing users in the middle of a stream, against a run in which they never existed."""

import json
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import numpy as np
import pytest
from write_side.as_if_never import (
    START_S,
    assert_equal,
    at_work,
    described_items,
    life,
    named,
    taken_in,
)
from write_side.ground import Ground, Opened, fresh_topics
from write_side.observing import observe
from write_side.publishing import Event, Raw, publish
from write_side.waiting import eventually

from cli.letters import Letter, read_letters
from local.directory import DataDirectory
from local.redis import RedisServer
from profiles.ids import user_key
from profiles.privacy.pseudonyms import receipt_key, secret_of
from schemas import topics

pytestmark = [pytest.mark.anyio, pytest.mark.stack]

USERS: Final = int(os.environ.get("ERASURE_USERS", "200"))
ERASED: Final = USERS // 10
SECRET: Final = secret_of("of the tests")
WITHIN_S: Final = 150.0 + USERS / 10
"""Longest wait for the files to be written anew, on a machine that is busy."""


LEAVING: Final = [named(number) for number in range(0, USERS, 10)]
STAYING: Final = [named(number) for number in range(USERS) if number % 10]


@dataclass(frozen=True)
class Story:
    """What is published before anybody is erased, the erasures, and what comes after."""

    before: list[Event]
    erasures: list[Event]
    after: list[Event]

    def without(self, users: Sequence[str]) -> "Story":
        gone = set(users)

        def kept(events: list[Event]) -> list[Event]:
            return [event for event in events if event.get("user_id") not in gone]

        return Story(kept(self.before), kept(self.erasures), kept(self.after))


def told() -> Story:
    chance = np.random.default_rng(11)
    everyone = sorted([*LEAVING, *STAYING])
    before = [
        *described_items(),
        *(event for user in everyone for event in life(user, chance, 100)),
    ]
    erasures: list[Event] = [
        {
            "event_id": f"erasure of {user}",
            "type": "erasure",
            "occurred_at": START_S + 500,
            "user_id": user,
        }
        for user in LEAVING
    ]
    after = [event for user in STAYING for event in life(user, chance, 1_000)]
    return Story(before, erasures, after)


@pytest.fixture
def own_redis(tmp_path: Path) -> Iterator[tuple[str, Path]]:
    """A Redis whose files are the test's own to search."""
    place = tmp_path / "redis of the test"
    with DataDirectory.lock(place) as directory, RedisServer(directory) as server:
        yield server.start(), place


async def until_complete(opened: Opened) -> None:
    """Every receipt says that nothing is left, in no store and in no file."""

    async def complete() -> bool:
        for user in LEAVING:
            key = receipt_key(SECRET, "default", f"erasure of {user}")
            receipt = await opened.profiles.erasures.receipt(key)
            if receipt is None or receipt.rewritten_ms is None:
                return False
        return True

    await eventually(complete, timeout_s=WITHIN_S)


async def until_removed(opened: Opened) -> None:
    keys = [user_key("default", user) for user in LEAVING]

    async def removed() -> bool:
        return not any(await opened.profiles.users.read(keys))

    await eventually(removed, timeout_s=WITHIN_S)


def files_with(places: Sequence[Path], texts: Sequence[str]) -> list[str]:
    """Files that hold one of the texts anywhere in their bytes."""
    wanted = [text.encode() for text in texts]
    found = []
    for place in places:
        for path in place.rglob("*"):
            if path.is_file():
                content = path.read_bytes()
                found += [f"{path}: {text!r}" for text in wanted if text in content]
    return found


def refused(users: Sequence[str]) -> list[Raw]:
    """Records that are no events, under their keys and under somebody else's."""
    events = [{"type": "interaction", "user_id": user, "item_id": ""} for user in users]
    return [
        Raw(topic=topics.INTERACTIONS, key=key, value=json.dumps(event).encode())
        for event in events
        for key in (str(event["user_id"]).encode(), STAYING[0].encode())
    ]


async def letters_of(bootstrap: str, users: Sequence[str]) -> list[Letter]:
    letters = await read_letters(bootstrap, raw_of=lambda _: True)
    return [
        one for one in letters if any(user.encode() in (one.key or b"") + one.raw for user in users)
    ]


async def test_erased_users_are_as_if_they_had_never_existed(
    ground: Ground, own_redis: tuple[str, Path]
) -> None:
    redis_url, redis_place = own_redis
    places = [Path(ground.directory), redis_place]
    story = told()

    never = replace(ground, namespace=f"{ground.namespace}-never", redis_url=redis_url)
    without = story.without(LEAVING)
    async with at_work(never) as (opened, work):
        await taken_in(never, work, without.before)
        await taken_in(never, work, without.after)
        expected = await observe(never, opened)

    erased = replace(ground, redis_url=redis_url)
    await fresh_topics(ground.bootstrap, partitions=ground.partitions)
    async with at_work(erased) as (opened, work):
        await taken_in(erased, work, story.before)
        await publish(ground.bootstrap, refused(LEAVING), partitions=ground.partitions)
        await work.until_quiet(learned=False)
        assert len(await letters_of(ground.bootstrap, LEAVING)) == 2 * len(LEAVING)
        # What is to be found can be found.
        assert len(files_with(places, LEAVING)) >= ERASED
        await publish(ground.bootstrap, story.erasures, partitions=ground.partitions)
        await taken_in(erased, work, story.after)
        await until_complete(opened)
        assert_equal(await observe(erased, opened), expected)
        assert files_with(places, LEAVING) == []
        assert await letters_of(ground.bootstrap, LEAVING) == []

        # A replay of everything, with nothing remembered of what was read.
        await publish(ground.bootstrap, refused(LEAVING), partitions=ground.partitions)
        await taken_in(erased, work, [*story.before, *story.erasures])
        await until_removed(opened)

        async def no_letters() -> bool:
            return not await letters_of(ground.bootstrap, LEAVING)

        await eventually(no_letters, timeout_s=WITHIN_S, poll_s=1.0)
        await work.until_quiet(learned=False)
        assert_equal(await observe(erased, opened), expected)
        assert await opened.profiles.passages.count() == len(STAYING) * 2
