"""Policy: what an action is worth and how fast evidence fades.

Values here are decisions of people, not of code; `load_policy` reads them from
a TOML file and `DEFAULT_POLICY` is what is meant when none is given.
"""

import math
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field

from profiles.ids import action_code

__all__ = ["DEFAULT_POLICY", "ActionRule", "Policy", "PolicyError", "load_policy"]

DAY_S = 86_400.0


class PolicyError(ValueError):
    """The policy cannot be used; the message names the entry."""


@dataclass(frozen=True, slots=True)
class ActionRule:
    """Signed weight of one action.

    Without a value the weight is `weight`. With one it is
    `(value - neutral) * scale`, clipped to [-limit, limit].

    Attributes:
        supersedes: A second event on the same item replaces the first one's effect.
    """

    weight: float = 0.1
    neutral: float | None = None
    scale: float = 1.0
    limit: float = 5.0
    supersedes: bool = False

    def weigh(self, value: float | None) -> float:
        """Signed weight in [-limit, limit].

        >>> ActionRule(neutral=3.0, scale=0.5).weigh(5.0)
        1.0
        """
        if value is None or self.neutral is None:
            return self.weight
        # Adding zero turns -0.0 into 0.0: equal weights must be equal bytes.
        return max(-self.limit, min(self.limit, (value - self.neutral) * self.scale)) + 0.0


_DEFAULT_ACTIONS: Mapping[str, ActionRule] = {
    "view": ActionRule(0.1),
    "click": ActionRule(0.2),
    "save": ActionRule(0.5),
    "favorite": ActionRule(1.0),
    "cart": ActionRule(0.5),
    "buy": ActionRule(1.0),
    "read": ActionRule(0.5),
    "like": ActionRule(1.0),
    "dislike": ActionRule(-1.0),
    "hide": ActionRule(-0.5),
    "return": ActionRule(-0.5),
    "rate": ActionRule(0.0, neutral=3.0, scale=0.5, limit=1.0, supersedes=True),
    "vote": ActionRule(0.0, neutral=0.0, limit=1.0, supersedes=True),
    "judge": ActionRule(0.0, neutral=0.0, limit=1.0, supersedes=True),
}


@dataclass(frozen=True, slots=True)
class Policy:
    """How events become evidence.

    Attributes:
        half_life_s: Event-time seconds after which evidence counts half; > 0.
        half_rank: Number of later events after which evidence counts half; > 0.
        kept: Entries kept per user and data type, K ≥ 1.
        choice_weight: Added for a chosen item and subtracted for a rejected one,
            times the preference's strength (clipped to [0, 5]).
        unknown_action: Rule for actions that `actions` does not name.
        popularity_half_life_s: For decayed item popularity; > 0.
        co_occurrence_window: A positive item pairs with this many before it.
    """

    half_life_s: float = 30 * DAY_S
    half_rank: float = 20.0
    kept: int = 512
    choice_weight: float = 0.5
    actions: Mapping[str, ActionRule] = field(default_factory=lambda: _DEFAULT_ACTIONS)
    unknown_action: ActionRule = ActionRule(0.1)
    popularity_half_life_s: float = 7 * DAY_S
    co_occurrence_window: int = 10

    def __post_init__(self) -> None:
        for name in ("half_life_s", "half_rank", "popularity_half_life_s"):
            number = getattr(self, name)
            if not (math.isfinite(number) and number > 0):
                raise PolicyError(f"policy: {name} must be a finite number above 0, not {number}")
        if self.kept < 1:
            raise PolicyError(f"policy: kept must be at least 1, not {self.kept}")
        if not 1 <= self.co_occurrence_window <= 100:
            raise PolicyError("policy: co_occurrence_window must be from 1 to 100")
        codes: dict[int, str] = {}
        for action in self.actions:
            other = codes.setdefault(action_code(action), action)
            if other != action:
                raise PolicyError(f"policy: actions {other!r} and {action!r} share a code")

    def rule(self, action: str) -> ActionRule:
        return self.actions.get(action, self.unknown_action)


DEFAULT_POLICY = Policy()


def load_policy(text: str) -> Policy:
    """Read a policy from TOML; what it leaves out is as in `DEFAULT_POLICY`.

    An `[actions.NAME]` table replaces that action's rule; others stay.

    >>> load_policy('half_rank = 10.0').half_rank
    10.0

    Raises:
        PolicyError: not TOML, an unknown key, or a value out of range.
    """
    try:
        table = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise PolicyError(f"policy: not TOML: {error}") from error
    actions = dict(_DEFAULT_ACTIONS)
    for name, rule in table.pop("actions", {}).items():
        try:
            actions[name] = ActionRule(**rule)
        except TypeError as error:
            raise PolicyError(f"policy: actions.{name}: {error}") from error
    try:
        return Policy(**table, actions=actions)
    except TypeError as error:
        raise PolicyError(f"policy: {error}") from error
