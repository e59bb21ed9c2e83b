"""Learning in no time: a new item space and two personas with each refit."""

import numpy as np

from profiles.catalogue import ItemCatalogue
from profiles.nextitem.itemspace import ItemSpace
from profiles.personas import Centroids
from profiles.policy import DEFAULT_POLICY
from profiles.ports import Vector
from profiles.projection import project
from profiles.state import decode_state
from simulation.network import Process
from simulation.shelves import LEARNER
from streams.learners import Delta, Encoded, Fitted, Taken
from streams.workshop import ChildDied, Workshop

__all__ = ["SimulatedWorkshop"]


class SimulatedWorkshop(Workshop):
    """Spaces are drawn instead of learned; now and then the child process dies."""

    def __init__(self, process: Process) -> None:
        self._process = process
        self._forget_all()

    def _forget_all(self) -> None:
        self._texts: dict[int, Vector] = {}
        self._states: dict[bytes, bytes] = {}
        self._space = _space(0)

    async def take(self, tenant: str, delta: Delta) -> Taken:
        await self._compute(tenant)
        for item in delta.items:
            if item.vector is not None:
                self._texts[item.key] = item.vector
        for key in delta.forgotten:
            self._states.pop(key, None)
        self._states.update(delta.users)
        return Taken(likes=0, strangers=0)

    async def refit(self, tenant: str) -> Fitted:
        await self._compute(tenant)
        self._space = _space(self._process.chance.randrange(1, 1_000))
        catalogue = ItemCatalogue(LEARNER.dimension)
        for item, text in self._texts.items():
            catalogue.put(item, self._space.place(item, text))
        users = tuple(sorted(self._states))
        vectors = np.zeros((len(users), LEARNER.dimension), np.float32)
        for row, key in enumerate(users):
            vectors[row] = project(
                decode_state(self._states[key]), catalogue, DEFAULT_POLICY
            ).vector
        centroids = _two_apart(vectors)
        assigned = Centroids(1, {str(row): centroid for row, centroid in enumerate(centroids)})
        names = assigned.assign(vectors)
        return Fitted(
            centroids=centroids,
            silhouette=0.5,
            advantages=(),
            users=users,
            nearest=np.array([-1 if name is None else int(name) for name in names], np.intp),
        )

    async def encoded(self, tenant: str) -> Encoded:
        await self._compute(tenant)
        return Encoded(item_space=self._space.to_bytes(), next_item=b"no model", choices=None)

    async def forget(self, tenant: str) -> None:
        if tenant == "default":
            self._forget_all()

    async def close(self) -> None:
        """Nothing runs."""

    async def _compute(self, tenant: str) -> None:
        if tenant != "default":
            raise ValueError("the simulated world has one tenant")
        await self._process.pause(0.05)
        if self._process.chance.random() < 0.02:
            self._forget_all()
            raise ChildDied("drawn")


def _space(seed: int) -> ItemSpace:
    settings = LEARNER.next_item
    return ItemSpace.initial(
        LEARNER.dimension,
        text_dimension=settings.text_dimension,
        taste_dimension=settings.taste_dimension,
        text_weight=settings.text_weight,
        cold_likes=settings.cold_likes,
        seed=seed,
    )


def _two_apart(vectors: Vector) -> Vector:
    """Two of the rows that have a direction, far from each other, shape (2, d)."""
    directed = vectors[vectors.any(axis=1)]
    if not len(directed):
        return np.eye(2, vectors.shape[1], dtype=np.float32)
    other = directed[int(np.argmin(directed @ directed[0]))]
    if np.array_equal(other, directed[0]):
        other = -other
    return np.stack((directed[0], other))
