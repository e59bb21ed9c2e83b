"""Answers that are kept for a while: what every adapter does alike."""

import asyncio

import pytest

from stores.answers import MemoryAnswerStore
from stores.connect import RedisStores

pytestmark = pytest.mark.anyio


async def test_a_name_is_claimed_once(redis_stores: RedisStores) -> None:
    answers = redis_stores.answers
    assert await answers.claim(b"n", b"first\0\xff", lasting_s=60) is None
    assert await answers.claim(b"n", b"second", lasting_s=60) == b"first\0\xff"
    assert await answers.claim(b"other", b"second", lasting_s=60) is None


async def test_of_many_at_one_moment_one_claims(redis_stores: RedisStores) -> None:
    answers = redis_stores.answers
    found = await asyncio.gather(
        *(answers.claim(b"n", b"%d" % number, lasting_s=60) for number in range(20))
    )
    assert found.count(None) == 1
    assert {body for body in found if body is not None} == {b"%d" % found.index(None)}


async def test_what_is_kept_replaces_the_claim(redis_stores: RedisStores) -> None:
    answers = redis_stores.answers
    await answers.claim(b"n", b"claim", lasting_s=60)
    await answers.keep(b"n", b"answer", lasting_s=60)
    assert await answers.claim(b"n", b"again", lasting_s=60) == b"answer"


async def test_a_dropped_claim_may_be_made_again(redis_stores: RedisStores) -> None:
    answers = redis_stores.answers
    await answers.claim(b"n", b"claim", lasting_s=60)
    await answers.drop(b"n")
    assert await answers.claim(b"n", b"again", lasting_s=60) is None
    await answers.drop(b"never claimed")


async def test_answers_are_forgotten_after_their_time(redis_stores: RedisStores) -> None:
    answers = redis_stores.answers
    await answers.claim(b"claimed", b"claim", lasting_s=1)
    await answers.keep(b"kept", b"answer", lasting_s=1)
    await asyncio.sleep(1.2)
    assert await answers.claim(b"claimed", b"x", lasting_s=60) is None
    assert await answers.claim(b"kept", b"x", lasting_s=60) is None


async def test_in_memory_forgetting_frees_the_space() -> None:
    now_s = 0.0
    answers = MemoryAnswerStore(lambda: now_s)
    for number in range(100):
        await answers.claim(b"%d" % number, b"", lasting_s=10)
    now_s = 10.0
    await answers.claim(b"new", b"", lasting_s=10)
    assert len(answers._held) == 1
