"""States and items small enough to see through: two tastes, low and high items."""

from collections.abc import Iterable, Sequence

import numpy as np

from profiles.effects import UserEvent, effects_of
from profiles.fold import Sourced, fold
from profiles.ids import item_key, user_key
from profiles.learning import KnownItem
from profiles.nextitem.learner import NextItemLearner
from profiles.nextitem.settings import Settings
from profiles.policy import DEFAULT_POLICY
from profiles.ports import Vector
from profiles.state import EMPTY_STATE, UserState
from schemas.decoded import Interaction

SMALL = Settings(
    neighbours=8,
    taste_dimension=6,
    text_dimension=4,
    occasion_dimension=6,
    most_personas=3,
    fitted_predictions=60,
)


def text_vector(number: int) -> Vector:
    """Texts of low and of high items differ."""
    vector = np.random.default_rng(number).standard_normal(8).astype(np.float32) * 0.2
    vector[0 if number < 10 else 1] += 1.0
    return np.asarray(vector / np.linalg.norm(vector), np.float32)


def key_of(number: int) -> int:
    return item_key("default", f"i{number}")


def known_item(number: int) -> KnownItem:
    return KnownItem(
        key=key_of(number), item_id=f"i{number}", text="text", vector=text_vector(number)
    )


def rated(user: str, number: int, at_s: int, value: float = 5.0) -> Interaction:
    name = f"{user}-{number}-{at_s}"
    return Interaction("default", name, 1_000 * at_s, user, f"i{number}", "rate", value)


def population() -> list[Interaction]:
    """Fourteen users, each of one of two tastes."""
    rng = np.random.default_rng(5)
    events = [
        rated(f"w{user}", 10 * (user % 2) + int(number), 30 * step + user)
        for user in range(14)
        for step, number in enumerate(rng.permutation(10)[:6])
    ]
    return sorted(events, key=lambda event: event.occurred_at_ms)


def state_of(events: Iterable[UserEvent], state: UserState = EMPTY_STATE) -> UserState:
    """The state of one user, as the stream folds it."""
    batch = [
        Sourced(f"of {event.event_id}", 0, effects_of(event, DEFAULT_POLICY)) for event in events
    ]
    return fold(state, batch, DEFAULT_POLICY).state


def states_of(events: Sequence[Interaction]) -> dict[bytes, UserState]:
    users = dict.fromkeys(event.user_id for event in events)
    return {
        user_key("default", user): state_of(event for event in events if event.user_id == user)
        for user in users
    }


def learner(*, seed: int = 0, settings: Settings = SMALL, refit: bool = True) -> NextItemLearner:
    """Twenty items, and the population's states."""
    made = NextItemLearner(policy=DEFAULT_POLICY, settings=settings, seed=seed)
    for number in range(20):
        made.put_item(known_item(number))
    for key, state in states_of(population()).items():
        made.fold(key, state)
    if refit:
        made.refit()
    return made
