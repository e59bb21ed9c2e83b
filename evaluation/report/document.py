"""A page as blocks, so that HTML and Markdown say the same."""

from collections.abc import Sequence
from dataclasses import dataclass

__all__ = ["Block", "Bullets", "Chart", "Document", "Heading", "Paragraph", "Table"]


@dataclass(frozen=True, slots=True)
class Heading:
    """`level` from 2 (under the title) to 5."""

    level: int
    text: str


@dataclass(frozen=True, slots=True)
class Paragraph:
    text: str


@dataclass(frozen=True, slots=True)
class Bullets:
    items: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Table:
    """`rows` are as long as `header`; the first column names the row."""

    caption: str
    header: tuple[str, ...]
    rows: Sequence[tuple[str, ...]]


@dataclass(frozen=True, slots=True)
class Chart:
    """A drawing, and the same in words.

    Attributes:
        name: Of its file, without ending: lower-case letters, digits and hyphens.
        alternative: What somebody learns who cannot see it.
        svg: A whole SVG document.
    """

    name: str
    title: str
    alternative: str
    svg: str


Block = Heading | Paragraph | Bullets | Table | Chart


@dataclass(frozen=True, slots=True)
class Document:
    title: str
    blocks: tuple[Block, ...]
