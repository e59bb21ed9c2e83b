"""Answers of the service as material for a language model: quoted, so that nothing instructs it."""

from typing import Final, TypeVar, cast

from pydantic import BaseModel
from pydantic_core import from_json

from profiles.documents.quoting import harmless, quoted
from schemas.json_values import Json

__all__ = ["material"]

_View = TypeVar("_View", bound=BaseModel)

_IDS: Final = frozenset(
    {"about", "cursor", "document_id", "id", "item_id", "next_cursor", "persona", "user_id"}
)
"""Unchanged: they come back as arguments of other tools, and have to be what they are."""

_TEXTS: Final = frozenset(
    {"declared_by", "description", "kind", "reason", "term", "text", "title", "value"}
)
"""What people wrote, or what is made of it."""

_QUOTED_WHOLE: Final = frozenset({"attributes"})
_MOST: Final = 4_000


def material(answer: str, kind: type[_View]) -> _View:
    """The answer with every text of people quoted, and all other words made harmless.

    A quotation is one line between straight double quotes that nothing inside can end
    (`profiles.documents.quoting`). Ids stay as they are.

    Raises:
        ValidationError: a service of another version answers in another form.
    """
    return kind.model_validate(_made_material(cast("Json", from_json(answer)), field=""))


def _made_material(value: Json, *, field: str) -> Json:
    if isinstance(value, dict):
        return {
            # What a person named is a key in some answers: an attribute, an action.
            harmless(name): _made_material(inner, field=field if field in _QUOTED_WHOLE else name)
            for name, inner in value.items()
        }
    if isinstance(value, list):
        return [_made_material(inner, field=field) for inner in value]
    if not isinstance(value, str) or field in _IDS:
        return value
    if field in _TEXTS | _QUOTED_WHOLE:
        return quoted(value, most=_MOST)
    return harmless(value, most=_MOST)
