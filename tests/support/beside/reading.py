"""Reading profiles by the clock, and judging which version each answer is of."""

import asyncio
import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

import aiohttp
import msgspec

from benchmarks.spread import quantile
from beside.traffic import LIKED, MISLIKED, READERS

__all__ = ["Answer", "Judgement", "Reading", "Told", "judged", "latencies"]

_TIMEOUT_S: Final = 60.0
_CONNECTIONS: Final = 256
_BATCHED_EACH: Final = 10
"""Each tenth request asks for several readers in one batch."""
_BATCH: Final = 8
# Numbers of requests that ask for each reader once, none of them in a batch.
_EACH_ALONE: Final = tuple(
    next(number for number in range(reader, 1_000, len(READERS)) if number % _BATCHED_EACH)
    for reader in range(len(READERS))
)


class _Interest(msgspec.Struct, frozen=True):
    item_id: str
    worth: float


class _Popular(msgspec.Struct, frozen=True):
    item_id: str


class _Profile(msgspec.Struct, frozen=True):
    user_id: str
    interests: tuple[_Interest, ...]
    dislikes: tuple[_Interest, ...]
    popular: tuple[_Popular, ...]


class _Batch(msgspec.Struct, frozen=True):
    profiles: tuple[_Profile, ...]


_one: Final = msgspec.json.Decoder(_Profile)
_batch: Final = msgspec.json.Decoder(_Batch)

Told = tuple[tuple[str, float], ...]
"""What a user likes and dislikes, by how much."""


@dataclass(frozen=True, slots=True)
class Answer:
    """To one request.

    Attributes:
        due_s, sent_s, done_s: Seconds of one clock that only grows.
        told: By user; empty if there was no answer.
        popular: Of the two items that tell versions apart, those that were popular in any
            of the answer's profiles.
        failed: Status, or name of the error.
    """

    due_s: float
    sent_s: float
    done_s: float
    told: Mapping[str, Told]
    popular: frozenset[str]
    failed: str | None = None


@dataclass
class Reading:
    """An open loop: each request leaves when it is due, whatever became of those before."""

    url: str
    answers: list[Answer] = field(default_factory=list)

    async def by_the_clock(self, rate: float, over: asyncio.Event) -> None:
        """`rate` requests a second until `over`; returns when all are answered."""
        async with _session() as session, asyncio.TaskGroup() as asking:
            start_s = time.monotonic()
            number = 0
            while not over.is_set():
                due_s = start_s + number / rate
                await asyncio.sleep(max(0.0, due_s - time.monotonic()))
                asking.create_task(self._noted(session, number, due_s))
                number += 1

    async def of_everybody(self) -> dict[str, Told]:
        """What is said of each reader now."""
        async with _session() as session:
            answers = await asyncio.gather(
                *(_asked(session, self.url, reader, time.monotonic()) for reader in _EACH_ALONE)
            )
        failed = {answer.failed for answer in answers} - {None}
        if failed:
            raise RuntimeError(f"the service answers {failed}")
        return {user: told for answer in answers for user, told in answer.told.items()}

    async def _noted(self, session: aiohttp.ClientSession, number: int, due_s: float) -> None:
        self.answers.append(await _asked(session, self.url, number, due_s))


def _session() -> aiohttp.ClientSession:
    return aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(limit=_CONNECTIONS),
        timeout=aiohttp.ClientTimeout(total=_TIMEOUT_S),
    )


async def _asked(session: aiohttp.ClientSession, url: str, number: int, due_s: float) -> Answer:
    sent_s = time.monotonic()
    if number % _BATCHED_EACH:
        request = session.get(f"{url}/v1/profiles/{READERS[number % len(READERS)]}")
    else:
        request = session.post(f"{url}/v1/profiles:batchGet", json={"user_ids": READERS[:_BATCH]})
    try:
        async with request as response:
            body, status = await response.read(), response.status
    except (aiohttp.ClientError, TimeoutError) as error:
        return Answer(due_s, sent_s, time.monotonic(), {}, frozenset(), type(error).__name__)
    done_s = time.monotonic()
    if status != 200:
        return Answer(due_s, sent_s, done_s, {}, frozenset(), str(status))
    profiles = (_one.decode(body),) if number % _BATCHED_EACH else _batch.decode(body).profiles
    popular = {one.item_id for profile in profiles for one in profile.popular}
    return Answer(
        due_s,
        sent_s,
        done_s,
        {profile.user_id: _told(profile) for profile in profiles},
        frozenset(popular & {LIKED, MISLIKED}),
    )


def _told(profile: _Profile) -> Told:
    return tuple(
        (interest.item_id, round(interest.worth, 9))
        for interest in (*profile.interests, *profile.dislikes)
    )


@dataclass(frozen=True, slots=True)
class Judgement:
    """What the answers were.

    Attributes:
        kinds: How many were "live", "other" (the version that is built) and "mixed".
        unordered: Of the first version, though the other was in force from before they were
            asked for until after they were answered.
        with_popular: Answers in which what is popular told the version as well.
        failed: Requests without a proper answer, by why.
    """

    kinds: Counter[str]
    unordered: int
    with_popular: int
    failed: Counter[str]

    @property
    def is_well(self) -> bool:
        return (
            not self.kinds["mixed"]
            and not self.unordered
            and not self.failed
            and all(self.kinds[kind] for kind in ("live", "other"))
        )


def judged(
    answers: Iterable[Answer], *, live: Mapping[str, Told], other: Mapping[str, Told]
) -> Judgement:
    """Hold each answer, as a whole, against what each version says."""
    failed = Counter(one.failed for one in answers if one.failed is not None)
    proper = [one for one in answers if one.failed is None]
    named = [(one, _kind(one, live=live, other=other)) for one in proper]
    others = [one for one, kind in named if kind == "other"]
    unordered = 0
    if others:
        # Both switches are as near to each other as the answers of the other version allow.
        promoted_s = min(one.done_s for one in others)
        rolled_back_s = max(one.sent_s for one in others)
        unordered = sum(
            kind == "live" and one.sent_s > promoted_s and one.done_s < rolled_back_s
            for one, kind in named
        )
    return Judgement(
        kinds=Counter(kind for _, kind in named),
        unordered=unordered,
        with_popular=sum(bool(one.popular) for one in proper),
        failed=failed,
    )


def _kind(answer: Answer, *, live: Mapping[str, Told], other: Mapping[str, Told]) -> str:
    for kind, version, popular in (("live", live, LIKED), ("other", other, MISLIKED)):
        if answer.popular <= {popular} and all(
            told == version.get(user) for user, told in answer.told.items()
        ):
            return kind
    return "mixed"


def latencies(
    answers: Sequence[Answer], within: Callable[[float], bool]
) -> tuple[int, float, float, float] | None:
    """Requests that were due within, and p50, p99 and the longest in seconds, from when due."""
    took_s = [one.done_s - one.due_s for one in answers if within(one.due_s)]
    if not took_s:
        return None
    return len(took_s), quantile(took_s, 0.5), quantile(took_s, 0.99), max(took_s)
