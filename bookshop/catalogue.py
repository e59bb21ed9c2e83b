"""The bookshop's shelves: real public-domain books, read from the bundled `catalogue.jsonl`.

Title, author, year and subject are facts; the descriptions were written for this catalogue.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from importlib.resources import files

import msgspec


@dataclass(frozen=True, slots=True, kw_only=True)
class Book:
    """A book on the shelf.

    `year` is that of first publication. `subjects` begins with `subject`, the shelf the book
    stands on; `text` is what gets embedded, `description` is its last part.
    """

    item_id: str
    title: str
    author: str
    year: int
    subject: str
    subjects: tuple[str, ...]
    description: str
    text: str


class _Attributes(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    author: str
    year: int
    subject: str
    subjects: tuple[str, ...]


class _ItemLine(msgspec.Struct, frozen=True, tag="item", forbid_unknown_fields=True):
    event_id: str
    occurred_at: str
    item_id: str
    title: str
    text: str
    attributes: _Attributes


def load_books() -> tuple[Book, ...]:
    """The whole catalogue as typed values, in shelf order.

    Raises:
        msgspec.ValidationError: a line of the bundled file is not an item of the catalogue.
    """
    return tuple(_book(msgspec.json.decode(line, type=_ItemLine)) for line in _lines())


def item_events() -> list[dict[str, object]]:
    """The catalogue as `item` events ready to publish, in shelf order; fresh on every call."""
    return [msgspec.json.decode(line, type=dict[str, object]) for line in _lines()]


def _lines() -> Iterator[bytes]:
    yield from files("bookshop").joinpath("catalogue.jsonl").read_bytes().splitlines()


def _book(line: _ItemLine) -> Book:
    attributes = line.attributes
    shelves = ", ".join(attributes.subjects)
    head = f"{line.title}, by {attributes.author} ({attributes.year}). "
    head += f"{shelves[:1].upper()}{shelves[1:]}. "
    return Book(
        item_id=line.item_id,
        title=line.title,
        author=attributes.author,
        year=attributes.year,
        subject=attributes.subject,
        subjects=attributes.subjects,
        description=line.text.removeprefix(head),
        text=line.text,
    )
