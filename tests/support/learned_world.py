"""Learned models over the lookup's in-memory stores, as the write side publishes them."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import numpy as np
from lookup_world import NOON_MS, TOKEN, World
from nextitem_world import known_item, learner, population, rated, states_of, text_vector

from profiles.choices.learner import ChoiceLearner
from profiles.choices.model import ChoiceModel
from profiles.nextitem.learner import NextItemLearner
from profiles.nextitem.model import NextItemModel
from profiles.personas import Advantage, Persona, PersonaSet, encode_personas
from profiles.policy import DEFAULT_POLICY
from profiles.ports import PersonaDocument
from schemas.decoded import Interaction
from schemas.snapshots import ModelPointer, released_personas_name
from stores.blobs import blob_of, put_blob
from stores.personas import PointPersonaStore

__all__ = ["LearnedWorld", "Published", "newcomers"]


def choice_learner() -> ChoiceLearner:
    made = ChoiceLearner(policy=DEFAULT_POLICY)
    for number in range(20):
        made.put_item(known_item(number))
    for key, state in states_of(population()).items():
        made.fold(key, state)
    made.refit()
    return made


@dataclass(frozen=True, slots=True)
class Published:
    """One version, and what it should answer."""

    pointer: ModelPointer
    model: NextItemModel
    choices: ChoiceModel


@dataclass
class LearnedWorld:
    """Twenty items, "w0" … "w13" of two tastes, and a learner of all of them."""

    world: World = field(default_factory=World)
    learner: NextItemLearner = field(default_factory=learner)
    choices: ChoiceLearner = field(default_factory=choice_learner)
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
            self.choices.fold(key, state)

    async def publish(self, *, store: bool = True) -> Published:
        """The learner's present model as the next version; without `store`, only its pointer."""
        model, choices = self.learner.model(), self.choices.model()
        bodies = (model.space.to_bytes(), model.to_bytes(), choices.to_bytes())
        pointer = ModelPointer(len(self.versions) + 1, 1, *map(blob_of, bodies))
        if store:
            for body in bodies:
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
        await self.world.aggregates.put_snapshot(
            released_personas_name("default"), encode_personas(personas)
        )
        self.versions.append(Published(pointer, model, choices))
        return self.versions[-1]


def newcomers(number: int) -> list[Interaction]:
    """Some who like high items, at a time of their own."""
    return [
        rated(f"n{number}-{user}", 10 + (user + number) % 10, NOON_MS // 1000 + 10 * number + user)
        for user in range(4)
    ]
