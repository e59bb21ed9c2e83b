"""Versions built from history: the same as the living one, whatever dies meanwhile."""

import gzip
import json
import signal
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from write_side.ground import Ground
from write_side.processes import expel_the_dead
from write_side.publishing import publish
from write_side.running import running
from write_side.stories import bookshop
from write_side.versions import Commands, known_users, version_ground
from write_side.waiting import eventually

from cli.importing import imported
from schemas.topics import USER_TOPICS
from stores.versions import Version
from streams.offsets import kafka_opened
from streams.topics import ensure_topics
from streams.version_topics import version_specs, version_topics

pytestmark = [pytest.mark.anyio, pytest.mark.stack]


async def test_a_replay_killed_and_gone_on_with_equals_the_living_version(
    shared_ground: Ground, tmp_path: Path
) -> None:
    """With erasures, withdrawn consents and a second tenant, while live traffic goes on."""
    ground, strata = shared_ground, Commands(shared_ground)
    story = bookshop(readers=50)
    half = len(story.events) // 2
    async with ground.opened() as opened, running(ground, opened) as work:
        first = [*story.items, *story.events[:half]]
        await publish(ground.bootstrap, first, partitions=ground.partitions)
        await work.until_quiet(learned=False)

        shadow = version_ground(ground, "b")
        building = strata.start("replay", "--into", "b", "--nice", "0", log=tmp_path / "replay.log")
        try:
            await committed_something(shadow)
            building.kill()
            assert building.wait() == -signal.SIGKILL
        finally:
            building.kill()
        await expel_the_dead(replace(shadow, namespace=f"strata-{shadow.namespace}"))
        await publish(ground.bootstrap, story.events[half:], partitions=ground.partitions)
        again = strata.run("replay", "--into", "b", "--lag", "0", "--workers", "2", "--nice", "0")
        assert again.returncode == 0, again.stderr
        assert "going on with b" in again.stderr
        await work.until_quiet(learned=False)
        live = await known_users(opened)
    async with shadow.opened() as opened:
        built = await known_users(opened)
    assert len(live) > 50
    assert built == live
    async with kafka_opened(shadow.bootstrap) as kafka:
        assert not await kafka.members(f"strata-{shadow.namespace}")
    told = strata.run("replay", "--into", "b", "--from", "2020-01-01T00:00:00Z")
    assert told.returncode == 2
    assert "cannot be changed any more" in told.stderr


async def committed_something(shadow: Ground) -> None:
    async with kafka_opened(shadow.bootstrap) as kafka:

        async def has_begun() -> bool:
            committed = await kafka.committed(f"strata-{shadow.namespace}")
            return sum(committed.values()) > 0

        await eventually(has_begun, timeout_s=150)


async def test_history_from_files_takes_the_place_of_what_kafka_no_longer_holds(
    shared_ground: Ground, tmp_path: Path
) -> None:
    """Killed and gone on with; whoever was erased or withdrew since the files stays so."""
    ground, strata = shared_ground, Commands(shared_ground)
    story = bookshop(readers=50)
    half = len(story.events) // 2
    old = [written(tmp_path / "a.jsonl", story.events[: half // 2])]
    old.append(written(tmp_path / "b.jsonl.gz", [*story.items, *story.events[half // 2 : half]]))
    async with ground.opened() as opened, running(ground, opened) as work:
        first = [*story.items, *story.events[:half]]
        await publish(ground.bootstrap, first, partitions=ground.partitions)
        async with kafka_opened(ground.bootstrap) as kafka:
            ends = await kafka.ends(await kafka.places(USER_TOPICS))
        since = ",".join(f"{topic}:{place}={end}" for (topic, place), end in ends.items())
        await publish(ground.bootstrap, story.events[half:], partitions=ground.partitions)
        files = [argument for path in old for argument in ("--from-files", str(path))]
        shadow = version_ground(ground, "f")
        begun = ("replay", "--into", "f", "--nice", "0", "--from", since, *files)
        building = strata.start(*begun, log=tmp_path / "replay.log")
        try:
            await committed_something(shadow)
        finally:
            building.kill()
            building.wait()
        await expel_the_dead(replace(shadow, namespace=f"strata-{shadow.namespace}"))
        again = strata.run("replay", "--into", "f", "--lag", "0", "--nice", "0")
        assert again.returncode == 0, again.stderr
        await work.until_quiet(learned=False)
        live = await known_users(opened)
    async with shadow.opened() as opened:
        built = await known_users(opened)
    assert len(live) > 50
    assert built == live


async def test_an_import_goes_on_after_the_last_line_that_arrived(
    shared_ground: Ground, tmp_path: Path
) -> None:
    ground, topic = shared_ground, "strata.version.i.history"
    names = version_topics("i", with_history=True)
    await ensure_topics(ground.bootstrap, partitions=ground.partitions, wanted=version_specs(names))
    events = bookshop(readers=50).events

    async def sent(*sizes: int) -> int:
        """Events sent of files that hold so many of them."""
        paths = [
            written(tmp_path / f"{number}.jsonl", events[:size])
            for number, size in enumerate(sizes)
        ]
        version = Version(
            name="i",
            namespace="n",
            created_ms=0,
            embedding_model="hashing",
            files=tuple((str(path), path.stat().st_size) for path in paths),
        )
        async with kafka_opened(ground.bootstrap) as kafka:
            return await imported(
                version,
                kafka,
                topic=topic,
                bootstrap=ground.bootstrap,
                partitions=ground.partitions,
            )

    # Interrupted in the middle of the second of three files.
    assert await sent(40, 25) == 65
    assert await sent(40, 40, 10) == 25
    assert await sent(40, 40, 10) == 0
    async with kafka_opened(ground.bootstrap) as kafka:
        assert sum((await kafka.ends(await kafka.places([topic]))).values()) == 90


def written(path: Path, events: Sequence[Mapping[str, object]]) -> Path:
    lines = "".join(json.dumps(event) + "\n" for event in events).encode()
    path.write_bytes(gzip.compress(lines) if path.suffix == ".gz" else lines)
    return path


async def test_a_version_that_ends_holds_what_came_before(shared_ground: Ground) -> None:
    """Neither later events, nor those of topics that were not chosen."""
    ground, strata = shared_ground, Commands(shared_ground)
    events = [
        {
            "event_id": f"e{number}",
            "type": "interaction",
            "occurred_at": 1_700_000_000 + number,
            "user_id": "ann",
            "item_id": f"book-{number}",
            "action": "like",
        }
        for number in range(6)
    ]
    attribute = {
        "event_id": "a1",
        "type": "attributes",
        "occurred_at": 1_700_000_000,
        "user_id": "ann",
        "attributes": {"city": "Bath"},
    }
    sent = await publish(ground.bootstrap, [*events, attribute], partitions=ground.partitions)
    topic, partition, _ = sent[0]
    built = strata.run(
        *("replay", "--into", "past", "--nice", "0", "--topics", "interactions"),
        *("--from", f"{topic}:{partition}=1", "--until", f"{topic}:{partition}=4"),
    )
    assert built.returncode == 0, built.stderr
    async with version_ground(ground, "past").opened() as opened:
        ((name, known),) = (await known_users(opened)).items()
    assert name == ("default", "ann")
    assert isinstance(known, tuple)
    sets, totals, _, attributes, _ = known
    assert len(sets["interactions"]) == 3
    assert totals == {"interactions": {"like": 3}}
    assert attributes == {}
