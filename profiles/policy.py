"""Policy: what an action is worth and how fast evidence fades.

Values here are decisions of people, not of code; `load_policy` reads them from
a TOML file and `DEFAULT_POLICY` is what is meant when none is given.
"""

import tomllib
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from typing import Final, TypeVar

import msgspec

from profiles.ids import action_code

__all__ = [
    "CHOICE",
    "DEFAULT_POLICY",
    "TIE",
    "ActionRule",
    "Policy",
    "PolicyError",
    "load_policy",
]

CHOICE: Final = "choose"
"""What a preference is called among actions."""

TIE: Final = "tie"
"""… and one that says that there is no difference: it weighs nothing, on either side."""


DAY_S = 86_400.0
_LARGEST = 1e12
_LARGEST_WEIGHT = 100.0


class PolicyError(ValueError):
    """The policy cannot be used; the message names the entry."""


def _within(name: str, number: float, least: float, most: float) -> None:
    if not least <= number <= most:  # NaN is within nothing
        raise PolicyError(f"{name} must be from {least:g} to {most:g}, not {number:g}")


@dataclass(frozen=True, slots=True)
class ActionRule:
    """Signed weight of one action.

    Without a value the weight is `weight`. With one it is
    `(value - neutral) * scale`, clipped to [-limit, limit].

    Attributes:
        weight: In [-100, 100].
        neutral, scale: In [-1e12, 1e12].
        limit: In [0, 100].
        supersedes: A second event on the same item replaces the first one's effect.

    Raises:
        PolicyError: a number out of range.
    """

    weight: float = 0.1
    neutral: float | None = None
    scale: float = 1.0
    limit: float = 5.0
    supersedes: bool = False

    def __post_init__(self) -> None:
        _within("weight", self.weight, -_LARGEST_WEIGHT, _LARGEST_WEIGHT)
        _within("neutral", self.neutral or 0.0, -_LARGEST, _LARGEST)
        _within("scale", self.scale, -_LARGEST, _LARGEST)
        _within("limit", self.limit, 0.0, _LARGEST_WEIGHT)

    def weigh(self, value: float | None) -> float:
        """Signed weight: `weight` as it is, one from a value in [-limit, limit].

        >>> ActionRule(neutral=3.0, scale=0.5).weigh(5.0)
        1.0
        """
        if value is None or self.neutral is None:
            return self.weight + 0.0
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
        half_life_s: Event-time seconds after which evidence counts half; ≥ 1.
        half_rank: Number of later events after which evidence counts half; ≥ 0.01.
        kept: Entries kept per user and data type, K, in [1, 100 000].
        choice_weight: Added for a chosen item and subtracted for a rejected one,
            times the preference's strength (clipped to [0, 5]); in [0, 100].
        unknown_action: Rule for actions that `actions` does not name.
        popularity_half_life_s: For decayed item popularity; ≥ 3600.
        co_occurrence_window: A positive item pairs with this many before it; in [1, 100].
        co_occurrence_share: Of users whose pairs are counted, drawn by their keys; in [0, 1]. A
            pair that the sample counts c times occurs c / share times, give or take
            √(c · (1 - share)) / share.

    Raises:
        PolicyError: a number out of range, or two actions whose codes meet.
    """

    half_life_s: float = 30 * DAY_S
    half_rank: float = 10.0
    kept: int = 512
    choice_weight: float = 0.5
    actions: Mapping[str, ActionRule] = field(default_factory=lambda: _DEFAULT_ACTIONS)
    unknown_action: ActionRule = ActionRule(0.1)
    popularity_half_life_s: float = 7 * DAY_S
    co_occurrence_window: int = 10
    co_occurrence_share: float = 0.25

    def __post_init__(self) -> None:
        _within("half_life_s", self.half_life_s, 1.0, _LARGEST)
        _within("half_rank", self.half_rank, 0.01, _LARGEST)
        _within("popularity_half_life_s", self.popularity_half_life_s, 3_600.0, _LARGEST)
        _within("kept", self.kept, 1, 100_000)
        _within("choice_weight", self.choice_weight, 0.0, _LARGEST_WEIGHT)
        _within("co_occurrence_window", self.co_occurrence_window, 1, 100)
        _within("co_occurrence_share", self.co_occurrence_share, 0.0, 1.0)
        codes: dict[int, str] = {}
        for action in self.actions:
            other = codes.setdefault(action_code(action), action)
            if other != action:
                raise PolicyError(f"actions {other!r} and {action!r} share a code")

    def rule(self, action: str) -> ActionRule:
        return self.actions.get(action, self.unknown_action)


DEFAULT_POLICY = Policy()


def load_policy(text: str) -> Policy:
    """Read a policy from TOML; what it leaves out is as in `DEFAULT_POLICY`.

    An `[actions.NAME]` table replaces that action's rule; others stay.

    >>> load_policy('half_rank = 5.0').half_rank
    5.0

    Raises:
        PolicyError: not TOML, an unknown key, or a value out of range.
    """
    try:
        table = tomllib.loads(text)
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise PolicyError(f"policy: not TOML: {error}") from error
    actions = table.get("actions", {})
    if not isinstance(actions, dict):
        raise PolicyError("policy: actions is not a table")
    for name, rule in actions.items():
        _read(rule, ActionRule, name=f"actions.{name}")
    _read(table.get("unknown_action", {}), ActionRule, name="unknown_action")
    defaults = {name: asdict(rule) for name, rule in _DEFAULT_ACTIONS.items()}
    return _read(table | {"actions": defaults | actions}, Policy, name="policy")


_T = TypeVar("_T", Policy, ActionRule)


def _read(table: object, kind: type[_T], *, name: str) -> _T:
    unknown = set(table if isinstance(table, dict) else ()) - {field.name for field in fields(kind)}
    if unknown:
        raise PolicyError(f"{name}: there is no {min(unknown)!r}")
    try:
        return msgspec.convert(table, kind)
    except msgspec.ValidationError as error:
        raise PolicyError(f"{name}: {error}") from error
