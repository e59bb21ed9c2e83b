"""Small random histories in event format, made so that ties, repeats and cuts happen often."""

import itertools
import json
from collections.abc import Iterable, Sequence
from typing import Any, Final, TypeVar

import numpy as np
from hypothesis import strategies as st

from profiles.catalogue import ItemCatalogue
from profiles.contributions import UserView, fixed_point, view_of
from profiles.effects import UserEvent, effects_of
from profiles.fold import Sourced, fold
from profiles.ids import item_key
from profiles.policy import Policy
from profiles.projection import project
from profiles.state import EMPTY_STATE, UserState
from schemas.fast import Item, ItemRetired, Limits, Rejection, decode
from schemas.instants import rfc3339

EventDict = dict[str, Any]
T = TypeVar("T")

LAST_MS: Final = 253_402_300_799_999  # 9999-12-31T23:59:59.999Z
DIMENSION: Final = 4
# "unseen" has no vector: entries about it wait.
KNOWN_ITEMS: Final = ("i0", "i1", "i2", "i3", "opposite of i0")
ITEMS: Final = (*KNOWN_ITEMS, "unseen")
VECTORS: Final = {
    "default": {
        "i0": [1.0, 0.0, 0.0, 0.0],
        "i1": [0.5, 0.5, 0.5, 0.5],
        "i2": [0.0, 0.6, -0.8, 0.0],
        "i3": [0.125, -0.25, 0.5, 2.0],
        "opposite of i0": [-1.0, 0.0, 0.0, 0.0],
    }
}

_ACTIONS: Final = ("view", "like", "dislike", "buy", "hide", "rate", "vote", "wave", "choose")
_START_MS: Final = 1_700_000_000_000
_LIMITS: Final = Limits(ahead_ms=LAST_MS)

times_ms: Final[st.SearchStrategy[int]] = st.one_of(
    st.sampled_from([_START_MS + n for n in (0, 1, 60_000, 3_600_000, 86_400_000)]),
    st.integers(_START_MS - 60 * 86_400_000, _START_MS),
)
later_times_ms: Final = st.integers(_START_MS + 86_400_001, _START_MS + 60 * 86_400_000)
edge_times_ms: Final = st.sampled_from([0, 1, LAST_MS - 1, LAST_MS])

_values: Final = st.one_of(
    st.none(),
    st.sampled_from([-1.0, 0.0, 0.5, 1.0, 3.0, 4.5, 5.0]),
    st.floats(-10, 10),
)
scalars: Final = st.one_of(
    st.booleans(), st.integers(-2, 2), st.sampled_from([0.0, 1.0, 2.5]), st.sampled_from(["", "x"])
)
_sides: Final = st.one_of(
    st.builds(lambda item: {"item_id": item}, st.sampled_from(ITEMS)),
    st.builds(lambda text: {"text": text}, st.sampled_from(["i0", "a text"])),
)


def _interactions(actions: Sequence[str]) -> st.SearchStrategy[EventDict]:
    return st.builds(
        lambda item, action, value: {
            "type": "interaction",
            "item_id": item,
            "action": action,
            **({} if value is None else {"value": value}),
        },
        st.sampled_from(ITEMS),
        st.sampled_from(actions),
        _values,
    )


_preferences: Final = st.builds(
    lambda sides, strength: {
        "type": "preference",
        "chosen": sides[0],
        "rejected": sides[1],
        **({} if strength is None else {"strength": strength}),
    },
    st.tuples(_sides, _sides).filter(lambda sides: sides[0] != sides[1]),
    st.one_of(st.none(), st.sampled_from([0, 0.5, 1.0, 5.0, 9.0]), st.floats(0.01, 10)),
)
_others: Final = st.one_of(
    st.sampled_from(
        [
            {"type": "document", "document_id": "d1", "text": "…"},
            {"type": "document", "document_id": "d2", "text": "…", "kind": "review"},
            {"type": "identity", "same_as": "visitor"},
        ]
    ),
    st.builds(
        lambda values: {"type": "attributes", "attributes": values},
        st.dictionaries(st.sampled_from(["age", "city", ""]), scalars, max_size=2),
    ),
)
_forgetting: Final = st.one_of(
    st.just({"type": "erasure"}),
    st.builds(
        lambda kind, granted: {"type": "consent", "data_type": kind, "granted": granted},
        st.sampled_from(["interactions", "preferences", "documents", "attributes"]),
        st.booleans(),
    ),
)
_removals: Final = st.builds(lambda number: {"type": "removal", "of": number}, st.integers(0, 13))
weighed: Final = _interactions(["view", "like", "dislike", "hide"])
superseding: Final = _interactions(["rate", "vote"])
remembered: Final = st.one_of(_interactions(_ACTIONS), superseding, _preferences, _others)
anything: Final = st.one_of(remembered, remembered, remembered, _removals, _forgetting)


