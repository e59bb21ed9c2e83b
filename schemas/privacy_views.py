"""What the read side answers about a person's say over their data.

As in `schemas.views`: times are RFC 3339 in UTC, `null` means absent.
"""

from enum import StrEnum
from typing import Annotated, TypeAlias

from pydantic import BaseModel, ConfigDict, Field

__all__ = [
    "ErasureStage",
    "ErasureView",
    "MineView",
    "OwnInferenceView",
    "OwnKindView",
    "OwnLineView",
]

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
        versions: Other versions that are kept → how far each has come; `stage` is that of the one
            that is least far, and counts are of the first version.
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
    versions: dict[str, ErasureStage] = {}


class OwnLineView(_View):
    """One thing that a person stated, wrote, did or chose, as it is kept.

    Attributes:
        id: Of the line: "attributes/NAME", or "TYPE/EVENT/TIME".
        text: In plain words.
        at: When it was stated or happened.
        kept_until: When it is forgotten of itself; null for as long as it is among the latest.
        name, value: Of an attribute, which can be stated anew; else null.
    """

    id: str
    text: str
    at: _Instant
    kept_until: _Instant | None
    name: str | None = None
    value: str | int | float | bool | None = None


class OwnKindView(_View):
    """A kind of data, and what is kept of it.

    Attributes:
        consent: What the person said last: true for granted; null if they said nothing.
        consent_needed: "not-needed", "opt-out" or "opt-in", by the data policy.
        kept_days: How long it is kept by the policy; null for no limit but the latest entries.
        purposes: What may see it.
        events: Kept and counted, over all time.
        since: Of the oldest line; null without any.
        lines: Newest first.
        more: Lines that are kept and not listed.
    """

    data_type: str
    consent: bool | None
    consent_needed: str
    kept_days: float | None
    purposes: tuple[str, ...]
    events: Annotated[int, Field(ge=0)]
    since: _Instant | None
    lines: tuple[OwnLineView, ...]
    more: Annotated[int, Field(ge=0)]


class OwnInferenceView(_View):
    """Something nobody stated: it was worked out. `rests_on` are kinds of data.

    It cannot be removed by itself, only through what it rests on.
    """

    what: str
    text: str
    rests_on: tuple[str, ...]


class MineView(_View):
    """What is kept of a person, for that person to read.

    Attributes:
        known: False if nothing is kept.
        kinds: What they stated, wrote, did and chose.
        inferred: What was worked out from it.
    """

    tenant: str
    user_id: str
    known: bool
    kinds: tuple[OwnKindView, ...]
    inferred: tuple[OwnInferenceView, ...]
