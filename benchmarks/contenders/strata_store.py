"""The store side of Strata: a flush's views into Redis, then single lookups, decoded.

What is put is a `CachedProfile` of a user with 100 entries: vector, at most 32 interests, totals
and attributes, encoded here as a flush does. Each put is of a higher version than the one before,
so all of them are written.
"""

import asyncio
import time

from benchmarks.contenders.task import Stopwatch, Task, answer, asked
from benchmarks.people import people
from benchmarks.spread import quantile
from schemas.snapshots import decode_profile, encode_profile
from stores.connect import open_redis

_ENTRIES = 100


async def measured(task: Task) -> None:
    """Put `events` rows, `batch` at once, and read `lookups` of them one by one."""
    batch, lookups = int(task.options["batch"]), int(task.options["lookups"])
    persons = people(batch, entries=_ENTRIES)
    profiles = [decode_profile(one.view) for one in persons]
    live = await open_redis(task.redis_url, namespace=task.name, partitions=task.partitions)
    watch, pushed = Stopwatch(), 0
    watch.start()
    while pushed < task.events:
        version = pushed // batch + 1
        await live.cache.put(
            [
                (person.record.key, version, encode_profile(profile))
                for person, profile in zip(persons, profiles, strict=True)
            ]
        )
        pushed += batch
    result = watch.result(pushed)
    took: list[float] = []
    for number in range(lookups):
        person = persons[number % batch]
        start = time.perf_counter()
        (body,) = await live.cache.get([person.record.key])
        profile = decode_profile(body or b"")
        took.append(time.perf_counter() - start)
        if profile.user_id != person.user_id:
            raise RuntimeError("a lookup found something else")
    await live.erase()
    await live.close()
    answer(
        result.with_figures(
            push_us=result.seconds / pushed * 1e6, read_us=quantile(took, 0.5) * 1e6
        )
    )


if __name__ == "__main__":
    asyncio.run(measured(asked()))
