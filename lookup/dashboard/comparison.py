"""What a comparison of two versions says; made by `cli/comparing.py`, shown by the dashboard."""

import msgspec

__all__ = ["Comparison", "Difference", "Scores"]


class Difference(msgspec.Struct, frozen=True, kw_only=True):
    """A user who is another one in the other version.

    Attributes:
        distance: 1 − cosine of what their strongest items are worth, in [0, 2].
        events: Ever folded, before and after.
        effective_sample_size: Before and after.
    """

    tenant: str
    user_id: str
    distance: float
    events: tuple[int, int]
    effective_sample_size: tuple[float, float]


class Scores(msgspec.Struct, frozen=True, kw_only=True):
    """How good a version's learned models are by its own cross-fitted predictions, by tenant.

    Attributes:
        silhouette: Of its personas, in [-1, 1].
        nats: Mean gain of personas over everybody in log-likelihood per event, by events;
            None where there were too few users to tell.
    """

    tenant: str
    personas: int
    users: int
    silhouette: float
    nats: float | None


class Comparison(msgspec.Struct, frozen=True, kw_only=True):
    """All that differs between two versions.

    Attributes:
        names: Of the one in force, and the other one.
        users: In either.
        only_in: Users that only the first, and only the second has.
        facts: Users with another history: entries, totals, attributes or consents.
        weighed: Users with the same history, of which items are worth another amount.
        distances: Median, 90th percentile and largest of the distances of those who differ.
        largest: Those who differ most.
        ranked, overlap: Users whose ten best items were compared, and how many of ten are
            the same on average.
        scores: Of each version.
    """

    names: tuple[str, str]
    users: int
    only_in: tuple[int, int]
    facts: int
    weighed: int
    distances: tuple[float, float, float] | None
    largest: list[Difference]
    ranked: int
    overlap: float | None
    scores: tuple[list[Scores], list[Scores]]

    @property
    def differing(self) -> int:
        return sum(self.only_in) + self.facts + self.weighed
