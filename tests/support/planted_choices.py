"""Populations whose tastes are known, for tests of recovery."""

import numpy as np

from profiles.choices.sign_layers import SignOptions
from schemas.decoded import Attributes, Choice, Interaction, Item, Preference

OPTIONS = SignOptions(parts=3, calibration=2_000, passes=2)


def item(item_id: str, text: str = "", **attributes: str) -> Item:
    return Item("t", "i-" + item_id, 0, item_id, text, None, attributes or None)


def attributes(user: str, **told: str) -> Attributes:
    return Attributes("t", "a-" + user, 0, user, told)


def vote(user: str, item_id: str, value: float, number: int = 0) -> Interaction:
    return Interaction("t", f"v{number}", number, user, item_id, "vote", value)


def prefer(user: str, chosen: str, rejected: str, number: int = 0) -> Preference:
    return Preference(
        "t", f"p{number}", number, user, Choice(item_id=chosen), Choice(item_id=rejected)
    )


def camps(*, users: int, items: int, votes: int, seed: int) -> list[Interaction]:
    """Two camps that disagree on every item; each user votes `votes` times."""
    rng = np.random.default_rng(seed)
    side = rng.choice([-1, 1], items)
    events = []
    for number in range(users * votes):
        user = int(rng.integers(users))
        what = int(rng.integers(items))
        camp = 1 if user % 2 else -1
        value = side[what] * camp if rng.random() < 0.92 else -side[what] * camp
        events.append(vote(f"u{user}", f"i{what}", float(value), number))
    return events


def agreeing(*, users: int, items: int, votes: int, seed: int) -> list[Interaction]:
    """Users without any taste of their own: only the item decides."""
    rng = np.random.default_rng(seed)
    rate = rng.uniform(0.1, 0.9, items)
    events = []
    for number in range(users * votes):
        what = int(rng.integers(items))
        value = 1.0 if rng.random() < rate[what] else -1.0
        events.append(vote(f"u{int(rng.integers(users))}", f"i{what}", value, number))
    return events
