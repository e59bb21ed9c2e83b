"""Whether a running service holds a rate: `python -m benchmarks.holding URL [--rate R]`.

Publishes for some thousand users until all are known, then asks R times a second what products
ask (`benchmarks.mix`), by the clock, whether or not earlier requests have been answered. A latency
is from when a request was due to the last byte of its answer, so that waiting for a turn counts.
For a service without keys, on this machine alone.
"""

import argparse
import asyncio
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain, islice
from typing import Final
from urllib.parse import urlsplit

import msgspec

from benchmarks.connection import Pool
from benchmarks.load import Load, Record
from benchmarks.mix import MIX, PUBLISHED, Asked, asked, joined
from benchmarks.spread import quantile
from lookup.loopback import is_loopback
from lookup.loops import run

__all__ = ["arguments", "held", "main", "mix_of"]

_CONNECTIONS: Final = 256
_TIMEOUT_S: Final = 30.0
_KNOWN_WITHIN_S: Final = 300.0
_LOOK_S: Final = 0.5
# Of what makes users known: many events a request, and requests of few users are looked at.
_FILL: Final = 40_000
_ITEMS: Final = 2_000
_USERS: Final = 10_000
_PER_POST: Final = 500
_PER_LOOK: Final = 100


class _View(msgspec.Struct):
    user_id: str
    known: bool


class _Views(msgspec.Struct):
    profiles: list[_View]


_views: Final = msgspec.json.Decoder(_Views)


@dataclass(slots=True)
class _Answers:
    """To one kind of request."""

    took_s: list[float] = field(default_factory=list)
    wrong: Counter[str] = field(default_factory=Counter)


async def held(
    url: str,
    *,
    rate: float,
    minutes: float,
    mix: Mapping[str, float] = MIX,
    spent_s: Callable[[], Mapping[str, float]] = dict,
) -> bool:
    """Print what came of it; whether every request was answered as it should be.

    Args:
        spent_s: Part of the stack → processor time that it has taken so far.
    """
    requests = round(rate * minutes * 60)
    load = Load(events=_FILL + requests * PUBLISHED, users=_USERS, items=_ITEMS)
    events = load.interactions()
    async with Pool.opened(url, most=_CONNECTIONS) as pool:
        users = await _made_known(pool, load.item_events(), islice(events, _FILL))
        print(f"{len(set(users)):,} users are known; {rate:g} requests/s for {minutes:g} min")
        answers = {kind: _Answers() for kind in mix}
        before_s = {"asking": time.process_time(), **spent_s()}
        start_s = time.perf_counter()
        async with asyncio.TaskGroup() as asking:
            for number, one in enumerate(islice(asked(users, events, mix=mix), requests)):
                due_s = start_s + number / rate
                if (early_s := due_s - time.perf_counter()) > 0:
                    await asyncio.sleep(early_s)
                asking.create_task(_timed(pool, one, answers[one.kind], due_s))
        took_s = time.perf_counter() - start_s
        after_s = {"asking": time.process_time(), **spent_s()}
    _say(answers, took_s=took_s)
    shares = {part: (end_s - before_s.get(part, 0.0)) / took_s for part, end_s in after_s.items()}
    print("of a processor: " + ", ".join(f"{part} {share:.0%}" for part, share in shares.items()))
    return not any(one.wrong for one in answers.values())


def _say(answers: Mapping[str, _Answers], *, took_s: float) -> None:
    everything = _Answers(
        list(chain.from_iterable(one.took_s for one in answers.values())),
        sum((one.wrong for one in answers.values()), Counter()),
    )
    for name, found in {**answers, "all": everything}.items():
        p50, p99, p999 = (quantile(found.took_s, part) * 1e3 for part in (0.5, 0.99, 0.999))
        print(
            f"{name}: {len(found.took_s):,} at {len(found.took_s) / took_s:.0f}/s, "
            f"errors {found.wrong.total()}{_named(found.wrong)}, "
            f"p50 {p50:.1f} ms, p99 {p99:.1f} ms, p99.9 {p999:.1f} ms"
        )


def _named(wrong: Counter[str]) -> str:
    return "".join(f" {name}: {number}" for name, number in sorted(wrong.items()))


async def _made_known(
    pool: Pool, items: Iterator[Record], events: Iterator[Record]
) -> Sequence[str]:
    """Publish these, and wait until their users are answered by their own evidence.

    Returns:
        The users, each as often as it has events.
    """
    users: list[str] = []
    async with asyncio.timeout(_KNOWN_WITHIN_S):
        while batch := list(islice(items, _PER_POST)):
            await _published(pool, batch)
        while batch := list(islice(events, _PER_POST)):
            await _published(pool, batch)
            users += [key.decode() for key, _ in batch]
        unseen = sorted(set(users))
        while unseen:
            asking, later = unseen[:_PER_LOOK], unseen[_PER_LOOK:]
            views = await _answered(
                pool, "/v1/profiles:batchGet", msgspec.json.encode({"user_ids": asking}), 200
            )
            unknown = [one.user_id for one in _views.decode(views).profiles if not one.known]
            unseen = unknown + later
            if unknown:
                await asyncio.sleep(_LOOK_S)
    return users


async def _published(pool: Pool, events: Sequence[Record]) -> None:
    await _answered(pool, "/v1/events", joined(iter(events)), 202)


async def _answered(pool: Pool, path: str, body: bytes, wanted: int) -> bytes:
    status, answer = await pool.ask(path, body)
    if status != wanted:
        raise RuntimeError(f"{path} was answered {status}: {answer[:500]!r}")
    return answer


async def _timed(pool: Pool, one: Asked, answers: _Answers, due_s: float) -> None:
    try:
        async with asyncio.timeout(_TIMEOUT_S):
            status, _ = await pool.ask(one.path, one.body)
        if status != one.status:
            answers.wrong[str(status)] += 1
    except (OSError, EOFError, TimeoutError) as error:
        answers.wrong[type(error).__name__] += 1
    answers.took_s.append(time.perf_counter() - due_s)


def arguments(parser: argparse.ArgumentParser) -> argparse.ArgumentParser:
    """With what is asked, how often and how long."""
    parser.add_argument("--rate", type=float, default=1_000.0, help="requests a second")
    parser.add_argument("--minutes", type=float, default=5.0)
    parser.add_argument("--only", choices=list(MIX), help="one kind of request")
    return parser


def mix_of(only: str | None) -> Mapping[str, float]:
    """All kinds in their shares, or one alone."""
    return MIX if only is None else {only: 1.0}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("url")
    options = arguments(parser).parse_args()
    if not is_loopback(urlsplit(options.url).hostname or ""):
        parser.error("only a service on this machine is loaded")
    work = held(options.url, rate=options.rate, minutes=options.minutes, mix=mix_of(options.only))
    if not run(work):
        sys.exit(1)


if __name__ == "__main__":
    main()
