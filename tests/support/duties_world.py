"""A worker's duties on a world in memory."""

from collections.abc import Callable

from streams_world import LEARNER, NOW_MS, PARTITIONS, TEXT_DIMENSION, World

from profiles.privacy.pseudonyms import secret_of
from streams.duties import Clocks, Duties, DutyOptions, Stores
from streams.embedding import HashingEmbedder
from streams.erasing import ErasingOptions
from streams.knowledge import Knowledge
from streams.learners import initial_space
from streams.memory import MemoryLetterLog, MemorySender
from streams.workshop import InlineWorkshop

__all__ = ["duties_on"]


def duties_on(
    world: World,
    *,
    dirty_users: int = 5_000,
    dirty_users_behind: int = 25_000,
    elapsed_s: Callable[[], float] = lambda: 0.0,
) -> Duties:
    return Duties(
        stores=Stores.over(world.profiles, world.redis),
        embedder=HashingEmbedder(TEXT_DIMENSION),
        emitter=MemorySender(),
        letters=MemoryLetterLog(world.consumer.logs),
        knowledge=Knowledge(initial_space(TEXT_DIMENSION, LEARNER)),
        workshop=InlineWorkshop(LEARNER),
        consumer=lambda: world.consumer,
        nonce="one",
        clocks=Clocks(lambda: NOW_MS, elapsed_s),
        options=DutyOptions(
            partitions=PARTITIONS,
            learner=LEARNER,
            erasing=ErasingOptions(secret=secret_of("of the tests")),
            dirty_users=dirty_users,
            dirty_users_behind=dirty_users_behind,
        ),
    )
