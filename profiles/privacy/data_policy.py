"""What may be kept of each kind of data, for how long, and what it may be used for.

People decide this, in a file; without one everything serves everything, and is kept until it is
pushed out, withdrawn or erased.

    [documents]
    consent = "opt-in"
    kept_days = 365
    purposes = ["prompting"]

    [attributes]
    purposes = ["ranking", "prompting"]
"""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from functools import cached_property
from hashlib import blake2b
from typing import Annotated, Final

from pydantic import BaseModel, ConfigDict, Field, FiniteFloat, ValidationError

from profiles.rules import DeclarationError
from profiles.state import CONSENTED, DataType

__all__ = [
    "ALL_PURPOSES",
    "ANYTHING_GOES",
    "Consent",
    "DataPolicy",
    "DataRule",
    "Purpose",
    "load_data_policy",
]

_DAY_MS: Final = 86_400_000
_LONGEST_DAYS: Final = 36_500.0


class Purpose(StrEnum):
    """What data may be used for.

    Attributes:
        RANKING: The user's own profile, vector, rankings, scores and neighbours.
        PROMPTING: What a language model is told: contexts and retrieved passages.
        TRAINING: Learned models and exported preferences. Models are everybody's, so they
            learn from what serves `AGGREGATES` as well.
        AGGREGATES: Personas and statistics, of everybody and of each persona.
    """

    RANKING = "ranking"
    PROMPTING = "prompting"
    TRAINING = "training"
    AGGREGATES = "aggregates"


ALL_PURPOSES: Final = frozenset(Purpose)


class Consent(StrEnum):
    """What a person has to have said for data to be kept.

    Attributes:
        NOT_NEEDED: Nothing. Withdrawing takes out what there is up to then; later data is kept.
        OPT_OUT: Nothing, but while consent stands withdrawn, nothing is kept.
        OPT_IN: Nothing is kept until it was granted, nor of what happened before that.
    """

    NOT_NEEDED = "not-needed"
    OPT_OUT = "opt-out"
    OPT_IN = "opt-in"


@dataclass(frozen=True, slots=True, kw_only=True)
class DataRule:
    """The rule of one kind of data.

    Attributes:
        kept_days: By the clock, from event time; > 0. None: for as long as it is among the
            latest entries.
        purposes: What it serves; may be none.
    """

    consent: Consent = Consent.NOT_NEEDED
    kept_days: float | None = None
    purposes: frozenset[Purpose] = ALL_PURPOSES

    @property
    def kept_ms(self) -> int | None:
        """`kept_days` in milliseconds."""
        return None if self.kept_days is None else max(1, round(self.kept_days * _DAY_MS))


_FREE: Final = DataRule()


@dataclass(frozen=True)
class DataPolicy:
    """The rules of all kinds; a kind without one is free.

    Not slotted, so that what follows from the rules is worked out once.
    """

    rules: Mapping[DataType, DataRule] = field(default_factory=dict)

    def rule(self, kind: DataType) -> DataRule:
        return self.rules.get(kind, _FREE)

    def serving(self, *purposes: Purpose) -> frozenset[DataType]:
        """Kinds that serve all of these purposes."""
        return frozenset(
            kind for kind in CONSENTED if self.rule(kind).purposes.issuperset(purposes)
        )

    def barred(self, *purposes: Purpose) -> tuple[DataType, ...]:
        """Kinds that do not, in the order of their names."""
        serving = self.serving(*purposes)
        return tuple(sorted(kind for kind in CONSENTED if kind not in serving))

    @cached_property
    def ranked(self) -> frozenset[DataType]:
        """Kinds that a user's own profile is made of."""
        return self.serving(Purpose.RANKING)

    @cached_property
    def placed(self) -> frozenset[DataType]:
        """Kinds that decide where a user stands among the others: vector and persona."""
        return self.serving(Purpose.RANKING, Purpose.AGGREGATES)

    @cached_property
    def counted(self) -> frozenset[DataType]:
        """Kinds that personas and statistics count."""
        return self.serving(Purpose.AGGREGATES)

    @cached_property
    def learned(self) -> frozenset[DataType]:
        """Kinds that models are learned from."""
        return self.serving(Purpose.TRAINING, Purpose.AGGREGATES)

    @cached_property
    def consent_decides(self) -> frozenset[DataType]:
        """Kinds of which an event may have to be refused."""
        return frozenset(
            kind for kind in CONSENTED if self.rule(kind).consent is not Consent.NOT_NEEDED
        )

    @cached_property
    def forgets(self) -> bool:
        """Whether any kind is kept for a limited time."""
        return any(self.rule(kind).kept_days is not None for kind in CONSENTED)

    @cached_property
    def version(self) -> int:
        """In [1, 2**31) by what the rules say; 0 if every kind is free."""
        spelled = [
            (kind.value, rule.consent.value, rule.kept_days, sorted(rule.purposes))
            for kind in sorted(CONSENTED)
            if (rule := self.rule(kind)) != _FREE
        ]
        if not spelled:
            return 0
        said = repr(spelled).encode()
        digest = blake2b(said, digest_size=4, person=b"strata-rules").digest()
        return int.from_bytes(digest, "little") % ((1 << 31) - 1) + 1


ANYTHING_GOES: Final = DataPolicy()
"""Without a file: no consent needed, no limit but the latest entries, every purpose."""


class _Rule(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    consent: Consent = Consent.NOT_NEEDED
    kept_days: Annotated[FiniteFloat, Field(strict=True, gt=0, le=_LONGEST_DAYS)] | None = None
    purposes: frozenset[Purpose] = ALL_PURPOSES


class _File(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    documents: _Rule = _Rule()
    attributes: _Rule = _Rule()
    interactions: _Rule = _Rule()
    preferences: _Rule = _Rule()


def load_data_policy(text: str) -> DataPolicy:
    r"""The policy in a TOML file.

    >>> sorted(load_data_policy('[documents]\npurposes = ["prompting"]').barred(Purpose.TRAINING))
    [<DataType.DOCUMENTS: 'documents'>]

    Raises:
        DeclarationError: not TOML, an unknown kind or purpose, or a time that is none; one line
            that names the entry.
    """
    try:
        found = _File.model_validate(tomllib.loads(text))
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise DeclarationError(f"data policy: not TOML: {error}") from error
    except ValidationError as error:
        raise DeclarationError(f"data policy: {_first(error)}") from error
    return DataPolicy(
        {
            DataType(name): DataRule(
                consent=rule.consent, kept_days=rule.kept_days, purposes=rule.purposes
            )
            for name in sorted(_File.model_fields)
            if (rule := getattr(found, name)) != _Rule()
        }
    )


def _first(error: ValidationError) -> str:
    """The first mistake, in one line that names the entry."""
    first = error.errors(include_url=False, include_input=False)[0]
    place = ".".join(str(part) for part in first["loc"])
    if first["type"] == "extra_forbidden":
        known = _Rule.model_fields if len(first["loc"]) > 1 else _File.model_fields
        return f"there is no {place!r} (known: {', '.join(sorted(known))})"
    return f"{place}: {first['msg']}"
