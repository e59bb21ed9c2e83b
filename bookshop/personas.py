"""The tastes that the simulator plants, and that the demo hopes to find again."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

SEA: Final = "adventure and sea"
CRIME: Final = "detective and crime"
GOTHIC: Final = "gothic and horror"
MANNERS: Final = "romance and manners"
FUTURE: Final = "science fiction and utopia"
THOUGHT: Final = "philosophy and essays"
VERSE: Final = "poetry and drama"
NURSERY: Final = "children's and fairy tales"
HISTORY: Final = "history and war"
NATURE: Final = "nature and travel"
SOCIAL: Final = "Russian and French social novels"
HUMOUR: Final = "humour and satire"

AGE_BANDS: Final = ("18-24", "25-34", "35-49", "50-64", "65+")


@dataclass(frozen=True, slots=True, kw_only=True)
class Persona:
    """A planted group of like-minded readers.

    Attributes:
        share: Part of all readers, in (0, 1); the shares of `PERSONAS` sum to 1.
        taste: Probability by subject that a book chosen for pleasure comes from it; sums to 1.
        dislikes: Subjects that these readers rate low when they try them; disjoint from taste.
        age_weights: Probability by `AGE_BANDS`; sums to 1.
    """

    name: str
    share: float
    taste: Mapping[str, float]
    dislikes: frozenset[str]
    age_weights: tuple[float, float, float, float, float]


def _persona(
    name: str,
    *,
    share: float,
    taste: dict[str, float],
    dislikes: set[str],
    age_weights: tuple[float, float, float, float, float],
) -> Persona:
    return Persona(
        name=name,
        share=share,
        taste=MappingProxyType(taste),
        dislikes=frozenset(dislikes),
        age_weights=age_weights,
    )


# Verse is disliked by all six large personas and philosophy by five, so that an average over
# everybody buries the versifiers: the case that statistics per persona exist for.
PERSONAS: Final = (
    _persona(
        "voyagers",
        share=0.17,
        taste={SEA: 0.62, NATURE: 0.38},
        dislikes={VERSE, THOUGHT, MANNERS},
        age_weights=(0.15, 0.25, 0.30, 0.20, 0.10),
    ),
    _persona(
        "night-readers",
        share=0.19,
        taste={GOTHIC: 0.52, CRIME: 0.48},
        dislikes={VERSE, THOUGHT, NURSERY},
        age_weights=(0.30, 0.30, 0.20, 0.15, 0.05),
    ),
    _persona(
        "drawing-room",
        share=0.18,
        taste={MANNERS: 0.80, HUMOUR: 0.20},
        dislikes={VERSE, THOUGHT, SEA, HISTORY},
        age_weights=(0.10, 0.25, 0.25, 0.20, 0.20),
    ),
    _persona(
        "futurists",
        share=0.15,
        taste={FUTURE: 0.86, HUMOUR: 0.14},
        dislikes={VERSE, MANNERS, SOCIAL},
        age_weights=(0.35, 0.35, 0.20, 0.08, 0.02),
    ),
    _persona(
        "hearth",
        share=0.15,
        taste={NURSERY: 0.84, HUMOUR: 0.16},
        dislikes={VERSE, THOUGHT, GOTHIC, CRIME},
        age_weights=(0.02, 0.38, 0.45, 0.05, 0.10),
    ),
    _persona(
        "chroniclers",
        share=0.12,
        taste={HISTORY: 0.58, SOCIAL: 0.42},
        dislikes={VERSE, THOUGHT, NURSERY, FUTURE},
        age_weights=(0.03, 0.12, 0.25, 0.30, 0.30),
    ),
    _persona(
        "versifiers",
        share=0.04,
        taste={VERSE: 0.66, THOUGHT: 0.34},
        dislikes={SEA, CRIME, NURSERY},
        age_weights=(0.25, 0.20, 0.20, 0.15, 0.20),
    ),
)
MINORITY: Final = "versifiers"

PERSONA_BY_NAME: Final[Mapping[str, Persona]] = MappingProxyType({p.name: p for p in PERSONAS})
