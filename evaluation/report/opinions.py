"""What users said for and against items, without the model that is evaluated.

A user's acts on one item are one opinion: the last vote, judgement or rating, else the sum of what
their acts are worth. A look (an action that the policy names and counts little) shows interest, but
it is for nothing yet. Each comparison of two items is an opinion for one and one against the other.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from hashlib import blake2b
from typing import Final

from profiles.policy import DEFAULT_POLICY, Policy
from profiles.reversals import Tally
from schemas.decoded import FastEvent, Interaction, Preference

__all__ = ["Opinion", "choices_of", "described", "judgements_of", "tally_of"]

_LOOK: Final = 0.25
"""Weight under which a named action is a look."""


@dataclass(frozen=True, slots=True)
class Opinion:
    """One user for or against one item.

    Attributes:
        half: 0 or 1, by hash of user and item (of user and event for comparisons). Groups that
            are found from one half can be compared on the other without having been chosen for
            what is compared (sample splitting, Cox 1975).
    """

    user_id: str
    item_id: str
    positive: bool
    half: int


def judgements_of(
    events: Iterable[FastEvent], *, looks: bool = False, policy: Policy = DEFAULT_POLICY
) -> tuple[list[Opinion], dict[str, int]]:
    """Opinions by acts on items, and the half that each event lies in.

    Args:
        events: In protocol order.
        looks: Count looks as opinions.
    """
    last: dict[tuple[str, str], float] = {}
    total: defaultdict[tuple[str, str], float] = defaultdict(float)
    half_of: dict[str, int] = {}
    for event in events:
        if not isinstance(event, Interaction):
            continue
        key = (event.user_id, event.item_id)
        half_of[event.event_id] = _half(*key)
        rule = policy.rule(event.action)
        weight = rule.weigh(event.value)
        look = event.action in policy.actions and rule.neutral is None and abs(weight) < _LOOK
        if look and not looks:
            continue
        if rule.supersedes:
            last[key] = weight
        else:
            total[key] += weight
    opinions = [
        Opinion(*key, weight > 0, _half(*key))
        for key, weight in sorted((total | last).items())
        if weight
    ]
    return opinions, half_of


def choices_of(events: Iterable[FastEvent]) -> tuple[list[Opinion], dict[str, int]]:
    """Opinions by comparisons of items, and the half that each event lies in."""
    opinions: list[Opinion] = []
    half_of: dict[str, int] = {}
    for event in events:
        if not isinstance(event, Preference) or event.is_tie:
            continue
        half = half_of[event.event_id] = _half(event.user_id, event.event_id)
        for side, positive in ((event.chosen, True), (event.rejected, False)):
            if side.item_id is not None:
                opinions.append(Opinion(event.user_id, side.item_id, positive, half))
    return opinions, half_of


def tally_of(opinions: Iterable[Opinion]) -> Tally[str]:
    """How many opinions are for each item and how many against."""
    counts: tuple[defaultdict[str, int], defaultdict[str, int]] = defaultdict(int), defaultdict(int)
    for one in opinions:
        counts[not one.positive][one.item_id] += 1
    return Tally(dict(counts[0]), dict(counts[1]))


def _half(*parts: str) -> int:
    # Length-prefixed, so that no two lists of parts meet.
    packed = b"".join(len(part.encode()).to_bytes(4, "little") + part.encode() for part in parts)
    return blake2b(packed, digest_size=1, person=b"half").digest()[0] & 1


def described(opinions: Iterable[Opinion], texts: Mapping[str, tuple[str, ...]]) -> dict[str, int]:
    """How many of the opinions are for items of each description."""
    counts: defaultdict[str, int] = defaultdict(int)
    for one in opinions:
        if one.positive:
            for text in texts.get(one.item_id, ()):
                counts[text] += 1
    return dict(counts)
