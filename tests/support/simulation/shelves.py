"""What is stored, seen without a network: for workers to reach, and for the verdict to read."""

import copy
import random
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final, Self

from write_side.ground import Ground, Opened

from profiles.nextitem.settings import Settings
from profiles.privacy.pseudonyms import secret_of
from stores.connect import open_profile_stores, open_redis
from stores.control import CONTROL_COLLECTION, PointControlStore
from stores.erasures import ERASURE_COLLECTION, PointErasureStore
from stores.items import PointItemStore, item_collection
from stores.memory import MemoryPoints
from stores.memory_aggregates import MemoryAggregateStore
from stores.memory_cache import MemoryProfileCache
from stores.passages import PointPassageStore, passage_collection
from stores.personas import PERSONA_COLLECTION, PointPersonaStore
from stores.points import Collection, Payload, Point, PointId, Where
from stores.users import PointUserStore, outbox_in, user_collection
from streams.learners import LearnerSpec

__all__ = ["LEARNER", "SECRET", "Shelves", "nothing"]

LEARNER: Final = LearnerSpec(next_item=Settings(text_dimension=3, taste_dimension=1))
"""Vectors of four components: enough to tell users apart, and quick."""

SECRET: Final = secret_of("simulated")


async def nothing() -> None:
    """There is nothing to sync and nothing to close."""


class _Stored(MemoryPoints):
    """Points of which those that were not synced may be gone after a loss of power.

    Writes reach the disk in their order, each of them whole, and any number of them before they are
    synced: as of Qdrant's log.
    """

    def __init__(self, collection: Collection) -> None:
        super().__init__(collection)
        # Empty: nobody will ask.
        self._may_be_on_disk: list[dict[PointId, Point]] = []

    def expect_loss(self) -> None:
        """Remember from now on what is on the disk."""
        self._may_be_on_disk = [dict(self._points)]

    def sync(self) -> None:
        if self._may_be_on_disk:
            self.expect_loss()

    def lose_power(self, chance: random.Random) -> None:
        self._points = chance.choice(self._may_be_on_disk)
        self.expect_loss()

    def _written(self) -> None:
        if self._may_be_on_disk:
            self._may_be_on_disk.append(dict(self._points))

    async def upsert(self, points: Sequence[Point]) -> None:
        await super().upsert(points)
        self._written()

    async def insert_only(self, points: Sequence[Point]) -> None:
        await super().insert_only(points)
        self._written()

    async def update_if(self, points: Sequence[Point], condition: Where) -> None:
        await super().update_if(points, condition)
        self._written()

    async def set_payload_if(
        self,
        ids: Sequence[PointId],
        payload: Payload,
        condition: Where,
        *,
        under: str | None = None,
    ) -> None:
        await super().set_payload_if(ids, payload, condition, under=under)
        self._written()

    async def delete(self, where: Where) -> None:
        await super().delete(where)
        self._written()

    async def delete_if(self, ids: Sequence[PointId], condition: Where) -> None:
        await super().delete_if(ids, condition)
        self._written()

    async def flush(self) -> None:
        self.sync()


class _Outboxes(_Stored):
    """Users that remember every update they ever held to be sent."""

    def __init__(self, collection: Collection) -> None:
        super().__init__(collection)
        self.ever: set[bytes] = set()

    def _put(self, points: Sequence[Point]) -> None:
        super()._put(points)
        self.ever.update(outbox_in(point.payload) for point in points)


@dataclass
class Shelves:
    """Qdrant's collections and Redis, in memory."""

    learner: LearnerSpec
    partitions: int
    points: dict[str, _Stored] = field(default_factory=dict)

    @classmethod
    def new(cls, *, partitions: int) -> Self:
        dimension = LEARNER.dimension
        return cls(
            LEARNER,
            partitions,
            {
                "users": _Outboxes(user_collection(dimension)),
                "items": _Stored(item_collection(dimension)),
                "control": _Stored(CONTROL_COLLECTION),
                "personas": _Stored(PERSONA_COLLECTION),
                "passages": _Stored(passage_collection(dimension)),
                "erasures": _Stored(ERASURE_COLLECTION),
            },
        )

    def __post_init__(self) -> None:
        self._copy: tuple[dict[str, Any], dict[str, Any]] | None = None
        self.aggregates = MemoryAggregateStore(partitions=self.partitions)
        self.cache = MemoryProfileCache()
        self.users = PointUserStore(self.points["users"])
        self.items = PointItemStore(self.points["items"])
        self.control = PointControlStore(self.points["control"])
        self.personas = PointPersonaStore(self.points["personas"])
        self.passages = PointPassageStore(self.points["passages"])
        self.erasures = PointErasureStore(self.points["erasures"])

    @property
    def ground(self) -> Ground:
        """For those who read what is stored; nothing is started."""
        return Ground(
            bootstrap="",
            redis_url="",
            qdrant_url="",
            namespace="simulated",
            directory="",
            partitions=self.partitions,
        )

    async def opened(self) -> Opened:
        """The same, whatever other stores there are besides."""
        url, name = "memory://", self.ground.namespace
        profiles = await open_profile_stores(url, namespace=name, dimension=LEARNER.dimension)
        live = await open_redis(url, namespace=name, partitions=self.partitions)
        return Opened(
            replace(
                profiles,
                users=self.users,
                items=self.items,
                control=self.control,
                personas=self.personas,
                passages=self.passages,
                erasures=self.erasures,
            ),
            replace(live, cache=self.cache, aggregates=self.aggregates),
        )

    @property
    def outboxes(self) -> set[bytes]:
        """Every update that was ever stored beside its user."""
        users = self.points["users"]
        return users.ever if isinstance(users, _Outboxes) else set()

    def copy_redis(self) -> None:
        """Remember what Redis holds now, as a backup does."""
        self._copy = copy.deepcopy((vars(self.aggregates), vars(self.cache)))

    def put_redis_back(self) -> None:
        """Redis is restarted with what it held when it was copied."""
        if self._copy is not None:
            aggregates, cache = copy.deepcopy(self._copy)
            vars(self.aggregates).update(aggregates)
            vars(self.cache).update(cache)

    def expect_loss(self) -> None:
        """A loss of power will come."""
        for points in self.points.values():
            points.expect_loss()

    def sync(self) -> None:
        """What Qdrant was told so far survives a loss of power."""
        for points in self.points.values():
            points.sync()

    def lose_power(self, chance: random.Random) -> None:
        """Qdrant's files as they are found after it, each by itself; Redis as it was copied."""
        for points in self.points.values():
            points.lose_power(chance)
        self.put_redis_back()

    async def empty_redis(self) -> None:
        """What a FLUSHALL does."""
        await self.aggregates.forget_everything()
        self.cache.clear()
