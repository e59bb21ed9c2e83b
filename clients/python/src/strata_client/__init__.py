"""Ask Strata what is known about a user, and tell it what users do."""

from strata_client._asking import Published
from strata_client._async import AsyncStrata
from strata_client._calls import Filters
from strata_client._sync import Strata
from strata_client.errors import StrataError
from strata_client.events import (
    Attributes,
    Choice,
    Consent,
    Document,
    Erasure,
    Event,
    EventLike,
    Identity,
    Interaction,
    Item,
    ItemRetired,
    Preference,
    Removal,
)
from strata_client.quick import QuickProfile
from strata_client.retries import RetryBudget, RetryPolicy

__all__ = [
    "AsyncStrata",
    "Attributes",
    "Choice",
    "Consent",
    "Document",
    "Erasure",
    "Event",
    "EventLike",
    "Filters",
    "Identity",
    "Interaction",
    "Item",
    "ItemRetired",
    "Preference",
    "Published",
    "QuickProfile",
    "Removal",
    "RetryBudget",
    "RetryPolicy",
    "Strata",
    "StrataError",
]
