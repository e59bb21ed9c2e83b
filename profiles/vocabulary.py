"""Which attributes users may state, declared in a file.

A value outside is a typing error, another system's code or a text where a word belongs; it would
become a group of one in every statistic. So its event is refused, whole: half of what somebody said
at once is something else than they said.

    only_these = true

    [attribute.country]
    values = ["BE", "DE", "NL"]

    [attribute.age]
    type = "number"
    at_least = 0
    at_most = 130
"""

import math
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, Literal, TypeAlias

from pydantic import BaseModel, ConfigDict, FiniteFloat, ValidationError, model_validator

from profiles.rules import DeclarationError
from profiles.state import Scalar

__all__ = ["ANY_ATTRIBUTES", "Vocabulary", "load_vocabulary"]

Kind: TypeAlias = Literal["text", "number", "truth"]
_MOST_ATTRIBUTES: Final = 256
_MOST_VALUES: Final = 10_000
_LONGEST_TEXT: Final = 1_000


class _Attribute(BaseModel):
    """What one attribute's values may be; whatever is not given holds for every value."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    type: Kind | None = None
    values: list[str | bool | int | FiniteFloat] | None = None
    at_least: FiniteFloat | int | None = None
    at_most: FiniteFloat | int | None = None
    longest: int = _LONGEST_TEXT

    @model_validator(mode="after")
    def _makes_sense(self) -> "_Attribute":
        if self.values is not None and not 1 <= len(self.values) <= _MOST_VALUES:
            raise ValueError(f"values: 1 to {_MOST_VALUES}")
        bounded = self.at_least is not None or self.at_most is not None
        if bounded and self.type != "number":
            raise ValueError('at_least and at_most need type = "number"')
        if self.values is not None and (self.type is not None or bounded):
            raise ValueError("values says it all: leave type and bounds out")
        low = -math.inf if self.at_least is None else self.at_least
        high = math.inf if self.at_most is None else self.at_most
        if low > high:
            raise ValueError("at_least is above at_most")
        return self

    def refusal(self, value: Scalar) -> str | None:
        """Why a value may not be stated, without the value; None if it may."""
        if self.values is not None:
            known = any(type(value) is type(one) and value == one for one in self.values)
            return None if known else "is none of the declared values"
        if self.type is not None and _kind_of(value) != self.type:
            return f"must be a {self.type}"
        if isinstance(value, str) and len(value) > self.longest:
            return f"has more than {self.longest} characters"
        if isinstance(value, int | float) and not isinstance(value, bool):
            if self.at_least is not None and value < self.at_least:
                return f"is below {self.at_least}"
            if self.at_most is not None and value > self.at_most:
                return f"is above {self.at_most}"
        return None


class _File(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    only_these: bool = False
    attribute: dict[str, _Attribute] = {}


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """What may be stated.

    Attributes:
        attributes: By name.
        only_these: Whether attributes of other names are refused.
    """

    attributes: Mapping[str, _Attribute] = field(default_factory=dict)
    only_these: bool = False

    def refusal(self, stated: Mapping[str, Scalar]) -> str | None:
        """Why these attributes may not be stated; None if all of them may.

        Names the attribute by its declared name and never quotes a value: it may be logged.
        """
        for name, value in stated.items():
            declared = self.attributes.get(name)
            if declared is None:
                if self.only_these:
                    return "an attribute is not in the vocabulary"
                continue
            reason = declared.refusal(value)
            if reason is not None:
                return f"attributes.{name} {reason}"
        return None


ANY_ATTRIBUTES: Final = Vocabulary()
"""Without a file everything may be stated."""


def load_vocabulary(text: str) -> Vocabulary:
    """The vocabulary in a TOML file.

    Raises:
        DeclarationError: not TOML, or an entry that makes no sense; the message names it.
    """
    try:
        found = _File.model_validate(tomllib.loads(text))
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise DeclarationError(f"vocabulary: not TOML: {error}") from error
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        place = ".".join(str(part) for part in first["loc"])
        raise DeclarationError(f"vocabulary: {place}: {first['msg']}") from error
    if len(found.attribute) > _MOST_ATTRIBUTES:
        raise DeclarationError(
            f"vocabulary: {len(found.attribute)} attributes, at most {_MOST_ATTRIBUTES}"
        )
    return Vocabulary(found.attribute, found.only_these)


def _kind_of(value: Scalar) -> Kind:
    if isinstance(value, bool):
        return "truth"
    return "text" if isinstance(value, str) else "number"
