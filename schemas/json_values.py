"""What a JSON document is made of, once parsed."""

from typing import Final, TypeAlias

Scalar: TypeAlias = str | int | float | bool
Json: TypeAlias = str | int | float | bool | list["Json"] | dict[str, "Json"] | None

INT64_MIN: Final = -(2**63)
INT64_MAX: Final = 2**63 - 1
