"""What happens to personas, as others may follow it on `strata.persona-events`: JSON."""

from enum import StrEnum
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

__all__ = ["PersonaEvent", "PersonaFate"]


class PersonaFate(StrEnum):
    """What may happen to a persona beside going on."""

    BIRTH = "birth"
    SPLIT = "split"
    MERGE = "merge"
    END = "end"


class PersonaEvent(BaseModel):
    """A persona was born, split off from another, merged into another, or ended.

    An event may come twice, under the same `event_id`.

    Attributes:
        event_id: The same for repeats.
        occurred_at: When it was found.
        version: Of the published personas that this is the first to hold for.
        fate: `split` names the new persona and `merge` the one that is gone.
        persona: Whose fate it is.
        other: Whom it split from or merged into; null for a birth or an end.
        members: Of the sample that personas were sought in: of the new persona, or of
            the one that is gone.
    """

    model_config = ConfigDict(frozen=True)

    event_id: str
    type: Literal["persona"] = "persona"
    occurred_at: Annotated[str, Field(json_schema_extra={"format": "date-time"})]
    tenant: str
    version: Annotated[int, Field(ge=1)]
    fate: PersonaFate
    persona: str
    other: str | None
    members: Annotated[int, Field(ge=0)]
