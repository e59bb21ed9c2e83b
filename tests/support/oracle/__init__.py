"""What Strata should say, worked out again in the most literal plain Python.

Nothing here imports the product. Identities come from hashlib and the policy's
numbers are written out again, so that a mistake made once in the product is not
made here too. Item vectors and persona centroids are taken as given.
"""

from oracle.differences import compare, first_ten
from oracle.history import Oracle, OracleUser, tell
from oracle.identities import hash_of_action, hash_of_event, hash_of_item, hash_of_user
from oracle.personas import Nearest, members_of, nearest_persona
from oracle.population import (
    TREND_WINDOWS,
    Population,
    popularity_at,
    population,
    trend_counts,
)
from oracle.settings import DEFAULT_SETTINGS, Settings

__all__ = [
    "DEFAULT_SETTINGS",
    "TREND_WINDOWS",
    "Nearest",
    "Oracle",
    "OracleUser",
    "Population",
    "Settings",
    "compare",
    "first_ten",
    "hash_of_action",
    "hash_of_event",
    "hash_of_item",
    "hash_of_user",
    "members_of",
    "nearest_persona",
    "popularity_at",
    "population",
    "tell",
    "trend_counts",
]
