"""The names of the topics and which event type travels in which: the single place."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

INTERACTIONS: Final = "strata.interactions"
PREFERENCES: Final = "strata.preferences"
DOCUMENTS: Final = "strata.documents"
ATTRIBUTES: Final = "strata.attributes"
CONSENTS: Final = "strata.consents"
ERASURES: Final = "strata.erasures"
ITEMS: Final = "strata.items"

DEAD_LETTERS: Final = "strata.dead-letters"
PROFILE_UPDATES: Final = "strata.profile-updates"
ITEM_VECTORS: Final = "strata.item-vectors"
PERSONAS: Final = "strata.personas"
PERSONA_EVENTS: Final = "strata.persona-events"

# Co-partitioned: one worker owns a user in all of them.
USER_TOPICS: Final[tuple[str, ...]] = (
    INTERACTIONS,
    PREFERENCES,
    DOCUMENTS,
    ATTRIBUTES,
    CONSENTS,
    ERASURES,
)

TOPIC_OF: Final[Mapping[str, str]] = MappingProxyType(
    {
        "interaction": INTERACTIONS,
        "preference": PREFERENCES,
        "document": DOCUMENTS,
        "attributes": ATTRIBUTES,
        # An alias is static about a person and must be kept for ever, as attributes are.
        "identity": ATTRIBUTES,
        "consent": CONSENTS,
        # Must outlive what it removes, as withdrawals must.
        "removal": CONSENTS,
        "erasure": ERASURES,
        "item": ITEMS,
        "item_retired": ITEMS,
    }
)
