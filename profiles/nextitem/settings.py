"""The one configuration for all data; chosen on users of the public files held out by fold."""

from dataclasses import dataclass

__all__ = ["Settings"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Sizes and rates of the next-item models.

    Attributes:
        kept: Events kept per user; ≥ 10.
        recent: Latest events whose neighbours are looked up; in [1, kept].
        half_rank: Later liked events after which a liked event counts half; > 0.
        neighbours: Successors kept per item, k; the error is stated in `transitions`.
        dimension: Of the spectral spaces, ≥ 2; cut to what the data support.
        shrinkage: ρ of the spectral space: directions with an eigenvalue below it fade.
        text_dimension: Principal directions kept of text vectors.
        cold_likes: Likes after which an item's own place weighs as much as its text's.
        personas: Number of discovered personas, ≥ 1.
        sampled_users: Most users whose histories make the spaces and train the mixers.
        folds: Parts of the known users for cross-fitting; ≥ 2.
        fitted_predictions: About how many cross-fitted predictions train the mixers.
        refit_events: Events after which the spaces are computed anew; ≥ 1.
        left_out: Names of ingredients (`layers.INGREDIENTS`) not used; for ablations.
    """

    kept: int = 512
    recent: int = 10
    half_rank: float = 10.0
    neighbours: int = 256
    dimension: int = 128
    shrinkage: float = 200.0
    text_dimension: int = 96
    cold_likes: float = 0.0
    personas: int = 8
    sampled_users: int = 20_000
    folds: int = 5
    fitted_predictions: int = 6_000
    refit_events: int = 10_000
    left_out: frozenset[str] = frozenset()
