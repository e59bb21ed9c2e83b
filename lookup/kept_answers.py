"""What answers say of users alone, given again while their views are the same."""

from collections import OrderedDict
from dataclasses import dataclass, replace

from lookup.layers import Place
from lookup.profile_json import Own
from lookup.remembered import Clock

__all__ = ["Kept", "KeptAnswers"]


@dataclass(frozen=True, slots=True)
class Kept:
    """What is said of one user.

    Attributes:
        view: The cached view that it was made of.
        place: Where they stand, and so what stands above them.
        until_s: It is not given again from then on.
        named_until_s: Until then every item in it has the name that it has here.
    """

    view: bytes
    place: Place
    own: Own
    until_s: float
    named_until_s: float


class KeptAnswers:
    """The latest, by user's key; each for `age_s`, so that nobody stays for ever.

    Args:
        most: Answers held; ≥ 0.
    """

    def __init__(self, *, most: int, age_s: float, clock: Clock) -> None:
        self._most = most
        self._age_s = age_s
        self._clock = clock
        # In the order in which they were kept: none outlasts `age_s` behind another.
        self._held: OrderedDict[bytes, Kept] = OrderedDict()

    def find(self, user: bytes, view: bytes | None) -> Kept | None:
        """What was made of this very view; see `is_named` for the items in it."""
        kept = self._held.get(user)
        if kept is None:
            return None
        if kept.view != view or kept.until_s <= self._clock():
            del self._held[user]
            return None
        return kept

    def is_named(self, kept: Kept) -> bool:
        """Whether its items have the names that they have in it, as far as is known."""
        return self._clock() < kept.named_until_s

    def rename(self, user: bytes, kept: Kept, *, until_s: float) -> None:
        """Keep one whose items turned out to have the same names for longer."""
        if self._held.get(user) is kept:
            self._held[user] = replace(kept, named_until_s=until_s)

    def keep(self, user: bytes, view: bytes, *, place: Place, own: Own) -> None:
        now_s = self._clock()
        self._held.pop(user, None)
        self._held[user] = Kept(view, place, own, now_s + self._age_s, own.named_until_s)
        while self._held and (
            len(self._held) > self._most or next(iter(self._held.values())).until_s <= now_s
        ):
            self._held.popitem(last=False)
