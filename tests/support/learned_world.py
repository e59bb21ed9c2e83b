"""Learned models over the lookup's in-memory stores, as the write side publishes them."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import numpy as np
from lookup_world import NOON_MS, TOKEN, World
from nextitem_world import learner, population, rated, states_of, text_vector

from profiles.nextitem.learner import NextItemLearner
from profiles.nextitem.model import NextItemModel
from profiles.personas import Advantage, Persona, PersonaSet, encode_personas
from profiles.ports import PersonaDocument
from schemas.decoded import Interaction
from schemas.snapshots import ModelPointer
from stores.blobs import blob_of, put_blob
from stores.personas import PointPersonaStore

__all__ = ["LearnedWorld", "Published", "newcomers"]


@dataclass(frozen=True, slots=True)
class Published:
    """One version, and what it should answer."""

    pointer: ModelPointer
    model: NextItemModel


@dataclass
class LearnedWorld:
    """Twenty items, "w0" … "w13" of two tastes, and a learner of all of them."""

    world: World = field(default_factory=World)
    learner: NextItemLearner = field(default_factory=learner)
    versions: list[Published] = field(default_factory=list)

    async def fill(self) -> None:
        for number in range(20):
            vector = text_vector(number)
            await self.world.add_item(f"i{number}", tuple(vector[:4].tolist()))
        events = population()
        for name in sorted({event.user_id for event in events}):
            await self.add_user(name, [event for event in events if event.user_id == name])

    async def add_user(self, name: str, events: Sequence[Interaction]) -> None:
        await self.world.add_user(name, events, persona="p1")

    def learn(self, events: Iterable[Interaction]) -> None:
        """Events of users that nothing was known of."""
        for key, state in states_of(list(events)).items():
            self.learner.fold(key, state)

    async def publish(self, *, store: bool = True) -> Published:
        """The learner's present model as the next version; without `store`, only its pointer."""
        model = self.learner.model()
        space, body = model.space.to_bytes(), model.to_bytes()
        pointer = ModelPointer(len(self.versions) + 1, 1, blob_of(space), blob_of(body))
        if store:
            await put_blob(self.world.aggregates, "default", space)
            await put_blob(self.world.aggregates, "default", body)
        personas = PersonaSet(
            "default",
            pointer.version,
            9,
            (Persona("p1", 10, (), Advantage(0.5, 0.1, 40)), Persona("p2", 10)),
            0.5,
            20,
            model=pointer,
        )
        assert await PointPersonaStore(self.world.persona_points).publish(
            PersonaDocument(
                "default",
                pointer.version,
                TOKEN,
                encode_personas(personas),
                {one.id: np.ones(4, np.float32) for one in personas.personas},
            )
        )
        self.versions.append(Published(pointer, model))
        return self.versions[-1]


def newcomers(number: int) -> list[Interaction]:
    """Some who like high items, at a time of their own."""
    return [
        rated(f"n{number}-{user}", 10 + (user + number) % 10, NOON_MS // 1000 + 10 * number + user)
        for user in range(4)
    ]
