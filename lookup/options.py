"""How answers are made, and what may be asked."""

from dataclasses import dataclass
from typing import Final

from lookup.errors import InvalidName
from profiles.ranking import DEFAULT_SHRINKAGE, Shrinkage
from schemas.limits import DEFAULT_LIMITS

__all__ = ["DEFAULT_OPTIONS", "MOST_LISTED", "LookupOptions", "require_listed", "require_name"]

MOST_LISTED: Final = 100
"""Longest list that one question may ask for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LookupOptions:
    """How answers are made.

    Attributes:
        minimum_size: Personas with fewer members are hidden everywhere; ≥ 1.
        shrinkage: How much evidence each layer needs.
        popular: Popular items shown beside a profile or a persona; ≥ 0.
        candidates_per_layer: Items that each layer puts forward for a ranking; ≥ 1.
        published_age_s: Personas and statistics may be this much older than the store's; ≥ 0.
        item_age_s: Titles, vectors and retirements of items likewise; ≥ 0.
        name_age_s: Titles in answers about users may be older by up to twice this; ≥ 0.
        answers_held: Answers about users kept to be given again while nothing has changed, for
            `name_age_s`; ≥ 0. 4 000 take about 40 MB.
        items_held: Items kept in memory, ≥ 1; 10 000 of 384 dimensions take about 20 MB.
        scopes_held: Tenants, and personas of tenants, kept in memory; ≥ 1.
        models_held: Tenants whose learned models are kept in memory, ≥ 1; 10 000 items take
            about 40 MB.
        first_model_wait_s: How long a ranking waits for a tenant's first model; ≥ 0.
    """

    minimum_size: int = 5
    shrinkage: Shrinkage = DEFAULT_SHRINKAGE
    popular: int = 10
    candidates_per_layer: int = 200
    published_age_s: float = 1.0
    item_age_s: float = 5.0
    name_age_s: float = 30.0
    answers_held: int = 4_000
    items_held: int = 10_000
    scopes_held: int = 512
    models_held: int = 8
    first_model_wait_s: float = 5.0


DEFAULT_OPTIONS: Final = LookupOptions()


def require_name(where: str, text: str) -> None:
    """Refuse what no event could carry as an id or tenant.

    Args:
        where: Which argument it is.

    Raises:
        InvalidName: not 1 to 512 bytes of UTF-8.
    """
    longest = DEFAULT_LIMITS.max_id_bytes
    try:
        size_bytes = len(text.encode())
    except UnicodeEncodeError:
        # A lone surrogate, which JSON can spell and UTF-8 cannot.
        size_bytes = 0
    if not 1 <= size_bytes <= longest:
        raise InvalidName(where, f"must have 1 to {longest} bytes of UTF-8")


def require_listed(where: str, number: int) -> None:
    """Refuse lengths of lists outside 1 to `MOST_LISTED`.

    Raises:
        ValueError: naming `where`.
    """
    if not 1 <= number <= MOST_LISTED:
        raise ValueError(f"{where} must lie in 1..{MOST_LISTED}, not {number}")
