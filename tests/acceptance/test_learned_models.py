"""What is learned through Kafka and the stores equals what is computed offline."""

import json
import signal
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Final

import pytest
from oracle import first_ten
from write_side.equality import differences
from write_side.ground import Ground, Opened
from write_side.observing import observe
from write_side.processes import Fate, WorkerProcess, expel_the_dead
from write_side.publishing import Event, publish
from write_side.running import options_of, running
from write_side.stories import bookshop, village
from write_side.waiting import eventually

from evaluation.predictors import Options
from evaluation.run import TaskName, evaluate
from lookup.options import LookupOptions
from lookup.queries import Lookup
from profiles.nextitem.settings import Settings
from profiles.personas import PersonaSet, decode_personas
from profiles.queries import Level
from schemas.decoded import Interaction
from schemas.fast import decode
from stores.blobs import get_blob
from streams.learning import LearningOptions

pytestmark = [pytest.mark.anyio, pytest.mark.stack, pytest.mark.timeout(900)]

TESTED: Final = 20
MODELS: Final = Settings(most_personas=4)
NEVER: Final = LearningOptions(least_users=1_000_000)
ONCE_AND_AT_ONCE: Final = LearningOptions(
    least_users=3, growth=1e9, refit_interval_s=1e9, refresh_interval_s=0.0, busy=1.0
)


def acts_in_order() -> tuple[list[Event], list[Event]]:
    """Items, and what the readers of one shop did, in protocol order."""
    story = bookshop(readers=60)
    items = [item for item in story.items if "tenant" not in item]
    acts = [
        event
        for event in story.events
        if "tenant" not in event and event["type"] in ("interaction", "preference")
    ]
    return items, sorted(acts, key=moment_of)


def moment_of(event: Event) -> int:
    decoded = decode(json.dumps(event).encode(), received_ms=2**52)
    assert isinstance(decoded, Interaction) or event["type"] == "preference"
    moment: int = decoded.occurred_at_ms  # type: ignore[union-attr]
    return moment


def written(path: Path, events: Sequence[Event]) -> Path:
    path.write_text("".join(json.dumps(event) + "\n" for event in events), encoding="utf-8")
    return path


def predicted_offline(
    folder: Path, items: Sequence[Event], warm: Sequence[Event], test: Sequence[Event]
) -> dict[tuple[str, str], list[str]]:
    """Top ten by (event id, level), as `strata evaluate --predictions` writes them."""
    out = folder / "predictions.jsonl"
    evaluate(
        TaskName.NEXT_ITEM,
        items=written(folder / "items.jsonl", items),
        warm=written(folder / "warm.jsonl", warm),
        test=written(folder / "test.jsonl", test),
        predictions=out,
        options=Options(
            embedding_model="hashing", next_item=MODELS, vectors_folder=folder / "vectors"
        ),
    )
    lines = [json.loads(line) for line in out.read_text(encoding="utf-8").splitlines()]
    return {(line["event_id"], line["level"]): line["items"] for line in lines}


async def published(opened: Opened) -> PersonaSet | None:
    document = await opened.profiles.personas.read("default")
    return None if document is None else decode_personas(document.body)


async def model_version(opened: Opened) -> int:
    personas = await published(opened)
    return 0 if personas is None or personas.model is None else personas.model.version


def lookup_over(opened: Opened) -> Lookup:
    return Lookup(
        users=opened.profiles.users,
        items=opened.profiles.items,
        personas=opened.profiles.personas,
        cache=opened.live.cache,
        aggregates=opened.live.aggregates,
        options=LookupOptions(published_age_s=0.0, item_age_s=0.0),
    )


async def answers(lookup: Lookup, event: Event, version: int) -> dict[str, list[str]]:
    """Top ten by level, all by the version that is in force."""

    async def in_force() -> bool:
        view = await lookup.rank("default", event["user_id"])
        return view.learned is not None and view.learned.version == version

    await eventually(in_force)
    found: dict[str, list[str]] = {}
    for level in Level:
        view = await lookup.rank("default", event["user_id"], level=level, at_ms=moment_of(event))
        assert view.learned is not None
        assert view.learned.version == version
        found[level.value] = [item.item_id for item in view.items]
    return found


async def test_rankings_through_kafka_equal_those_computed_offline(
    ground: Ground, tmp_path: Path
) -> None:
    items, acts = acts_in_order()
    warm, test = acts[:-TESTED], acts[-TESTED:]
    expected = predicted_offline(tmp_path, items, warm, test)
    options = replace(options_of(ground), next_item=MODELS)
    compared = 0
    async with ground.opened() as opened:
        # All of the warm set is there before anything is learned, as offline.
        await publish(ground.bootstrap, [*items, *warm], partitions=ground.partitions)
        loading = replace(options, learning=NEVER)
        async with running(ground, opened, options=loading) as work:
            await work.until_quiet(learned=False)
        learning = replace(options, learning=ONCE_AND_AT_ONCE)
        async with running(ground, opened, options=learning) as work:

            async def newer_than(version: int) -> int:
                async def is_newer() -> bool:
                    assert not work.task.done()
                    return await model_version(opened) > version

                await eventually(is_newer, timeout_s=120)
                return await model_version(opened)

            version = await newer_than(0)
            lookup = lookup_over(opened)
            for event in test:
                if (event["event_id"], Level.BLEND.value) in expected:
                    for level, found in (await answers(lookup, event, version)).items():
                        assert found == expected[event["event_id"], level], (event, level)
                        compared += 1
                await publish(ground.bootstrap, [event], partitions=ground.partitions)
                version = await newer_than(version)
            await lookup.close()
    assert compared >= 3 * len(Level)
    assert compared == len(expected)


@pytest.mark.parametrize(
    ("point", "occasion"),
    [
        ("personas.publish", 1),
        ("aggregates.put_snapshot", 2),
        pytest.param("aggregates.put_snapshot", 3, marks=pytest.mark.slow),
        pytest.param("aggregates.swap_snapshot", 6, marks=pytest.mark.slow),
        pytest.param("personas.publish", 2, marks=pytest.mark.slow),
    ],
)
async def test_a_leader_killed_while_it_publishes_leaves_one_version_and_the_next_goes_on(
    ground: Ground, point: str, occasion: int
) -> None:
    """Every stored user, cached view and persona is of the space that the document names."""
    story = village()
    events = [*story.items, *story.events]
    await publish(ground.bootstrap, events, partitions=ground.partitions)
    leader = WorkerProcess.start(ground, fate=Fate(point=point, occasion=occasion))
    try:
        assert await leader.ended() == -signal.SIGKILL
    finally:
        leader.kill()
    await expel_the_dead(ground)
    async with ground.opened() as opened:
        personas = await published(opened)
        if personas is not None and personas.model is not None:
            for blob in personas.model.blobs():
                body = await get_blob(opened.live.aggregates, "default", blob)
                assert body is not None
        async with running(ground, opened) as work:
            await work.until_quiet()
            observed = await observe(ground, opened)
    verdict = differences(observed, events, partitions=ground.partitions)
    assert not verdict.lines, first_ten(iter(verdict.lines))
    assert verdict.compared["assignments"] > 0
    assert observed.spaces["default"][0] >= 1
