"""What an act says, as evaluation and the models that are evaluated both read it."""

from typing import Final

import numpy as np
import numpy.typing as npt

from profiles.entries import Entries
from profiles.ids import action_code
from profiles.policy import Policy
from schemas.decoded import Interaction

__all__ = ["is_liked", "liked_entries", "signed_weight"]

_LIKED_RATING: Final = 4.0
_RATE: Final = "rate"


def is_liked(event: Interaction, policy: Policy) -> bool:
    """What counts as positive: a rating of at least 4, else a weight above 0.

    A value of zero is never positive.
    """
    if event.value == 0:
        return False
    if event.action == _RATE:
        return event.value is not None and event.value >= _LIKED_RATING
    return policy.rule(event.action).weigh(event.value) > 0


def liked_entries(rows: Entries, policy: Policy) -> npt.NDArray[np.bool_]:
    """`is_liked` of stored entries, shape (len(rows),).

    An entry holds the weight, not the value: an act whose rule has no neutral value and that
    came with a value of zero counts as liked here.
    """
    weight = rows["weight"]
    least = np.float32(policy.rule(_RATE).weigh(_LIKED_RATING))
    rated = rows["action"] == action_code(_RATE)
    liked: npt.NDArray[np.bool_] = (weight > 0) & (~rated | (weight >= least))
    return liked


def signed_weight(event: Interaction, policy: Policy) -> float | None:
    """Weight of an act whose value says for or against; None if it says neither.

    Votes, judgements, and ratings about their neutral 3: an action whose rule has a neutral
    value. A weight of zero is no side, and neither is a value of zero.
    """
    if event.value is None or event.value == 0 or policy.rule(event.action).neutral is None:
        return None
    return policy.rule(event.action).weigh(event.value) or None
