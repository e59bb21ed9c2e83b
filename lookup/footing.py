"""What an answer about one user stands on: their persona, the layers' weights, and what is old."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

from lookup.published import EVERYBODY, PublishedReader, ReleasedReader
from lookup.remembered import Reading
from profiles.personas import Persona, PersonaSet
from profiles.ranking import LayerWeights, Shrinkage, layer_weights
from schemas.snapshots import StatisticsSnapshot
from schemas.views import AbsenceView, LabelView, MembershipView

__all__ = [
    "Footing",
    "Placed",
    "find_footing",
    "footing_among",
    "membership_of",
    "personas_trouble",
    "statistics_trouble",
]


class Placed(Protocol):
    """What of a known user decides where they stand; see `CachedProfile`."""

    @property
    def persona(self) -> str | None: ...
    @property
    def directed(self) -> bool: ...
    @property
    def effective_sample_size(self) -> float: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Footing:
    """Of one user, or of an unknown one.

    Attributes:
        membership: None for the reason in `absent`.
        persona_size: Members that the persona weighs by; 0 for one that has no weight.
        persona: Exact statistics of the user's persona, if it is named and has any: for
            rankings, not to be shown.
        everybody: Likewise of everybody; None if none were published.
        shown: What may be told of the persona, else of everybody; None if nothing was.
    """

    membership: MembershipView | None
    absent: AbsenceView | None
    weights: LayerWeights
    persona: StatisticsSnapshot | None
    everybody: StatisticsSnapshot | None
    stale_because: tuple[str, ...]
    shown: StatisticsSnapshot | None = None
    persona_size: int = 0


async def find_footing(
    published: PublishedReader,
    released: ReleasedReader,
    *,
    tenant: str,
    profile: Placed | None,
    minimum_size: int,
    shrinkage: Shrinkage,
) -> Footing:
    """Where a user stands among the published layers; None stands for an unknown user.

    A persona that is hidden or has no statistics gets no weight: its members
    are answered from the global layer. Weights are shown, so they rest on the size that may be.
    """
    wanted = None if profile is None else profile.persona
    reading: Reading[PersonaSet] = Reading(None)
    if wanted is not None:
        reading = await released.personas(tenant)
    persona = _shown(wanted, reading.value, minimum_size)
    scopes = [EVERYBODY] if persona is None else [EVERYBODY, persona.id]
    statistics = await published.statistics(tenant, scopes)
    told = await released.statistics(tenant, scopes)

    membership = None
    behind = 0
    if persona is not None and reading.value is not None:
        membership = membership_of(persona, reading.value)
        behind = persona.size if statistics[persona.id].value is not None else 0
    return Footing(
        membership=membership,
        absent=None if membership is not None else _absence(profile, reading, minimum_size),
        weights=layer_weights(
            effective_sample_size=(
                profile.effective_sample_size if profile is not None and profile.directed else 0.0
            ),
            persona_size=behind,
            shrinkage=shrinkage,
        ),
        persona_size=behind,
        persona=None if persona is None else statistics[persona.id].value,
        everybody=statistics[EVERYBODY].value,
        shown=(None if persona is None else told[persona.id].value) or told[EVERYBODY].value,
        stale_because=tuple(
            dict.fromkeys(
                [
                    *personas_trouble(reading),
                    *statistics_trouble(statistics[EVERYBODY]),
                    *(() if persona is None else statistics_trouble(statistics[persona.id])),
                ]
            )
        ),
    )


def footing_among(
    personas: PersonaSet | None,
    *,
    profile: Placed | None,
    minimum_size: int,
    weights: LayerWeights,
    stale_because: tuple[str, ...],
) -> Footing:
    """Where a user stands among given personas, when a model has said what weighs how much."""
    persona = _shown(None if profile is None else profile.persona, personas, minimum_size)
    membership = None
    if persona is not None and personas is not None:
        membership = membership_of(persona, personas)
    absent = None
    if membership is None:
        absent = _absence(profile, Reading(personas), minimum_size)
    return Footing(
        membership=membership,
        absent=absent,
        weights=weights,
        persona=None,
        everybody=None,
        stale_because=stale_because,
    )


def _shown(wanted: str | None, personas: PersonaSet | None, minimum_size: int) -> Persona | None:
    """A persona, if it is published and may be shown."""
    if wanted is None or personas is None:
        return None
    return next(
        (one for one in personas.personas if one.id == wanted and one.size >= minimum_size), None
    )


def membership_of(persona: Persona, personas: PersonaSet) -> MembershipView:
    return MembershipView(
        id=persona.id,
        size=persona.size,
        # Sizes and users are counted one after the other and may disagree by a few.
        share=min(1.0, persona.size / personas.users) if personas.users else 0.0,
        labels=tuple(
            LabelView(text=label.text, score=label.score, count=label.count)
            for label in persona.labels
        ),
    )


def personas_trouble(reading: Reading[PersonaSet]) -> Iterator[str]:
    if reading.trouble is not None:
        yield "the personas could not be read just now"


def statistics_trouble(reading: Reading[StatisticsSnapshot]) -> Iterator[str]:
    if reading.trouble is not None:
        yield "the statistics could not be read just now"
    elif reading.value is None:
        yield "no statistics have been published yet"
    if reading.value is not None and reading.value.stale:
        yield "the statistics are being rebuilt"


def _absence(
    profile: Placed | None, personas: Reading[PersonaSet], minimum_size: int
) -> AbsenceView:
    if profile is None:
        return AbsenceView(code="unknown-user", text="nothing is known about this user")
    if not profile.directed:
        return AbsenceView(
            code="no-direction", text="the user's evidence does not point anywhere yet"
        )
    if profile.persona is None:
        return AbsenceView(code="unassigned", text="the user has not been assigned a persona yet")
    if personas.value is None and personas.trouble is not None:
        return AbsenceView(code="unavailable", text="the personas could not be read just now")
    published = () if personas.value is None else personas.value.personas
    if any(persona.id == profile.persona for persona in published):
        return AbsenceView(
            code="hidden",
            text=f"the user's persona has fewer than {minimum_size} members and is not shown",
        )
    return AbsenceView(
        code="unpublished", text="the user's persona is not among those published now"
    )
