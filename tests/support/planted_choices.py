"""Populations whose tastes are known, and learners that were given them as stored states."""

from collections.abc import Iterable

import numpy as np

from evaluation.choices import StreamedChoices
from profiles.choices.learner import ChoiceLearner
from profiles.choices.pair_tables import PairOptions
from profiles.choices.sign_tables import SignOptions
from profiles.policy import DEFAULT_POLICY
from profiles.queries import PairQuery, SignQuery
from schemas.decoded import Attributes, Choice, FastEvent, Interaction, Item, Preference

SIGNS = SignOptions(parts=3, calibration=2_000)
PAIRS = PairOptions(parts=3, calibration=4_000)


def learner(signs: SignOptions = SIGNS, pairs: PairOptions = PAIRS) -> ChoiceLearner:
    return ChoiceLearner(policy=DEFAULT_POLICY, signs=signs, pairs=pairs)


def streamed(events: Iterable[FastEvent], *, warm: bool = True) -> StreamedChoices:
    """What the protocol makes of events: given at once, or one by one."""
    made = StreamedChoices(learner(), policy=DEFAULT_POLICY)
    if not warm:
        made.end_warm()
    for event in events:
        made.learn(event)
    if warm:
        made.end_warm()
    return made


def sign(user: str, item_id: str) -> SignQuery:
    return SignQuery(user_id=user, item_id=item_id, action="vote", occurred_at_ms=0)


def pair(user: str, a: str, b: str) -> PairQuery:
    return PairQuery(
        user_id=user,
        a=Choice(item_id=a),
        b=Choice(item_id=b),
        prompt=None,
        occurred_at_ms=0,
    )


def item(item_id: str, text: str = "", **attributes: str) -> Item:
    return Item("t", "i-" + item_id, 0, item_id, text, None, attributes or None)


def attributes(user: str, **told: str) -> Attributes:
    return Attributes("t", "a-" + user, 0, user, told)


def vote(user: str, item_id: str, value: float, number: int = 0) -> Interaction:
    return Interaction("t", f"v-{user}-{item_id}-{number}", number, user, item_id, "vote", value)


def prefer(user: str, chosen: str, rejected: str, number: int = 0) -> Preference:
    return Preference(
        "t", f"p-{user}-{number}", number, user, Choice(item_id=chosen), Choice(item_id=rejected)
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
