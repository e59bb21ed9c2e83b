"""Answers about users, given again while everything that they were made of is the same."""

from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass

from lookup.profile_json import ProfileAnswer
from lookup.remembered import Clock

__all__ = ["Ground", "Kept", "KeptAnswers"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Ground:
    """What of all that is published an answer rests on.

    Attributes:
        scopes: Whose statistics.
        personas: Whether the tenant's personas too.
    """

    scopes: tuple[str, ...]
    personas: bool


@dataclass(frozen=True, slots=True)
class Kept:
    """An answer.

    Attributes:
        view: The cached view that it was made of.
        published: What there was of `ground` then, which is compared by identity.
    """

    view: bytes
    ground: Ground
    published: Sequence[object]
    answer: ProfileAnswer
    until_s: float


class KeptAnswers:
    """The latest answers, by user's key; each for `age_s`, so that nobody stays for ever.

    Args:
        most: Answers held; ≥ 0.
    """

    def __init__(self, *, most: int, age_s: float, clock: Clock) -> None:
        self._most = most
        self._age_s = age_s
        self._clock = clock
        # In the order in which they were kept, and so in the order in which they end.
        self._held: OrderedDict[bytes, Kept] = OrderedDict()

    def find(self, user: bytes, view: bytes | None) -> Kept | None:
        """The answer made of this view, which is still to be compared with what is published."""
        kept = self._held.get(user)
        if kept is None:
            return None
        if kept.view != view or kept.until_s <= self._clock():
            del self._held[user]
            return None
        return kept

    def keep(
        self,
        user: bytes,
        view: bytes,
        *,
        ground: Ground,
        published: Sequence[object],
        answer: ProfileAnswer,
    ) -> None:
        now_s = self._clock()
        self._held.pop(user, None)
        self._held[user] = Kept(view, ground, published, answer, now_s + self._age_s)
        while self._held and (
            len(self._held) > self._most or next(iter(self._held.values())).until_s <= now_s
        ):
            self._held.popitem(last=False)
