"""What users write becomes passages, exactly once in effect, and only while it may be kept."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping

import pytest
from documents_world import NOON_MS
from streams_world import Engines, Killed, World, no_seam

from profiles.documents.passages import Passage
from profiles.ids import user_key
from streams.batches import RecordBatch
from streams.documents import DocumentEngine
from streams.gate import Gate
from streams.ownership import Place

PARTITIONS = 2


class Writers(Engines):
    """One worker whose documents become passages."""

    def __init__(
        self, world: World, *, nonce: str = "one", seam: Callable[[str], None] = no_seam
    ) -> None:
        super().__init__(world, nonce=nonce)
        self.seam = seam
        self.documents = DocumentEngine(
            passages=world.profiles.passages,
            users=world.profiles.users,
            embedder=self.embedder,
            gate=Gate(partitions=PARTITIONS),
            policy=world.policy,
            epoch=lambda: world.consumer.epoch,
            sync=world.profiles.flush,
        )
        fold = self.profiles.handle

        async def handle(batch: RecordBatch) -> None:
            await self.documents.read(batch)
            await fold(batch)

        async def commit(offsets: Mapping[Place, int]) -> None:
            self.seam("before passages")
            await self.documents.store(offsets)
            self.seam("after passages")
            await world.consumer.commit_offsets(offsets)

        self.profiles.handle = handle  # type: ignore[method-assign]  # as the worker composes it
        self.profiles._storer._commit = commit


def wrote(user: str, document: str, text: str, at_s: int = 0, **more: object) -> dict[str, object]:
    return {
        "event_id": f"{user}-{document}-{at_s}",
        "type": "document",
        "occurred_at": NOON_MS // 1000 - 1000 + at_s,
        "user_id": user,
        "document_id": document,
        "text": text,
        **more,
    }


def consents(user: str, at_s: int, *, granted: bool) -> dict[str, object]:
    return {
        "event_id": f"{user}-consent-{at_s}",
        "type": "consent",
        "occurred_at": NOON_MS // 1000 - 1000 + at_s,
        "user_id": user,
        "data_type": "documents",
        "granted": granted,
    }


def erases(user: str, at_s: int) -> dict[str, object]:
    return {
        "event_id": f"{user}-erasure-{at_s}",
        "type": "erasure",
        "occurred_at": NOON_MS // 1000 - 1000 + at_s,
        "user_id": user,
    }


async def kept(world: World, user: str) -> list[Passage]:
    key = user_key("default", user)
    return await world.profiles.passages.latest("default", key, limit=1_000)


async def texts(world: World, user: str) -> list[str]:
    return [passage.text for passage in await kept(world, user)]


def run(scenario: Callable[[World], Awaitable[None]]) -> None:
    async def running() -> None:
        await scenario(await World.open())

    asyncio.run(running())


async def drained(world: World) -> Writers:
    writers = Writers(world)
    await writers.own_all()
    await writers.drain()
    return writers


def test_a_document_becomes_passages_of_its_user() -> None:
    async def scenario(world: World) -> None:
        world.publish(wrote("ann", "d1", "On hops.", title="Beer", kind="answer", about=["p1"]))
        await drained(world)
        (passage,) = await kept(world, "ann")
        assert (passage.text, passage.title, passage.kind, passage.about) == (
            "On hops.",
            "Beer",
            "answer",
            ("p1",),
        )
        assert await texts(world, "bob") == []

    run(scenario)


def test_the_latest_version_stays_whatever_the_order() -> None:
    async def scenario(world: World) -> None:
        world.publish(wrote("ann", "d1", "Second.", at_s=2))
        writers = await drained(world)
        world.publish(wrote("ann", "d1", "First.", at_s=1))
        await writers.drain()
        assert await texts(world, "ann") == ["Second."]
        world.publish(wrote("ann", "d1", "Third.", at_s=3))
        world.publish(wrote("ann", "d1", "Late second.", at_s=2))
        await writers.drain()
        assert await texts(world, "ann") == ["Third."]

    run(scenario)


@pytest.mark.parametrize("ends", ["consent", "erasure"])
def test_what_is_withdrawn_goes_and_does_not_come_back(ends: str) -> None:
    async def scenario(world: World) -> None:
        world.publish(wrote("ann", "d1", "Old.", at_s=1))
        world.publish(wrote("bob", "d1", "Kept.", at_s=1))
        writers = await drained(world)
        end = consents("ann", 5, granted=False) if ends == "consent" else erases("ann", 5)
        world.publish(end)
        await writers.drain()
        assert await texts(world, "ann") == []
        # Late, and repeated after it was granted again.
        world.publish(wrote("ann", "d2", "Late.", at_s=4))
        world.publish(consents("ann", 6, granted=True))
        world.publish(wrote("ann", "d1", "Old.", at_s=1))
        world.publish(wrote("ann", "d3", "Anew.", at_s=7))
        await writers.drain()
        assert await texts(world, "ann") == ["Anew."]
        assert await texts(world, "bob") == ["Kept."]
        assert await world.profiles.passages.count() == 2

    run(scenario)


@pytest.mark.parametrize("first", ["document", "removal"])
def test_a_removed_document_goes_and_does_not_come_back(first: str) -> None:
    async def scenario(world: World) -> None:
        document = wrote("ann", "d1", "Removed.", at_s=1)
        removal = {
            "event_id": "r1",
            "type": "removal",
            "occurred_at": NOON_MS // 1000 - 990,
            "user_id": "ann",
            "data_type": "documents",
            "removed_id": document["event_id"],
            "removed_at": document["occurred_at"],
        }
        world.publish(wrote("ann", "d2", "Kept.", at_s=2))
        world.publish(document if first == "document" else removal)
        writers = await drained(world)
        world.publish(removal if first == "document" else document)
        await writers.drain()
        # A replay reads everything again.
        world.publish(document)
        await writers.drain()
        assert await texts(world, "ann") == ["Kept."]
        assert await world.profiles.passages.count() == 1

    run(scenario)


def test_documents_that_the_state_no_longer_holds_lose_their_passages() -> None:
    async def scenario(world: World) -> None:
        kept_most = world.policy.kept
        for number in range(kept_most + 3):
            world.publish(wrote("ann", f"d{number}", f"Text {number}.", at_s=number))
        await drained(world)
        assert len(await texts(world, "ann")) == kept_most
        assert await world.profiles.passages.count() == kept_most

    run(scenario)


@pytest.mark.parametrize("seam", ["before passages", "after passages"])
@pytest.mark.parametrize("occasion", [1, 2, 3])
def test_a_crash_around_the_passages_changes_nothing(seam: str, occasion: int) -> None:
    def publish_story(world: World) -> None:
        for number in range(6):
            for user in ("ann", "bob", "cid"):
                world.publish(wrote(user, f"d{number % 3}", f"{user} wrote {number}.", at_s=number))
        world.publish(erases("cid", 3))

    async def undisturbed() -> dict[str, list[Passage]]:
        world = await World.open()
        publish_story(world)
        await drained(world)
        return {user: await kept(world, user) for user in ("ann", "bob", "cid")}

    async def scenario(world: World) -> None:
        publish_story(world)
        seen = 0

        def crash(name: str) -> None:
            nonlocal seen
            seen += name == seam
            if name == seam and seen == occasion:
                raise Killed

        first = Writers(world, seam=crash)
        await first.own_all()
        crashed = False
        try:
            await first.drain()
        except Killed:
            crashed = True
        first.deliver()
        world.consumer.rebalance()
        second = Writers(world, nonce="two")
        second.recall()
        await second.own_all()
        await second.drain()
        assert crashed or occasion > 1
        assert {
            user: await kept(world, user) for user in ("ann", "bob", "cid")
        } == await undisturbed()

    run(scenario)


def test_what_was_folded_is_stored_when_the_partitions_are_given_up() -> None:
    async def scenario(world: World) -> None:
        world.publish(wrote("ann", "d1", "On hops."))
        writers = Writers(world)
        await writers.own_all()
        for place in sorted(world.consumer.logs):
            batch = world.consumer.fetch(place)
            if batch is not None:
                await writers.profiles.handle(batch)
        # A rebalance begins a new epoch first, and then asks for the last flush.
        world.consumer.rebalance()
        await writers.profiles.release()
        writers.documents.release()
        assert await texts(world, "ann") == ["On hops."]

    run(scenario)


def test_an_unchanged_text_is_not_embedded_again() -> None:
    async def scenario(world: World) -> None:
        world.publish(wrote("ann", "d1", "On hops.", at_s=1))
        writers = await drained(world)
        world.publish(wrote("ann", "d1", "On hops.", at_s=2))
        world.publish(wrote("ann", "d2", "On hops.", at_s=3))
        await writers.drain()
        assert writers.documents.counts["embedded"] == 1
        assert len(await texts(world, "ann")) == 2

    run(scenario)


def test_a_long_document_is_cut_short_and_counted() -> None:
    async def scenario(world: World) -> None:
        world.publish(wrote("ann", "d1", "One more sentence about hops and malt. " * 9_000))
        writers = await drained(world)
        assert len(await texts(world, "ann")) == 256
        assert writers.documents.counts["cut short"] == 1

    run(scenario)


def test_bad_documents_become_letters_once_and_the_others_passages() -> None:
    async def scenario(world: World) -> None:
        from schemas import topics
        from schemas.keys import record_key

        world.append(topics.DOCUMENTS, record_key("default", "ann"), b'{"text": "\xff\xfe"}')
        world.append(topics.DOCUMENTS, record_key("default", "ann"), b"x" * 5_000_000)
        world.publish(wrote("ann", "d1", "Text."))
        writers = await drained(world)
        assert len(writers.sender.to(topics.DEAD_LETTERS)) == 2
        assert await texts(world, "ann") == ["Text."]

    run(scenario)


def test_a_sweep_deletes_what_a_former_owner_left_and_runs_once_per_taking() -> None:
    async def scenario(world: World) -> None:
        from documents_world import document, passages_of

        world.publish(wrote("ann", "d1", "Old.", at_s=1))
        writers = await drained(world)
        world.publish(erases("ann", 5))
        await writers.drain()
        stray = document("ann", "d9", "Stray.", tenant="default", at_ms=NOON_MS - 999_000)
        left_over = passages_of(stray, dimension=16)
        await world.profiles.passages.replace([left_over])
        assert await world.profiles.passages.count() == 1
        await writers.documents.sweep(writers.ownerships.held)
        assert await world.profiles.passages.count() == 0
        await world.profiles.passages.replace([left_over])
        await writers.documents.sweep(writers.ownerships.held)
        assert await world.profiles.passages.count() == 1

    run(scenario)
