"""Which persona a user resembles most, from centroids taken as given."""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from operator import mul

from oracle.history import OracleUser


@dataclass(frozen=True)
class Nearest:
    """The nearest persona and by how much the next one is further away.

    Attributes:
        persona: None for a user without a direction, or without personas.
        margin: Cosine to the nearest minus cosine to the next; infinite without a
            next one. Below the rounding of 32-bit sums either may be chosen.
    """

    persona: str | None
    margin: float


def nearest_persona(user: OracleUser, centroids: Mapping[str, Sequence[float]]) -> Nearest:
    """The persona with the largest cosine; of equal ones the first by id."""
    if not centroids or not user.has_direction:
        return Nearest(None, math.inf)
    cosines = sorted(
        (-math.fsum(map(mul, user.vector, centroid)), persona)
        for persona, centroid in centroids.items()
    )
    margin = cosines[1][0] - cosines[0][0] if len(cosines) > 1 else math.inf
    return Nearest(cosines[0][1], margin)


def members_of(
    users: Iterable[OracleUser], memberships: Mapping[tuple[str, str], Iterable[str]]
) -> dict[str, list[OracleUser]]:
    """Users grouped by persona; `memberships` are ids by (tenant, user id)."""
    groups: dict[str, list[OracleUser]] = {}
    for user in users:
        for persona in memberships.get((user.tenant, user.user_id), ()):
            groups.setdefault(persona, []).append(user)
    return groups
