"""Lookups, live events and a replay beside each other; `make replay-beside-live` is longer."""

import asyncio

import pytest
from beside.run import Scale, beside_live
from beside.traffic import FADING
from running_stack import Strata

pytestmark = [pytest.mark.stack, pytest.mark.timeout(600)]


def say(line: str) -> None:
    """Shown with a failure."""
    print(line)  # noqa: T201 - pytest keeps it until it is wanted


def test_no_answer_mixes_versions_and_both_count_every_event_that_was_published(
    strata: Strata,
) -> None:
    scale = Scale(
        events=10_000,
        users=500,
        rate=100.0,
        lookups=40.0,
        before_s=1.0,
        after_s=1.0,
        patience_s=300,
        policy=FADING,
    )
    account = asyncio.run(beside_live(strata, scale, say))
    assert account.is_well, str(account)
    assert account.judgement is not None
    assert account.judgement.with_popular > 0
    assert account.live > 0
    assert [one["users"] for one in account.compared.values()] == [len(account.published)] * 2
