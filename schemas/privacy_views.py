"""What the read side answers about a person's say over their data.

As in `schemas.views`: times are RFC 3339 in UTC, `null` means absent.
"""

from enum import StrEnum
from typing import Annotated, TypeAlias

from pydantic import BaseModel, ConfigDict, Field

__all__ = ["ErasureStage", "ErasureView"]

_Instant: TypeAlias = Annotated[str, Field(json_schema_extra={"format": "date-time"})]
_Counts: TypeAlias = dict[str, dict[str, Annotated[int, Field(ge=0)]]]


class _View(BaseModel):
    # As in `schemas.views`: unknown fields are let through for older readers.
    model_config = ConfigDict(frozen=True)


class ErasureStage(StrEnum):
    """How far an erasure has come."""

    PENDING = "pending"
    ERASED = "erased"
    COMPLETE = "complete"


class ErasureView(_View):
    """The receipt of an erasure.

    It is `pending` until no store answers with anything of the user, `erased` from then on,
    and `complete` once the files of the stores have been written anew without it.

    Attributes:
        subject: Keyed hash of tenant and user, in hexadecimal: all by which the user is known
            from now on.
        requested_at: Everything of event times up to it is forgotten.
        before, after: Store → what it holds → how many, before the erasure and after it.
        log_until: Topic → when Kafka has deleted the last record about the user; null where
            the topic keeps its records for ever.
    """

    id: str
    tenant: str
    stage: ErasureStage
    subject: str
    requested_at: _Instant
    erased_at: _Instant | None
    rewritten_at: _Instant | None
    before: _Counts | None
    after: _Counts | None
    log_until: dict[str, _Instant | None]
