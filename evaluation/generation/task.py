"""What is to be written: the title of a text, or the reason for a choice.

LaMP-style (Salemi et al. 2024, "LaMP: When Large Language Models Meet Personalization"): an input,
what the user really wrote as the reference, and earlier pairs of both as the profile.

* *title*: of a document with a title and a text; the input is the text.
* *reason*: a document without a title about two items or more says why one of them was chosen;
  the input is their texts, the chosen one first where the user's choice came before (which it
  does where both carry the same time: documents come last in their instant).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from schemas.decoded import Document, Preference

__all__ = ["Assignment", "Choices", "Kind", "assignment_of"]


class Kind(StrEnum):
    """What is to be written."""

    TITLE = "title"
    REASON = "reason"


@dataclass(frozen=True, slots=True)
class Assignment:
    """Something to write, and what was really written.

    Attributes:
        inputs: The text; or the texts of what was compared.
        chosen: Whether the first input is what the user chose.
        reference: What the user wrote; no writer sees it.
    """

    kind: Kind
    inputs: tuple[str, ...]
    chosen: bool
    reference: str


class Choices:
    """Each user's latest choice, to tell which of two items a reason speaks for."""

    def __init__(self) -> None:
        self._latest: dict[tuple[str, frozenset[str]], str] = {}

    def note(self, event: Preference) -> None:
        chosen, rejected = event.chosen.item_id, event.rejected.item_id
        if chosen is not None and rejected is not None:
            self._latest[event.user_id, frozenset((chosen, rejected))] = chosen

    def of(self, user_id: str, about: Sequence[str]) -> str | None:
        """The item that the user chose of these, if they did."""
        return self._latest.get((user_id, frozenset(about)))

    def forget(self, user_id: str) -> None:
        for key in [key for key in self._latest if key[0] == user_id]:
            del self._latest[key]


def assignment_of(event: Document, texts: Mapping[str, str], choices: Choices) -> Assignment | None:
    """What to write in the place of a document; None for one that is not asked for.

    Args:
        texts: Of the items that are described, by id.
    """
    if event.title and event.title.strip():
        if not event.text.strip():
            return None
        return Assignment(Kind.TITLE, (event.text,), chosen=False, reference=event.title.strip())
    about = list(dict.fromkeys(event.about))
    if len(about) < 2 or not event.text.strip() or not all(texts.get(name) for name in about):
        return None
    chosen = choices.of(event.user_id, about)
    if chosen is not None:
        about.sort(key=lambda name: name != chosen)
    inputs = tuple(texts[name] for name in about)
    return Assignment(Kind.REASON, inputs, chosen is not None, event.text.strip())
