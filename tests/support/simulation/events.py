"""Small histories in which all that can meet does meet: few users, items and moments."""

import random
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

__all__ = ["Event", "Published", "draw_events"]

Event = dict[str, Any]

_USERS: Final = ("ann", "bob", "cid", "dan")
_ITEMS: Final = ("a", "b", "c")
_WORDS: Final = ("sea storm", "ghost castle", "sail island", "quiet garden")
_ACTIONS: Final = ("view", "like", "dislike", "buy", "rate")
_KINDS: Final = ("interactions", "preferences", "documents", "attributes")
_START_S: Final = 1_699_000_000


@dataclass(frozen=True, slots=True)
class Published:
    """A record for the broker.

    Attributes:
        event: None for a record that is no event.
        strays: Lies in a partition that its key does not belong to.
    """

    event: Event | None
    strays: bool = False


def draw_events(chance: random.Random, *, number: int, described_again: bool) -> list[Published]:
    """Events in no order of time, with repeats, strays and bad records among them.

    Args:
        described_again: Whether an item may have several descriptions.
    """
    described: set[str] = set()
    times = chance.sample(range(400), number)
    drawn: list[Published] = []
    for ordinal, offset_s in enumerate(times):
        if chance.random() < 0.04:
            drawn.append(Published(None))
            continue
        common = {"event_id": f"e{ordinal}", "occurred_at": _START_S + 1_000 * offset_s}
        event = {**common, **_said(chance, ordinal)}
        if event["type"] == "item":
            if event["item_id"] in described and not described_again:
                continue
            described.add(event["item_id"])
        drawn.append(Published(event, strays=chance.random() < 0.06))
        if chance.random() < 0.08:
            drawn.append(Published(event))
    chance.shuffle(drawn)
    return drawn


def _said(chance: random.Random, ordinal: int) -> Event:
    which = chance.random()
    item = chance.choice(_ITEMS)
    if which < 0.16:
        text = f"{chance.choice(_WORDS)} {ordinal}"
        return {"type": "item", "item_id": item, "text": text}
    user = {"user_id": chance.choice(_USERS)}
    if which < 0.72:
        action = chance.choice(_ACTIONS)
        value = {"value": chance.choice((1, 3, 5))} if action == "rate" else {}
        return {"type": "interaction", **user, "item_id": item, "action": action, **value}
    if which < 0.80:
        chosen, rejected = chance.sample(_ITEMS, 2)
        return {
            "type": "preference",
            **user,
            "chosen": {"item_id": chosen},
            "rejected": {"item_id": rejected},
        }
    if which < 0.86:
        return {
            "type": "attributes",
            **user,
            "attributes": {
                chance.choice(("country", "format")): chance.choice(("GB", "FR", "paper"))
            },
        }
    if which < 0.91:
        return {"type": "document", **user, "document_id": f"d{ordinal}", "text": "Dear shop"}
    if which < 0.96:
        return {
            "type": "consent",
            **user,
            "data_type": chance.choice(_KINDS),
            "granted": chance.random() < 0.5,
        }
    if which < 0.97:
        return {"type": "identity", **user, "same_as": "guest"}
    if which < 0.98:
        return {"type": "removal", **user, "data_type": "attributes", "attribute": "country"}
    return {"type": "erasure", **user}


def accepted(published: Sequence[Published]) -> list[Event]:
    """The events, repeats included."""
    return [one.event for one in published if one.event is not None]
