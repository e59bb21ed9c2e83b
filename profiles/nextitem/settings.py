"""The one configuration for all data; chosen on users of the public files held out by fold."""

from dataclasses import dataclass

__all__ = ["Settings"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Sizes and rates of the next-item models.

    Attributes:
        recent: Latest acts whose neighbours are looked up; ≥ 4.
        neighbours: Successors kept per item, k; the error is stated in `transitions`.
        taste_dimension, text_dimension: Parts of the item space, ≥ 2; the space has their sum
            for all its versions.
        occasion_dimension: Of the space of occasions, ≥ 2.
        text_weight: Length of an item's text part beside its taste part; > 0.
        half_rank: Later liked acts after which a liked act counts half in tastes; > 0.
        shrinkage: ρ of the taste part: directions with an eigenvalue below it fade.
        cold_likes: Likes after which an item's own place weighs as much as its text's.
        most_personas: Largest number of discovered personas, ≥ 2.
        sampled_users: Most users that anything is learned from.
        most_items: Most items of a model; the rest is known by text only.
        folds: Parts of the sampled users for cross-fitting; ≥ 2.
        fitted_predictions: About how many cross-fitted predictions train the mixers.
        left_out: Names of ingredients (`ingredients.INGREDIENTS`) not used; for ablations.
    """

    recent: int = 10
    neighbours: int = 256
    taste_dimension: int = 96
    text_dimension: int = 32
    occasion_dimension: int = 128
    text_weight: float = 0.1
    half_rank: float = 10.0
    shrinkage: float = 200.0
    cold_likes: float = 5.0
    most_personas: int = 12
    sampled_users: int = 20_000
    most_items: int = 200_000
    folds: int = 5
    fitted_predictions: int = 12_000
    left_out: frozenset[str] = frozenset()
