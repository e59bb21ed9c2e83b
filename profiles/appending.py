"""Interactions of one user that come behind all that is kept of them.

Nearly all events of nearly all streams do, and there are more of them than of anything else, so
they do not go through effects: what comes out is what `fold` gives, in a fraction of its time.
"""

from collections.abc import Sequence
from struct import Struct
from typing import Final

import numpy as np
from msgspec.structs import replace

from profiles.effects import act_row
from profiles.entries import ENTRY, packed_entry
from profiles.fold import MOST_ACTIONS
from profiles.policy import Policy
from profiles.state import DataType, UserState
from schemas.decoded import Interaction

__all__ = ["appended"]

# Taken from its class each time, a member costs more than what is done with it.
_KIND: Final = DataType.INTERACTIONS
_NEVER: Final = (-1, -1)
_newest: Final = Struct("<qI").unpack_from
"""Time and event of an entry's bytes."""


def appended(
    state: UserState, acts: Sequence[tuple[int, Interaction]], topic: str, policy: Policy
) -> UserState | None:
    """The state after interactions, each of which is counted; None if only `fold` can tell.

    Args:
        acts: Events with their offsets in `topic`; at least one.
    """
    kind = _KIND
    if state.removed.get(kind):
        return None
    held = state.sets.get(kind)
    forgotten_ms = state.forget_before.get(kind)
    # Behind every event of that time.
    newest = _NEVER if forgotten_ms is None else (forgotten_ms, 2**32)
    packed: list[bytes] = []
    if held is not None:
        old = held.tobytes()
        packed.append(old)
        last = _newest(old, len(old) - ENTRY.itemsize)
        newest = max(newest, last)
    offset = state.positions.get(topic, -1)
    by_action = dict(state.totals.get(kind, ()))
    for at, event in acts:
        row = act_row(event, policy)
        place = row[:2]
        if at <= offset or place <= newest:
            return None
        offset, newest = at, place
        packed.append(packed_entry(*row))
        by_action[event.action] = by_action.get(event.action, 0) + 1
    if len(by_action) > MOST_ACTIONS:
        return None
    rows = np.frombuffer(b"".join(packed), ENTRY)
    return replace(
        state,
        sets={**state.sets, kind: rows[-policy.kept :] if len(rows) > policy.kept else rows},
        totals={**state.totals, kind: by_action},
        positions={**state.positions, topic: offset},
    )