@st.composite
def histories(
    draw: st.DrawFn,
    *,
    says: st.SearchStrategy[EventDict] = anything,
    at_ms: st.SearchStrategy[int] = times_ms,
    least: int = 0,
    most: int = 14,
) -> list[EventDict]:
    """Events of the user "u", each with an id of its own, in no order of time."""
    drafts = draw(st.lists(st.tuples(says, at_ms), min_size=least, max_size=most))
    return [
        _named(said, drafts)
        | {"event_id": f"e{number}", "occurred_at": rfc3339(at), "user_id": "u"}
        for number, (said, at) in enumerate(drafts)
    ]


_KIND_OF: Final = {
    "interaction": "interactions",
    "preference": "preferences",
    "document": "documents",
}


def _named(said: EventDict, drafts: Sequence[tuple[EventDict, int]]) -> EventDict:
    """A removal with what it removes: another of these events, or an attribute."""
    if said["type"] != "removal":
        return said
    number = int(str(said["of"])) % len(drafts)
    other, at_ms = drafts[number]
    kind = _KIND_OF.get(str(other["type"]))
    if kind is None:
        return {"type": "removal", "data_type": "attributes", "attribute": "age"}
    return {
        "type": "removal",
        "data_type": kind,
        "removed_id": f"e{number}",
        "removed_at": rfc3339(at_ms),
    }


def likes_of(number: int) -> list[EventDict]:
    """One user's likes, each of another item, one after the other."""
    return [
        {
            "type": "interaction",
            "event_id": f"e{ordinal}",
            "occurred_at": 1_000_000 + ordinal,
            "user_id": "u",
            "item_id": f"i{ordinal}",
            "action": "like",
        }
        for ordinal in range(number)
    ]


def parsed(event: EventDict) -> UserEvent:
    """The event as the product's own decoder reads it."""
    decoded = decode(json.dumps(event).encode(), received_ms=LAST_MS, limits=_LIMITS)
    assert not isinstance(decoded, Rejection), decoded
    assert not isinstance(decoded, Item | ItemRetired), decoded
    return decoded


def sourced(events: Iterable[EventDict], policy: Policy, *, first: int = 0) -> list[Sourced]:
    """Events at consecutive offsets of one topic."""
    return [
        Sourced("t", offset, effects_of(parsed(event), policy))
        for offset, event in enumerate(events, first)
    ]


def folded(
    events: Iterable[EventDict],
    policy: Policy,
    *,
    state: UserState = EMPTY_STATE,
    first: int = 0,
) -> UserState:
    """The state after the events, taken in as one batch."""
    return fold(state, sourced(events, policy, first=first), policy).state


def pieces(sequence: Sequence[T], cuts: Iterable[int]) -> list[Sequence[T]]:
    """The sequence cut at the given places."""
    ends = sorted({min(cut, len(sequence)) for cut in cuts} | {0, len(sequence)})
    return [sequence[start:end] for start, end in itertools.pairwise(ends)]


def catalogue() -> ItemCatalogue:
    known = ItemCatalogue(DIMENSION)
    for item, vector in VECTORS["default"].items():
        known.put(item_key("default", item), np.array(vector, np.float32))
    return known


def seen(state: UserState, policy: Policy) -> UserView:
    """What aggregates see of the state."""
    return view_of(state, fixed_point(project(state, catalogue(), policy).vector))
