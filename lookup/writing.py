"""The language of a text, by py3langid (Lui & Baldwin 2012, "langid.py")."""

from functools import cache
from typing import Final, Protocol

__all__ = ["language_of"]

_LEAST_LETTERS: Final = 20
_LEAST_PROBABILITY: Final = 0.8


class _Identifier(Protocol):
    def classify(self, text: str) -> tuple[str, float]: ...


@cache
def _identifier() -> _Identifier:
    # Imported when used: its model takes a second to load.
    from py3langid.langid import MODEL_FILE, LanguageIdentifier  # noqa: PLC0415

    identifier: _Identifier = LanguageIdentifier.from_model_file(MODEL_FILE, norm_probs=True)
    return identifier


def language_of(text: str) -> str | None:
    """ISO 639-1 code, or None where it cannot be told: fewer than 20 letters, or doubtful."""
    if sum(letter.isalpha() for letter in text) < _LEAST_LETTERS:
        return None
    code, probability = _identifier().classify(text)
    return code if probability >= _LEAST_PROBABILITY else None
