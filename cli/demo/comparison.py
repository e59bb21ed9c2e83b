"""The personas found against those planted. Pure."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

__all__ = ["Comparison", "compare"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """How two ways of grouping the same users agree.

    Attributes:
        counts: (planted, found) → users.
        rand_index: Hubert & Arabie 1985, adjusted for chance: 1 for the same groups, about 0
            for unrelated ones.
        compared: Users that are in a group of both.
    """

    counts: Mapping[tuple[str, str], int]
    rand_index: float
    compared: int

    @property
    def planted(self) -> list[str]:
        """Largest first."""
        return _by_size(Counter(), self.counts, 0)

    @property
    def found(self) -> list[str]:
        """In the order of the planted groups that they hold most of."""
        order = {name: place for place, name in enumerate(self.planted)}
        return sorted(
            {found for _, found in self.counts},
            key=lambda found: (order[self.mostly(found)], -self.size_found(found), found),
        )

    def mostly(self, found: str) -> str:
        """The planted group that most users of a found one come from."""
        return max(
            (planted for planted, other in self.counts if other == found),
            key=lambda planted: (self.counts[planted, found], planted),
        )

    def home_of(self, planted: str) -> str | None:
        """The found group that most users of a planted one are in."""
        homes = {found: n for (name, found), n in self.counts.items() if name == planted}
        return max(homes, key=lambda found: (homes[found], found)) if homes else None

    def size_planted(self, planted: str) -> int:
        return sum(n for (name, _), n in self.counts.items() if name == planted)

    def size_found(self, found: str) -> int:
        return sum(n for (_, name), n in self.counts.items() if name == found)


def compare(planted: Mapping[str, str], found: Mapping[str, str]) -> Comparison:
    """Compare two groupings over the users that both place, user → group."""
    # Seconds to import, and whoever seeks personas has done it by now.
    from sklearn.metrics import adjusted_rand_score  # noqa: PLC0415

    users = sorted(planted.keys() & found.keys())
    return Comparison(
        counts=Counter((planted[user], found[user]) for user in users),
        rand_index=float(
            adjusted_rand_score([planted[user] for user in users], [found[user] for user in users])
        )
        if users
        else 0.0,
        compared=len(users),
    )


def _by_size(sizes: Counter[str], counts: Mapping[tuple[str, str], int], side: int) -> list[str]:
    for names, n in counts.items():
        sizes[names[side]] += n
    return sorted(sizes, key=lambda name: (-sizes[name], name))
