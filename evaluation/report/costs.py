"""What the layers cost: bytes that are kept of a user, and the size of a model.

A layer keeps of a user what its answers need. The global layer keeps nothing. The persona layer
keeps which persona the user is in and what they stated of themselves. The user layer keeps the
user's own history, the blend both. All are measured as the bytes that the stores hold.
"""

import gc
import sys
from collections import defaultdict
from collections.abc import Iterable, Mapping
from types import BuiltinFunctionType, FunctionType, MethodType, ModuleType
from typing import Final

import numpy as np
from msgspec.structs import replace

from evaluation.reading import in_protocol_order
from evaluation.run import Streams
from profiles.effects import effects_of
from profiles.fold import Sourced, fold
from profiles.policy import DEFAULT_POLICY
from profiles.queries import Level
from profiles.state import EMPTY_STATE, UserState, encode_state
from schemas.decoded import FastEvent, Item, ItemRetired

__all__ = ["held_bytes", "memory_bytes"]

_PERSONA: Final = "p1"
_TOPIC: Final = "events"


def held_bytes(streams: Streams, event_ids: Iterable[str]) -> dict[Level, list[int]]:
    """What each layer keeps of the user of each event just before it, in the order of the ids.

    Args:
        event_ids: Of events of the test.
    """
    wanted = set(event_ids)
    users = {
        event.user_id
        for event in streams.test
        if event.event_id in wanted and not isinstance(event, Item | ItemRetired)
    }
    states: defaultdict[str, UserState] = defaultdict(lambda: EMPTY_STATE)
    found: dict[str, Mapping[Level, int]] = {}
    ordered = (*in_protocol_order(streams.warm), *in_protocol_order(streams.test))
    for offset, event in enumerate(ordered):
        if isinstance(event, Item | ItemRetired) or event.user_id not in users:
            continue
        state = states[event.user_id]
        if event.event_id in wanted:
            found[event.event_id] = _sizes(state)
        states[event.user_id] = _folded(state, event, offset)
    return {level: [found[one][level] for one in event_ids] for level in Level}


def _folded(state: UserState, event: FastEvent, offset: int) -> UserState:
    if isinstance(event, Item | ItemRetired):
        return state
    sourced = Sourced(_TOPIC, offset, effects_of(event, DEFAULT_POLICY))
    folded = fold(state, [sourced], DEFAULT_POLICY).state
    # Positions are counted once, whatever a user has: they are not of the layers.
    return replace(folded, positions={})


def _sizes(state: UserState) -> dict[Level, int]:
    least = len(encode_state(EMPTY_STATE))
    known = bool(state.sets)
    member = replace(EMPTY_STATE, attributes=state.attributes, persona=_PERSONA if known else None)
    own = replace(state, attributes={}, persona=None)
    both = replace(state, persona=_PERSONA if known else None)
    return {
        Level.GLOBAL: 0,
        Level.PERSONA: len(encode_state(member)) - least,
        Level.USER: len(encode_state(own)) - least,
        Level.BLEND: len(encode_state(both)) - least,
    }


_SHARED: Final = (type, ModuleType, FunctionType, BuiltinFunctionType, MethodType)


def memory_bytes(model: object) -> int:
    """Memory of a model and all that it refers to, in bytes.

    Code, and what only a callback reaches (text models, caches on disk), is not the model's.
    """
    seen: set[int] = set()
    waiting: list[object] = [model]
    total = 0
    while waiting:
        one = waiting.pop()
        if id(one) in seen or isinstance(one, _SHARED):
            continue
        seen.add(id(one))
        # A view is what it shows, not what it was cut from.
        total += one.nbytes if isinstance(one, np.ndarray) else sys.getsizeof(one)
        waiting.extend(gc.get_referents(one))
    return total
