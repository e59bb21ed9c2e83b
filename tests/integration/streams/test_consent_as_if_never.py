"""Withdrawing one kind of data, against a run in which those users never had any of it."""

import os
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Final

import msgspec
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
from write_side.observing import Observed, observe
from write_side.publishing import Event, publish

from profiles.ids import user_key
from profiles.privacy.data_policy import Consent, DataPolicy, DataRule
from profiles.state import CONSENTED, DataType

pytestmark = [pytest.mark.anyio, pytest.mark.stack]

USERS: Final = int(os.environ.get("CONSENT_USERS", "40"))
KINDS: Final = tuple(sorted(CONSENTED))
# One in ten withdraws each kind.
WITHDRAWN: Final = {
    named(number): KINDS[number % 10] for number in range(USERS) if number % 10 < len(KINDS)
}
KIND_OF: Final = {
    "interaction": DataType.INTERACTIONS,
    "preference": DataType.PREFERENCES,
    "document": DataType.DOCUMENTS,
    "attributes": DataType.ATTRIBUTES,
}


def said(user: str, kind: DataType, at_s: int, *, granted: bool) -> Event:
    return {
        "event_id": f"{user} says {granted} to {kind} at {at_s}",
        "type": "consent",
        "occurred_at": START_S + at_s,
        "user_id": user,
        "data_type": kind.value,
        "granted": granted,
    }


def lived(at_s: int, *, chance: np.random.Generator, all_of_it: bool) -> Iterator[Event]:
    """Everybody's life at a time, or without what is withdrawn."""
    for number in range(USERS):
        user = named(number)
        for event in life(user, chance, at_s):
            if all_of_it or KIND_OF[event["type"]] != WITHDRAWN.get(user):
                yield event


@dataclass(frozen=True)
class Story:
    """What is published, each part once the one before it lies in Kafka."""

    granted: list[Event]
    before: list[Event]
    withdrawn: list[Event]
    after: list[Event]


def told(*, mode: Consent, there: bool) -> Story:
    """Lives in the middle of which consents are withdrawn.

    Args:
        there: What is withdrawn was there, and where the withdrawal lasts it comes again.
    """
    chance = np.random.default_rng(5)
    asked = [(named(number), kind) for number in range(USERS) for kind in KINDS]
    return Story(
        granted=[
            *described_items(),
            *(said(*one, 1, granted=True) for one in asked if mode is Consent.OPT_IN),
        ],
        before=list(lived(100, chance=chance, all_of_it=there)),
        withdrawn=[said(user, kind, 500, granted=False) for user, kind in WITHDRAWN.items()],
        after=list(lived(1_000, chance=chance, all_of_it=there and mode is not Consent.NOT_NEEDED)),
    )


async def observed_after(
    ground: Ground, policy: DataPolicy, *, mode: Consent, there: bool
) -> tuple[Observed, dict[str, int]]:
    story = told(mode=mode, there=there)
    await fresh_topics(ground.bootstrap, partitions=ground.partitions)
    async with at_work(ground, data_policy=policy) as (opened, work):
        # The order of what is published at once is nobody's.
        await publish(ground.bootstrap, story.granted, partitions=ground.partitions)
        await taken_in(ground, work, story.before)
        await publish(ground.bootstrap, story.withdrawn, partitions=ground.partitions)
        await taken_in(ground, work, story.after)
        counts = work.worker.duties.profiles.counts
        if mode is Consent.NOT_NEEDED or not there:
            assert counts["refused"] == 0
        else:
            assert counts["refused"] > 0
        assert counts["dead-letters"] == 0
        return await observe(ground, opened), await passages(opened)


async def passages(opened: Opened) -> dict[str, int]:
    store = opened.profiles.passages
    return {
        named(number): await store.count(tenant="default", user=user_key("default", named(number)))
        for number in range(USERS)
    }


@pytest.mark.parametrize("mode", [Consent.NOT_NEEDED, Consent.OPT_IN])
async def test_what_was_withdrawn_is_as_if_it_had_never_been(ground: Ground, mode: Consent) -> None:
    policy = DataPolicy({kind: DataRule(consent=mode) for kind in KINDS})
    never = replace(ground, namespace=f"{ground.namespace}-never")
    expected, no_passages = await observed_after(never, policy, mode=mode, there=False)
    found, left = await observed_after(ground, policy, mode=mode, there=True)

    assert_equal(found, expected)
    assert left == no_passages
    for name, view in found.cached.items():
        twin = expected.cached[name]
        assert view is not None
        assert twin is not None
        times = {"version": 0, "written_ms": 0}
        assert msgspec.structs.replace(view, **times) == msgspec.structs.replace(twin, **times)
    # All of it was there, of those who did not withdraw it.
    for kind in KINDS:
        stays = sum(
            kind.value in {name.split("/")[0] for name in view.totals}
            for view in found.cached.values()
            if view is not None
        )
        assert stays == USERS - sum(one is kind for one in WITHDRAWN.values())
